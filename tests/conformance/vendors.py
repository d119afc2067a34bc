"""Vendors that no emulator speaks: each on a store server of its own that verifies the vendor's signature."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.conformance.harness import AK, REGION, SK, Gaps, Harness
from tests.storeserver import Account, ServerProcess, StoreConfig

APP_ID = "1250000000"

_NO_PAYER = {("test_a_requester_says_that_he_pays", ""): "the vendor documents no header for it"}
_KEY = "test_a_key_arrives_under_its_exact_bytes"
_NO_KMS = {("test_kms_is_asked_for_and_told", ""): "the vendor documents no encryption with KMS"}


def _short_keys(most: int) -> Gaps:
    reason = f"keys of this vendor have at most {most} bytes"
    lengths = {"1024-bytes": 1024, "1024-bytes-nested": 1023}
    return {(_KEY, name): reason for name, length in lengths.items() if length > most}


def _all_of(reason: str, *checks: str) -> Gaps:
    return {(check, ""): reason for check in checks}


_NO_ARCHIVE = "the vendor has no archive"
_QINGSTOR: Gaps = {
    **_short_keys(1023),
    **_NO_KMS,
    **{("test_a_storage_class_is_stored", name): _NO_ARCHIVE for name in ("ARCHIVE", "DEEP_ARCHIVE")},
    **_all_of(
        _NO_ARCHIVE,
        "test_a_restored_object_can_be_read",
        "test_a_restore_may_be_asked_for_while_it_runs_and_after",
        "test_an_unknown_tier_or_period_is_refused",
        "test_an_archived_read_says_so",
    ),
    **_all_of("the vendor tells no CRC64", "test_the_crc64_of_the_whole_object_is_told"),
    **_all_of(
        "the vendor has no temporary keys",
        "test_a_temporary_key_works_with_its_token",
        "test_a_wrong_token_is_fatal",
    ),
    **_all_of(
        "the vendor's word for a wrong part is not documented", "test_a_missing_part_completes_nothing"
    ),
}

_KODO: Gaps = {
    **_short_keys(750),
    **_NO_KMS,
    **{(_KEY, name): "the gateway does not find keys that begin with a slash" for name in ("/lead", "//two")},
    **{(_KEY, name): "the gateway's listings cannot hold this character" for name in ("x01", "control")},
    **_all_of("the ETag is no MD5", "test_a_plain_etag_is_the_md5"),
    **_all_of("the vendor tells no CRC64", "test_the_crc64_of_the_whole_object_is_told"),
}

_US3: Gaps = {
    **_NO_KMS,
    **_all_of("the ETag is no MD5", "test_a_plain_etag_is_the_md5"),
    **_all_of("the vendor tells no CRC64", "test_the_crc64_of_the_whole_object_is_told"),
    **_all_of(
        "the gateway does not look at Content-MD5",
        "test_a_wrong_md5_is_refused_and_stores_nothing",
        "test_a_wrong_md5_refuses_the_part",
    ),
}

# name: cloud, dialect, domain of the virtual hosts, most bytes of a key, gaps
_VENDORS: dict[str, tuple[str, str, str, int, Gaps]] = {
    "Aliyun OSS": ("Aliyun", "oss", "oss-{region}.aliyuncs.test", 1023, _short_keys(1023)),
    "Aliyun OSS path": ("Aliyun", "oss", "", 1023, _short_keys(1023)),
    "Tencent COS": ("Tencent", "cos", "cos.{region}.myqcloud.test", 850, _short_keys(850) | _NO_PAYER),
    "KingsoftCloud KS3": ("KingsoftCloud", "ks3", "ks3-{region}.ksyuncs.test", 1024, _NO_KMS),
    "KingsoftCloud KS3 path": ("KingsoftCloud", "ks3", "", 1024, _NO_KMS),
    "Baidu BOS": ("Baidu", "bos", "{region}.bcebos.test", 1024, _NO_KMS),
    "Baidu BOS path": ("Baidu", "bos", "", 1024, _NO_KMS),
    "QingCloud QingStor": ("QingCloud", "qingstor", "{region}.qingstor.test", 1023, _QINGSTOR),
    "Qiniu Kodo": ("Qiniu", "kodo", "", 750, _KODO),
    "UCloud US3": ("UCloud", "us3", "", 1024, _US3),
}
VENDORS = tuple(_VENDORS)


def vendor_config(dialect: str, domain: str = "", **more: object) -> StoreConfig:
    """The configuration of a server that speaks one vendor's dialect."""
    settings: dict[str, object] = {
        "keys": {AK: Account(SK), "temporary": Account("temporary-secret", "the-token")},
        "dialect": dialect,
        "base_domain": domain,
        "app_id": APP_ID if dialect == "cos" else "",
        "crc64": True,
        "verify_content_md5": dialect != "us3",
        "region": REGION,
        **more,
    }
    return StoreConfig(**settings)  # type: ignore[arg-type]  # the values are those of the fields


def vendor_endpoint(server: ServerProcess, dialect: str, domain: str) -> str:
    """The fields of a line of the endpoints file for such a server."""
    if not domain:
        return f'endpoint: "{server.url}", dialect: {dialect}'
    host = domain.replace("{region}", REGION)
    connect = f'connect: "127.0.0.1:{server.port}"'
    return f'endpoint: "http://{host}:{server.port}", dialect: {dialect}, {connect}'


@contextmanager
def vendor_servers() -> Iterator[list[Harness]]:
    """All of them, running."""
    with ExitStack() as stack:
        yield [_harness(stack, name) for name in VENDORS]


def _harness(stack: ExitStack, name: str) -> Harness:
    cloud, dialect, domain, most, gaps = _VENDORS[name]
    server = stack.enter_context(ServerProcess(vendor_config(dialect, domain, max_key_bytes=most)))
    endpoint = vendor_endpoint(server, dialect, domain)
    app_id = APP_ID if dialect == "cos" else ""

    def make_bucket(bucket: str) -> None:
        server.create_bucket(f"{bucket}-{app_id}" if app_id else bucket)

    return Harness(name, cloud, make_bucket, endpoint, server, gaps, app_id)
