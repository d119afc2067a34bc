"""What only Google Cloud Storage promises: tokens, generations, composed objects, stored gzip, its own reasons."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from connectors.capabilities import DestinationStore
from connectors.endpoints import Endpoints, parse_endpoints
from connectors.errors import (
    Changed,
    Corrupted,
    Denied,
    Fatal,
    Rejected,
    StoreError,
    Throttled,
    Unavailable,
)
from connectors.google.accounts import ServiceAccount, read_account
from connectors.google.store import GoogleStore
from connectors.google.tokens import Tokens, token_url
from connectors.objects import ANY, ByteRange, Guard, ObjectInfo, Properties, WriteOptions
from connectors.wire import Counters, Wire
from engine.failures import Meaning, Operation, Side
from tests.conformance.google import GOOGLE
from tests.conformance.harness import AK, Harness, block, plain
from tests.google_accounts import key_file
from tests.storeserver import ServerProcess

READ_ONLY = "https://www.googleapis.com/auth/devstorage.read_only"
DATA = b"some content " * 100


@pytest.fixture
def harness(harnesses: dict[str, Harness]) -> Harness:
    return harnesses[GOOGLE]


@pytest.fixture
async def quiet(server: ServerProcess) -> AsyncIterator[None]:
    """Tokens hold for an hour again afterwards."""
    yield
    server.settings(token_seconds=3599)


def _endpoints(server: ServerProcess) -> Endpoints:
    return parse_endpoints(
        f'[{{cloud_type: Google, region: "*", endpoint: "{server.url}", dialect: google}}]'
    )


def _account(server: ServerProcess, **changes: str) -> ServiceAccount:
    return read_account(key_file(AK, f"{server.url}/token", **changes))


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def _tokens(server: ServerProcess, wire: Wire, monotonic: Clock, **more: Any) -> Tokens:
    account = _account(server)
    return Tokens(
        wire,
        account,
        token_url(account.token_url, _endpoints(server)),
        READ_ONLY,
        monotonic=monotonic,
        **more,
    )


async def test_many_requests_share_one_token(
    store: DestinationStore, server: ServerProcess, meter: Counters
) -> None:
    await asyncio.gather(*(store.put(b"%d" % n, block(b"x"), plain(), ANY) for n in range(20)))
    await store.list_page(b"", b"")
    assert meter.requests("token") == 1


async def test_a_token_is_renewed_before_it_ends(server: ServerProcess, wire: Wire, meter: Counters) -> None:
    clock = Clock()
    tokens = _tokens(server, wire, clock)
    first = await tokens.token(Operation.LIST)
    clock.now += 3599 - 301
    assert await tokens.token(Operation.LIST) == first
    clock.now += 2
    await asyncio.sleep(1.1)  # a token's text changes with the second in which it ends
    second = await asyncio.gather(*(tokens.token(Operation.LIST) for _ in range(5)))
    assert set(second) != {first}
    assert meter.requests("token") == 2


async def test_a_token_that_still_holds_bridges_an_outage(server: ServerProcess, wire: Wire) -> None:
    clock = Clock()
    tokens = _tokens(server, wire, clock)
    first = await tokens.token(Operation.LIST)
    server.faults.add(op="token", status=503, code="backendError")
    try:
        clock.now += 3500
        assert await tokens.token(Operation.LIST) == first
        clock.now += 200
        with pytest.raises(Unavailable) as caught:
            await tokens.token(Operation.PUT)
        assert caught.value.operation is Operation.PUT
    finally:
        server.faults.clear()


async def test_a_clock_that_is_wrong_is_learned_once(
    server: ServerProcess, wire: Wire, meter: Counters
) -> None:
    slow = Clock()
    slow.now = 1_000_000.0
    assert await _tokens(server, wire, Clock(), clock=slow).token(Operation.LIST)
    assert meter.requests("token") == 2


async def test_a_token_that_the_store_refuses_is_replaced_once(
    store: DestinationStore, server: ServerProcess, meter: Counters
) -> None:
    server.faults.add(op="list", status=401, code="authError", times=1)
    assert (await store.list_page(b"", b"")).objects == ()
    assert (meter.requests("token"), meter.requests("list")) == (2, 2)
    server.faults.add(op="list", status=401, code="authError")
    with pytest.raises(Fatal) as caught:
        await store.list_page(b"", b"")
    assert caught.value.meaning is Meaning.BAD_CREDENTIALS


async def test_a_token_that_has_ended_is_replaced(
    quiet: None, store: DestinationStore, server: ServerProcess
) -> None:
    server.settings(token_seconds=1)
    await store.put(b"key", block(DATA), plain(), ANY)
    await asyncio.sleep(1.2)
    assert (await store.head(b"key")).info.size == len(DATA)


@pytest.mark.parametrize(
    ("status", "kind", "meaning"),
    [
        (400, Fatal, Meaning.BAD_CREDENTIALS),
        (401, Fatal, Meaning.BAD_CREDENTIALS),
        (403, Fatal, Meaning.BAD_CREDENTIALS),
        (429, Throttled, Meaning.THROTTLED),
        (500, Unavailable, Meaning.UNAVAILABLE),
    ],
)
async def test_a_refusal_at_the_token_url_has_its_class(
    status: int, kind: type[StoreError], meaning: Meaning, store: DestinationStore, server: ServerProcess
) -> None:
    server.faults.add(op="token", status=status, code="something")
    with pytest.raises(kind) as caught:
        await store.list_page(b"", b"")
    assert (caught.value.meaning, caught.value.status) == (meaning, status)


async def test_a_sources_tokens_cannot_write(harness: Harness, wire: Wire, bucket: str) -> None:
    store = replace(harness, side=Side.SOURCE).open(wire, bucket)
    assert (await store.list_page(b"", b"")).objects == ()
    with pytest.raises(Denied) as caught:
        await store.put(b"key", block(DATA), plain(), ANY)
    assert caught.value.meaning is Meaning.ACCESS_DENIED


async def _listed(store: DestinationStore, key: bytes = b"key") -> ObjectInfo:
    page = await store.list_page(key, b"")
    return page.objects[0]


async def test_a_read_is_of_the_generation_that_was_listed(
    store: DestinationStore, server: ServerProcess, bucket: str
) -> None:
    await store.put(b"key", block(DATA), plain(), ANY)
    listed = await _listed(store)
    guard = Guard(listed.etag, listed.size, listed.version)
    assert (await store.read(b"key", guard)).head.info.version == listed.version
    await asyncio.sleep(0.01)
    # The same bytes again are another generation: what was listed is gone.
    await store.put(b"key", block(DATA), plain(), ANY)
    for part in (None, ByteRange(3, 5)):
        with pytest.raises(Changed) as caught:
            await store.read(b"key", guard, part)
        assert caught.value.status == 412


async def test_an_object_of_parts_is_judged_by_its_crc32c(
    store: DestinationStore, server: ServerProcess
) -> None:
    upload = await store.create_upload(b"key", plain())
    part = await store.put_part(b"key", upload, 1, block(DATA))
    await store.complete_upload(b"key", upload, [part], ANY)
    listed = await _listed(store)
    assert listed.etag == f"generation-{listed.version}"
    guard = Guard(listed.etag, listed.size, listed.version)
    assert (await store.read(b"key", guard)).data == DATA
    assert (await store.read(b"key", Guard(listed.etag, listed.size), ByteRange(2, 9))).data == DATA[2:11]
    server.faults.add(op="get", flip=77)
    with pytest.raises(Corrupted) as caught:
        await store.read(b"key", guard)
    assert caught.value.meaning is Meaning.DIGEST_MISMATCH


async def test_a_body_that_was_packed_on_the_way_is_refused(
    store: DestinationStore, server: ServerProcess
) -> None:
    await store.put(b"key", block(DATA), plain(), ANY)
    listed = await _listed(store)
    server.faults.add(op="get", gzip=True)
    with pytest.raises(Corrupted) as caught:
        await store.read(b"key", Guard(listed.etag, listed.size, listed.version))
    assert caught.value.meaning is Meaning.BROKEN_ANSWER


@pytest.mark.parametrize("cache", ["", "private, max-age=0", "public, max-age=3600", "no-store"])
async def test_only_a_cache_control_of_its_own_travels(cache: str, store: DestinationStore) -> None:
    await store.put(b"key", block(DATA), WriteOptions(Properties("a/b", cache_control=cache)), ANY)
    listed = await _listed(store)
    answer = await store.read(b"key", Guard(listed.etag, listed.size, listed.version))
    assert answer.head.properties == Properties("a/b", cache_control=cache)
    assert (await store.head(b"key")).properties == answer.head.properties


async def test_an_end_is_looked_at_twice(store: DestinationStore, meter: Counters) -> None:
    await store.put(b"key", block(DATA), plain(), ANY)
    assert (await store.list_page(b"", b"")).after is None
    assert meter.requests("list") == 2
    assert (await store.list_page(b"nothing", b"")).objects == ()
    assert meter.requests("list") == 3


async def test_a_document_that_is_no_page_is_no_end(store: DestinationStore, server: ServerProcess) -> None:
    await store.put(b"key", block(DATA), plain(), ANY)
    server.faults.add(op="list", status=200, code="x")
    with pytest.raises(Corrupted) as caught:
        await store.list_page(b"", b"")
    assert caught.value.meaning is Meaning.BROKEN_LISTING


REASONS = [
    ("list", 403, "forbidden", Fatal, Meaning.ACCESS_DENIED),
    ("head", 403, "insufficientPermissions", Denied, Meaning.ACCESS_DENIED),
    ("head", 403, "accountDisabled", Fatal, Meaning.ACCOUNT_FROZEN),
    ("head", 403, "rateLimitExceeded", Throttled, Meaning.THROTTLED),
    ("head", 429, "userRateLimitExceeded", Throttled, Meaning.THROTTLED),
    ("put", 403, "quotaExceeded", Fatal, Meaning.NO_SPACE),
    ("head", 503, "backendError", Unavailable, Meaning.UNAVAILABLE),
    ("put", 409, "conflict", Rejected, Meaning.CONFLICT),
    ("get", 400, "ResourceIsEncryptedWithCustomerEncryptionKey", Rejected, Meaning.KMS),
    ("get", 400, "UserProjectMissing", Denied, Meaning.ACCESS_DENIED),
    ("get", 403, "UserProjectAccountProblem", Fatal, Meaning.ARREARS),
    ("get", 429, "TooManyRequests", Throttled, Meaning.THROTTLED),
]


@pytest.mark.parametrize(("op", "status", "reason", "kind", "meaning"), REASONS)
async def test_a_reason_has_its_class(
    op: str,
    status: int,
    reason: str,
    kind: type[StoreError],
    meaning: Meaning,
    store: DestinationStore,
    server: ServerProcess,
) -> None:
    server.faults.add(op=op, status=status, code=reason)
    calls = {
        "list": lambda: store.list_page(b"", b""),
        "head": lambda: store.head(b"key"),
        "get": lambda: store.read(b"key", Guard("", 1)),
        "put": lambda: store.put(b"key", block(b"x"), plain(), ANY),
    }
    with pytest.raises(kind) as caught:
        await calls[op]()
    assert (caught.value.meaning, caught.value.status, caught.value.code) == (meaning, status, reason)


async def test_buckets_are_read_page_by_page(
    store: DestinationStore, server: ServerProcess, wire: Wire, bucket: str
) -> None:
    assert isinstance(store, GoogleStore)
    names = [info.name for info in await store.list_buckets()]
    assert bucket in names
    assert names == sorted(names)
    assert {info.region for info in await store.list_buckets()} == {"us-east-1"}


def test_the_vendors_sdk_is_not_needed() -> None:
    """The connector reads key files and asks for tokens by itself; the SDK is a judge in tests."""
    told = "import sys, connectors.registry; print([m for m in sys.modules if m.startswith('google')])"
    answer = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
