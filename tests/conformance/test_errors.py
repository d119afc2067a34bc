"""Every refusal of a store becomes the error that says what to do next (clouds.md D1, D2)."""

import pytest

from connectors.capabilities import DestinationStore
from connectors.errors import (
    Corrupted,
    Denied,
    Fatal,
    NotFound,
    Rejected,
    StoreError,
    Throttled,
    Unavailable,
)
from connectors.objects import ANY, Guard
from connectors.s3.store import S3Store
from connectors.wire import Counters, Wire
from engine.failures import Meaning
from tests.conformance.harness import AK, SK, Harness, block, plain
from tests.storeserver import ServerProcess

GUARD = Guard("", 1)


async def test_a_bucket_that_exists_is_found(connector: str, store: DestinationStore) -> None:
    await store.check_bucket()


async def test_a_missing_bucket_is_fatal(faulty: str, harness: Harness, wire: Wire) -> None:
    store = harness.open(wire, "no-such-bucket")
    for call in (store.check_bucket(), store.list_page(b"", b""), store.list_uploads(b"")):
        with pytest.raises(Fatal) as caught:
            await call
        assert caught.value.meaning is Meaning.NO_BUCKET


async def test_a_missing_bucket_is_told_by_object_calls(faulty: str, harness: Harness, wire: Wire) -> None:
    store = harness.open(wire, "no-such-bucket")
    for call in (store.read(b"key", GUARD), store.put(b"key", block(b"x"), plain(), ANY)):
        with pytest.raises(Fatal) as caught:
            await call
        assert caught.value.meaning is Meaning.NO_BUCKET


@pytest.mark.parametrize("wrong", ["key", "secret"])
async def test_wrong_keys_are_fatal_everywhere(
    faulty: str, wrong: str, harness: Harness, wire: Wire, bucket: str
) -> None:
    keys = ("unknown-access-key", SK, "") if wrong == "key" else (AK, "not-the-secret", "")
    store = harness.open(wire, bucket, keys)
    calls = (
        store.check_bucket(),
        store.list_page(b"", b""),
        store.head(b"key"),
        store.read(b"key", GUARD),
        store.put(b"key", block(b"x"), plain(), ANY),
        store.create_upload(b"key", plain()),
    )
    for call in calls:
        with pytest.raises(Fatal) as caught:
            await call
        assert caught.value.meaning is Meaning.BAD_CREDENTIALS


async def test_a_wrong_token_is_fatal(faulty: str, harness: Harness, wire: Wire, bucket: str) -> None:
    store = harness.open(wire, bucket, ("temporary", "temporary-secret", "another-token"))
    with pytest.raises(Fatal) as caught:
        await store.list_page(b"", b"")
    assert caught.value.meaning is Meaning.EXPIRED_CREDENTIALS


async def test_a_temporary_key_works_with_its_token(
    faulty: str, harness: Harness, wire: Wire, bucket: str
) -> None:
    store = harness.open(wire, bucket, ("temporary", "temporary-secret", "the-token"))
    await store.put(b"key", block(b"x"), plain(), ANY)
    assert (await store.head(b"key")).info.size == 1


def _deny(server: ServerProcess, *operations: str, prefix: str = "") -> None:
    rules = [{"op": operation, "bucket": "", "prefix": prefix} for operation in operations]
    server.settings(policies={AK: {"deny": rules}})


async def test_denied_listing_is_fatal(faulty: str, store: DestinationStore, server: ServerProcess) -> None:
    _deny(server, "list", "head_bucket")
    for call in (store.list_page(b"", b""), store.check_bucket()):
        with pytest.raises(Fatal) as caught:
            await call
        assert caught.value.meaning is Meaning.ACCESS_DENIED


async def test_denied_objects_fail_alone(faulty: str, store: DestinationStore, server: ServerProcess) -> None:
    for key in (b"mine", b"secret/x"):
        await store.put(key, block(b"x"), plain(), ANY)
    _deny(server, "read", "head", "write", "multipart", prefix="secret/")
    calls = (
        store.head(b"secret/x"),
        store.read(b"secret/x", GUARD),
        store.put(b"secret/x", block(b"y"), plain(), ANY),
        store.create_upload(b"secret/x", plain()),
    )
    for call in calls:
        with pytest.raises(Denied) as caught:
            await call
        assert caught.value.meaning is Meaning.ACCESS_DENIED
    assert (await store.read(b"mine", GUARD)).data == b"x"


REFUSALS = [
    (503, "SlowDown", Throttled, Meaning.THROTTLED),
    (429, "TooManyRequests", Throttled, Meaning.THROTTLED),
    (503, "ServiceUnavailable", Throttled, Meaning.THROTTLED),
    (500, "InternalError", Unavailable, Meaning.UNAVAILABLE),
    (502, "", Unavailable, Meaning.UNAVAILABLE),
    (400, "RequestTimeout", Unavailable, Meaning.UNAVAILABLE),
    (409, "OperationAborted", Unavailable, Meaning.CONFLICT),
    (400, "BadDigest", Corrupted, Meaning.DIGEST_MISMATCH),
    (400, "MetadataTooLarge", Rejected, Meaning.METADATA_TOO_BIG),
    (400, "KMS.NotFoundException", Rejected, Meaning.KMS),
    (400, "EntityTooLarge", Rejected, Meaning.TOO_LARGE),
    (403, "FrozenUserId", Fatal, Meaning.ACCOUNT_FROZEN),
    (403, "InArrearOrInsufficientBalance", Fatal, Meaning.ARREARS),
    (403, "DeregisterUserId", Fatal, Meaning.ACCOUNT_CLOSED),
    (403, "InsufficientStorageSpace", Fatal, Meaning.NO_SPACE),
    (400, "ExpiredToken", Fatal, Meaning.EXPIRED_CREDENTIALS),
    (301, "PermanentRedirect", Fatal, Meaning.WRONG_REGION),
    (400, "SomethingNew", Rejected, Meaning.REJECTED),
]


@pytest.mark.parametrize(("status", "code", "kind", "meaning"), REFUSALS)
async def test_a_refusal_has_its_class(
    faulty: str,
    status: int,
    code: str,
    kind: type[StoreError],
    meaning: Meaning,
    store: DestinationStore,
    server: ServerProcess,
) -> None:
    server.faults.add(op="put", status=status, code=code, retry_after=7 if status == 503 else None)
    with pytest.raises(kind) as caught:
        await store.put(b"key", block(b"x"), plain(), ANY)
    assert (caught.value.meaning, caught.value.status) == (meaning, status)
    assert caught.value.retry_after == (7.0 if status == 503 else None)


async def test_nothing_is_asked_twice(
    faulty: str, store: DestinationStore, server: ServerProcess, meter: Counters
) -> None:
    server.faults.add(op="put", status=503, code="SlowDown")
    server.faults.add(op="get", drop=True)
    with pytest.raises(Throttled):
        await store.put(b"key", block(b"x"), plain(), ANY)
    with pytest.raises(Unavailable):
        await store.read(b"key", GUARD)
    assert (meter.requests("put"), meter.requests("read")) == (1, 1)


TOLD_BY_THE_STORE = {
    "AWS path V4",
    "AWS virtual V4",
    "AWS dialect aws",
    "Aliyun OSS",
    "KingsoftCloud KS3",
    "Qiniu Kodo",
    "UCloud US3",
}


async def test_a_wrong_region_is_learned_once(
    faulty: str, harness: Harness, store: DestinationStore, server: ServerProcess, meter: Counters
) -> None:
    server.settings(strict_region=True, region="eu-central-9")
    try:
        for key in (b"one", b"two"):
            await store.put(key, block(b"x"), plain(), ANY)
            assert (await store.head(key)).info.size == 1
    finally:
        server.settings(strict_region=False, region="us-east-1")
    expected = 3 if faulty in TOLD_BY_THE_STORE else 2
    assert meter.requests("put") == expected


async def test_head_of_a_missing_key_is_one_request(
    faulty: str, store: DestinationStore, meter: Counters
) -> None:
    with pytest.raises(NotFound):
        await store.head(b"nothing")
    assert meter.requests("head") == 1


async def test_a_requester_says_that_he_pays(
    faulty: str, harness: Harness, wire: Wire, server: ServerProcess
) -> None:
    bucket = harness.fresh_bucket()
    server.create_bucket(bucket, requester_pays=True)
    silent, paying = harness.open(wire, bucket), harness.open(wire, bucket, requester_pays=True)
    with pytest.raises(StoreError) as caught:
        await silent.put(b"key", block(b"x"), plain(), ANY)
    assert caught.value.meaning is Meaning.ACCESS_DENIED
    await paying.put(b"key", block(b"x"), plain(), ANY)
    assert [info.key for info in (await paying.list_page(b"", b"")).objects] == [b"key"]
    assert (await paying.read(b"key", GUARD)).data == b"x"


async def test_the_region_and_the_buckets_are_told(faulty: str, store: DestinationStore, bucket: str) -> None:
    assert isinstance(store, S3Store)
    assert await store.find_region() in {"", "us-east-1", "oss-us-east-1"}
    names = {info.name for info in await store.list_buckets()}
    assert store.name.partition("/")[2].partition("@")[0] in names
