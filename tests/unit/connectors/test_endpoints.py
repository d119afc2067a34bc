"""The endpoints file and the vendors' own hosts (design 7)."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from connectors.bos.store import BosStore
from connectors.endpoints import EndpointError, Endpoints, load_endpoints, parse_endpoints
from connectors.hosts import signed_region
from connectors.locations import Credentials, Location
from connectors.obs.store import ObsStore
from connectors.qingstor.store import QingStore
from connectors.registry import UnsupportedCloud, open_store
from connectors.s3.dialects import Addressing, Signature
from connectors.s3.store import S3Store
from connectors.settings import endpoints, endpoints_file
from connectors.wire import Wire
from engine.failures import Side

LINE = '{cloud_type: AWS, region: us-east-1, endpoint: "http://127.0.0.1:9000"}'


def test_the_first_line_that_serves_wins() -> None:
    found = parse_endpoints(
        f"""
        - {LINE}
        - {{cloud_type: AWS, region: "*", endpoint: "https://s3.example.com"}}
        - {{cloud_type: "*", region: "*", endpoint: "http://other.example.com:81"}}
        """
    )
    assert found.find("AWS", "us-east-1").port == 9000
    assert (found.find("AWS", "eu-west-1").host, found.find("AWS", "eu-west-1").port) == (
        "s3.example.com",
        443,
    )
    assert found.find("HEC", "any").target.authority == "other.example.com:81"


def test_a_line_has_the_defaults_of_its_host() -> None:
    found = parse_endpoints(
        """
        - {cloud_type: HEC, region: a, endpoint: "https://obs.cn-north-4.myhuaweicloud.com"}
        - {cloud_type: HEC, region: b, endpoint: "http://rgw.local:7480"}
        - {cloud_type: AWS, region: c, endpoint: "https://s3.us-west-2.amazonaws.com"}
        - {cloud_type: HEC, region: d, endpoint: "http://10.0.0.1:80", dialect: obs}
        """
    )
    wanted = [
        ("obs", Signature.OBS, Addressing.VIRTUAL),
        ("s3", Signature.V4, Addressing.PATH),
        ("aws", Signature.V4, Addressing.VIRTUAL),
        ("obs", Signature.OBS, Addressing.PATH),
    ]
    assert [(line.dialect.name, line.signature, line.addressing) for line in found.lines] == wanted
    assert all(line.target.route.private_ok for line in found.lines)


def test_connect_ca_and_tls_reach_the_route(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.touch()
    (line,) = parse_endpoints(
        f'[{{cloud_type: AWS, region: r, endpoint: "https://s3.local", connect: "[::1]:9", ca_file: "{ca}", '
        "verify_tls: false, signature: v2, addressing: virtual}]"
    ).lines
    route = line.target.route
    assert (route.connect, route.ca_file, route.verify_tls) == (("::1", 9), str(ca), False)


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "[1]",
        "{",
        "- {cloud_type: AWS, region: r}",
        '- {cloud_type: AWS, region: r, endpoint: "ftp://x"}',
        '- {cloud_type: AWS, region: r, endpoint: "http://x/path"}',
        '- {cloud_type: AWS, region: r, endpoint: "http://user@x"}',
        '- {cloud_type: AWS, region: r, endpoint: "http://x:99999"}',
        '- {cloud_type: AWS, region: r, endpoint: "http://x", dialect: gopher}',
        '- {cloud_type: AWS, region: r, endpoint: "http://x", signature: v5}',
        '- {cloud_type: AWS, region: r, endpoint: "http://x", dialect: obs, signature: v4}',
        '- {cloud_type: AWS, region: r, endpoint: "http://x", addressing: sideways}',
        '- {cloud_type: AWS, region: r, endpoint: "http://x", connect: nowhere}',
        '- {cloud_type: AWS, region: r, endpoint: "http://x", ca_file: /no/such/file}',
        '- {cloud_type: AWS, region: r, endpoint: "http://x", verify_tls: "no"}',
        '- {cloud_type: AWS, region: r, endpoint: "http://x", conect: "x:1"}',
    ],
)
def test_a_wrong_file_is_refused(text: str) -> None:
    with pytest.raises(EndpointError):
        parse_endpoints(text)


def test_no_file_means_the_vendors_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMS_ENDPOINTS", raising=False)
    assert (endpoints_file(), endpoints()) == (None, Endpoints())
    monkeypatch.setenv("OMS_ENDPOINTS", str(tmp_path / "missing.yaml"))
    with pytest.raises(EndpointError):
        endpoints()
    (tmp_path / "there.yaml").write_text(f"- {LINE}\n")
    assert load_endpoints(tmp_path / "there.yaml").find("AWS", "us-east-1").named


@pytest.mark.parametrize(
    ("cloud", "region", "host", "dialect"),
    [
        ("AWS", "eu-west-1", "s3.eu-west-1.amazonaws.com", "aws"),
        ("AWS", "cn-north-1", "s3.cn-north-1.amazonaws.com.cn", "aws"),
        ("HuaweiCloud", "cn-north-4", "obs.cn-north-4.myhuaweicloud.com", "obs"),
        ("HEC", "eu-west-101", "obs.eu-west-101.myhuaweicloud.eu", "obs"),
        ("Aliyun", "cn-hangzhou", "oss-cn-hangzhou.aliyuncs.com", "oss"),
        ("Aliyun", "oss-cn-hangzhou", "oss-cn-hangzhou.aliyuncs.com", "oss"),
        ("Tencent", "ap-beijing", "cos.ap-beijing.myqcloud.com", "cos"),
        ("KingsoftCloud", "BEIJING", "ks3-cn-beijing.ksyuncs.com", "ks3"),
        ("KingsoftCloud", "cn-beijing", "ks3-cn-beijing.ksyuncs.com", "ks3"),
        ("KingsoftCloud", "JR_SHANGHAI", "ks3-jr-shanghai.ksyuncs.com", "ks3"),
        ("KingsoftCloud", "HANGZHOU", "kss.ksyun.com", "ks3"),
        ("Baidu", "bj", "bj.bcebos.com", "bos"),
        ("QingCloud", "pek3b", "pek3b.qingstor.com", "qingstor"),
        ("UCloud", "cn-bj", "s3-cn-bj.ufileos.com", "us3"),
        ("Qiniu", "cn-east-1", "s3.cn-east-1.qiniucs.com", "kodo"),
        ("Qiniu", "Z0", "s3.cn-east-1.qiniucs.com", "kodo"),
        ("Qiniu", "as0", "s3.ap-southeast-1.qiniucs.com", "kodo"),
    ],
)
def test_a_vendor_has_its_own_hosts(cloud: str, region: str, host: str, dialect: str) -> None:
    found = Endpoints().find(cloud, region)
    assert (found.host, found.scheme, found.dialect.name) == (host, "https", dialect)
    assert not found.target.route.private_ok


@pytest.mark.parametrize("region", ["", "x.evil.com/", "a b", "..", "169.254.169.254/", "x@y", "A", "x" * 64])
def test_a_region_cannot_name_another_host(region: str) -> None:
    with pytest.raises(EndpointError):
        Endpoints().find("AWS", region)


@pytest.mark.parametrize(
    "cloud", ["Aliyun", "Tencent", "KingsoftCloud", "Baidu", "QingCloud", "Qiniu", "UCloud"]
)
@pytest.mark.parametrize("region", ["", "x.evil.com/", "a b", "..", "169.254.169.254/", "x@y", "x" * 64])
def test_no_vendors_region_can(cloud: str, region: str) -> None:
    with pytest.raises(EndpointError):
        Endpoints().find(cloud, region)


def test_a_region_that_a_vendor_does_not_have_has_no_host() -> None:
    with pytest.raises(EndpointError):
        Endpoints().find("KingsoftCloud", "atlantis")


@pytest.mark.parametrize(
    ("host", "dialect"),
    [
        ("oss-cn-hangzhou-internal.aliyuncs.com", "oss"),
        ("s3.oss-cn-hangzhou.aliyuncs.com", "s3"),
        ("cos-internal.ap-beijing.tencentcos.cn", "cos"),
        ("ks3-cn-beijing.ksyun.com", "ks3"),
        ("gz.bcebos.com", "bos"),
        ("s3.gz.bcebos.com", "s3"),
        ("pek3a.qingstor.com", "qingstor"),
        ("s3.pek3a.qingstor.com", "s3"),
        ("s3.cn-east-1.qiniucs.com", "kodo"),
        ("s3-cn-east-1.qiniucs.com", "kodo"),
        ("internal.s3-cn-bj.ufileos.com", "us3"),
    ],
)
def test_a_vendors_host_names_its_dialect(host: str, dialect: str) -> None:
    (line,) = parse_endpoints(f'[{{cloud_type: "*", region: "*", endpoint: "https://{host}"}}]').lines
    assert line.dialect.name == dialect


def _open(
    cloud: str,
    bucket: str = "bkt",
    *,
    key: str = "AK",
    secret: str = "SK",
    text: str = "[]",
    region: str = "us-east-1",
    app_id: str = "",
) -> object:
    location = Location(cloud, region, bucket, Side.SOURCE, app_id=app_id)
    return open_store(location, Credentials(key, SecretStr(secret)), Wire(), parse_endpoints(text))


def test_each_cloud_has_its_store() -> None:
    assert type(_open("AWS")) is S3Store
    assert type(_open("HEC")) is type(_open("HuaweiCloud")) is ObsStore
    assert type(_open("Baidu", region="bj")) is BosStore
    assert type(_open("QingCloud", region="pek3b")) is QingStore
    for cloud, region in (("Aliyun", "cn-hangzhou"), ("Tencent", "ap-beijing"), ("KingsoftCloud", "BEIJING")):
        assert type(_open(cloud, region=region)) is S3Store
    assert type(_open("HEC", text=f"[{LINE.replace('AWS', 'HEC')}]")) is S3Store


@pytest.mark.parametrize(
    ("cloud", "region", "signed"),
    [
        ("Qiniu", "z0", "cn-east-1"),
        ("Qiniu", "CN-East-2", "cn-east-2"),
        ("Aliyun", "oss-cn-x", "oss-cn-x"),
        ("AWS", "us-east-1", "us-east-1"),
    ],
)
def test_a_region_is_signed_by_the_name_of_its_host(cloud: str, region: str, signed: str) -> None:
    assert signed_region(cloud, region) == signed


@pytest.mark.parametrize(
    ("bucket", "app_id", "name"),
    [
        ("bkt", "125", "cos.ap-beijing.myqcloud.com/bkt-125@"),
        ("bkt-125", "125", "cos.ap-beijing.myqcloud.com/bkt-125@"),
        ("bkt-126", "125", "cos.ap-beijing.myqcloud.com/bkt-126-125@"),
        ("bkt-125", "", "cos.ap-beijing.myqcloud.com/bkt-125@"),
    ],
)
def test_a_tencent_bucket_is_named_with_its_account(bucket: str, app_id: str, name: str) -> None:
    store = _open("Tencent", bucket, region="ap-beijing", app_id=app_id)
    assert isinstance(store, S3Store)
    assert store.name.startswith(name)


def test_an_account_number_is_for_tencents_own_buckets_only() -> None:
    store = _open("Tencent", text="[" + LINE.replace("AWS", "Tencent") + "]", app_id="125")
    assert isinstance(store, S3Store)
    assert "/bkt@" in store.name


@pytest.mark.parametrize("app_id", ["1/2", "1.evil.com/", "a b", "@"])
def test_an_account_number_cannot_name_another_host(app_id: str) -> None:
    with pytest.raises(ValueError):
        _open("Tencent", region="ap-beijing", app_id=app_id)


def test_an_unknown_cloud_has_none() -> None:
    with pytest.raises(UnsupportedCloud):
        _open("Nowhere")


@pytest.mark.parametrize(("key", "secret"), [("", "SK"), ("AK", ""), (" ", "SK"), ("AK", "\t")])
def test_empty_keys_are_refused(key: str, secret: str) -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        _open("AWS", key=key, secret=secret)


@pytest.mark.parametrize("bucket", ["", "a/b", "evil.com/", "a b", "..", "@x", "a?b", "a#b", "-x"])
def test_a_bucket_cannot_name_another_host_or_path(bucket: str) -> None:
    for text in ("[]", f"[{LINE}]"):
        with pytest.raises(ValueError):
            _open("AWS", bucket, text=text)


def test_the_name_of_a_store_shows_no_key() -> None:
    store = _open("AWS", key="AKIAVERYSECRET")
    assert isinstance(store, S3Store)
    assert store.name.startswith("s3.us-east-1.amazonaws.com/bkt@")
    assert "AKIAVERYSECRET" not in store.name
