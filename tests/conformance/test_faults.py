"""Bodies and answers that lie: detected, never taken for good (clouds.md A4, reliability.md F-tables)."""

import hashlib

import pytest

from connectors.capabilities import DestinationStore
from connectors.errors import Changed, Corrupted, NotFound, StoreError, Throttled, Unavailable
from connectors.objects import ANY, ByteRange, Guard
from engine.failures import Meaning
from tests.conformance.harness import block, plain
from tests.storeserver import ServerProcess

DATA = bytes(range(256)) * 400
KEY = b"key"


@pytest.fixture
async def guard(store: DestinationStore) -> Guard:
    """One stored object and the version that was listed."""
    written = await store.put(KEY, block(DATA), plain(), ANY)
    return Guard(written.etag, len(DATA))


PARTS = [None, ByteRange(100, 5000), ByteRange(0, len(DATA))]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("framing", ["length", "chunked", "ended", "close"])
async def test_a_cut_body_is_never_good(
    faulty: str,
    framing: str,
    part: ByteRange | None,
    store: DestinationStore,
    guard: Guard,
    server: ServerProcess,
) -> None:
    server.faults.add(op="get", truncate=64, framing=framing, times=1)
    with pytest.raises(Corrupted) as caught:
        await store.read(KEY, guard, part)
    assert caught.value.meaning is Meaning.CUT_SHORT
    assert len((await store.read(KEY, guard, part)).data) == (part.length if part else len(DATA))


async def test_a_whole_body_without_a_length_is_good(
    faulty: str, store: DestinationStore, guard: Guard, server: ServerProcess
) -> None:
    server.faults.add(op="get", truncate=len(DATA), framing="close")
    assert (await store.read(KEY, guard)).data == DATA


@pytest.mark.parametrize("part", PARTS)
async def test_a_reset_connection_is_retried_by_others(
    faulty: str, part: ByteRange | None, store: DestinationStore, guard: Guard, server: ServerProcess
) -> None:
    server.faults.add(op="get", reset_out=50, times=1)
    with pytest.raises((Corrupted, Unavailable)):
        await store.read(KEY, guard, part)
    await store.read(KEY, guard, part)


async def test_a_flipped_byte_is_refused_or_shows_in_the_md5(
    faulty: str, store: DestinationStore, guard: Guard, server: ServerProcess
) -> None:
    server.faults.add(op="get", flip=777)
    try:
        answer = await store.read(KEY, guard)
    except Corrupted:
        # The ETag is another hash of the bytes, and the connector compares it.
        return
    told = answer.head.md5.hex() if answer.head.md5 else guard.etag
    assert len(told) == 32
    assert hashlib.md5(answer.data).hexdigest() != told


async def test_an_ignored_range_is_no_part(
    faulty: str, store: DestinationStore, guard: Guard, server: ServerProcess
) -> None:
    server.faults.add(op="get", ignore_range=True)
    with pytest.raises(Corrupted):
        await store.read(KEY, guard, ByteRange(100, 5000))
    assert (await store.read(KEY, guard, ByteRange(0, len(DATA)))).data == DATA


@pytest.mark.parametrize(
    "told", ["bytes 101-5100/102400", "bytes 100-5099/*", "bytes 100-5098/102400", "nonsense"]
)
async def test_a_wrong_content_range_is_no_part(
    faulty: str, told: str, store: DestinationStore, guard: Guard, server: ServerProcess
) -> None:
    server.faults.add(op="get", content_range=told)
    with pytest.raises(Corrupted):
        await store.read(KEY, guard, ByteRange(100, 5000))


async def test_another_total_is_another_version(
    faulty: str, store: DestinationStore, guard: Guard, server: ServerProcess
) -> None:
    server.faults.add(op="get", content_range="bytes 100-5099/102401")
    with pytest.raises(Changed):
        await store.read(KEY, guard, ByteRange(100, 5000))


@pytest.mark.parametrize("part", [None, ByteRange(100, 5000)])
async def test_gzip_on_the_way_is_never_asked_for(
    faulty: str, part: ByteRange | None, store: DestinationStore, guard: Guard, server: ServerProcess
) -> None:
    server.faults.add(op="get", gzip=True)
    answer = await store.read(KEY, guard, part)
    assert answer.data == (DATA if part is None else DATA[100:5100])


async def test_another_etag_is_another_version(
    faulty: str, store: DestinationStore, guard: Guard, server: ServerProcess
) -> None:
    server.faults.add(op="get", etag="0123456789abcdef0123456789abcdef")
    with pytest.raises(Changed):
        await store.read(KEY, guard)


async def test_an_answer_that_is_longer_than_it_says_is_cut_or_refused(
    faulty: str, store: DestinationStore, guard: Guard, server: ServerProcess
) -> None:
    server.faults.add(op="get", length_less=10, times=1)
    with pytest.raises(Corrupted):
        await store.read(KEY, guard)
    # The bytes too many void the connection; whoever meets that asks again.
    try:
        await store.read(KEY, guard)
    except (Corrupted, Unavailable):
        assert (await store.read(KEY, guard)).data == DATA


async def test_a_small_object_instead_of_its_part_is_no_part(
    faulty: str, store: DestinationStore, server: ServerProcess
) -> None:
    written = await store.put(KEY, block(DATA[:5000]), plain(), ANY)
    server.faults.add(op="get", ignore_range=True)
    with pytest.raises(Corrupted) as caught:
        await store.read(KEY, Guard(written.etag, 5000), ByteRange(1, 1000))
    assert caught.value.meaning is Meaning.BROKEN_ANSWER


async def test_a_changed_object_is_not_even_sent(
    faulty: str, store: DestinationStore, guard: Guard, server: ServerProcess
) -> None:
    server.mutate(_bucket(store), KEY)
    with pytest.raises(Changed) as caught:
        await store.read(KEY, guard)
    assert caught.value.status == 412


async def test_an_object_that_changes_under_a_read_is_never_mixed(
    faulty: str, store: DestinationStore, guard: Guard, server: ServerProcess
) -> None:
    server.faults.add(op="get", mutate_after=3000, times=1)
    first = await store.read(KEY, guard, ByteRange(0, 50_000))
    assert first.data == DATA[:50_000]
    with pytest.raises(Changed):
        await store.read(KEY, guard, ByteRange(50_000, 50_000))


def _bucket(store: DestinationStore) -> str:
    return store.name.partition("/")[2].partition("@")[0]


async def test_a_put_without_an_etag_is_unknown(
    faulty: str, store: DestinationStore, server: ServerProcess
) -> None:
    server.faults.add(op="put", no_etag=True)
    with pytest.raises(Unavailable):
        await store.put(KEY, block(DATA), plain(), ANY)


async def test_a_lost_answer_is_unknown(faulty: str, store: DestinationStore, server: ServerProcess) -> None:
    server.faults.add(op="put", lost_answer=True)
    with pytest.raises(Unavailable):
        await store.put(KEY, block(DATA), plain(), ANY)
    assert (await store.head(KEY)).info.size == len(DATA)


async def test_an_upload_that_is_reset_stores_nothing(
    faulty: str, store: DestinationStore, server: ServerProcess
) -> None:
    server.faults.add(op="put", reset_in=1000)
    with pytest.raises(Unavailable):
        await store.put(KEY, block(DATA * 20), plain(), ANY)
    assert (await store.list_page(b"", b"")).objects == ()


@pytest.mark.parametrize(
    ("code", "kind"),
    [("InternalError", Unavailable), ("SlowDown", Throttled), ("NoSuchUpload", NotFound)],
)
async def test_an_error_inside_a_200_is_an_error(
    faulty: str, code: str, kind: type[StoreError], store: DestinationStore, server: ServerProcess
) -> None:
    upload = await store.create_upload(KEY, plain())
    part = await store.put_part(KEY, upload, 1, block(b"x"))
    server.faults.add(op="complete", complete_error=code)
    with pytest.raises(kind) as caught:
        await store.complete_upload(KEY, upload, [part], ANY)
    assert caught.value.code == code


async def test_the_upload_that_made_an_object_is_told_by_obs(
    faulty: str, store: DestinationStore, server: ServerProcess
) -> None:
    upload = await store.create_upload(KEY, plain())
    part = await store.put_part(KEY, upload, 1, block(b"x"))
    server.faults.add(op="complete", lost_answer=True)
    with pytest.raises(Unavailable):
        await store.complete_upload(KEY, upload, [part], ANY)
    told = (await store.head(KEY)).upload_id
    assert told == (upload if "OBS" in faulty else "")


async def test_a_connection_closed_while_idle_costs_one_call_at_most(
    faulty: str, store: DestinationStore, guard: Guard, server: ServerProcess
) -> None:
    server.faults.add(op="head", close_idle=True, times=1)
    await store.head(KEY)
    try:
        await store.read(KEY, guard)
    except Unavailable:
        assert (await store.read(KEY, guard)).data == DATA


KEYS = [b"k%02d" % number for number in range(10)]


async def _listed(store: DestinationStore) -> list[bytes]:
    found: list[bytes] = []
    after: bytes | None = b""
    while after is not None:
        page = await store.list_page(b"", after, 3)
        found += [info.key for info in page.objects]
        after = page.after
    return found


TRAPS = [
    {"page": "repeat"},
    {"page": "no_token"},
    {"page": "same_token"},
    {"page": "empty"},
    {"page": "unordered"},
    {"page": "duplicate"},
    {"xml": "broken"},
    {"xml": "doctype"},
    {"xml": "empty"},
    {"truncate": 300, "framing": "close"},
    {"truncate": 300, "framing": "length"},
    {"truncate": 300, "framing": "ended"},
]


@pytest.mark.parametrize("after", [0, 1, 2])
@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: "-".join(map(str, trap.values())))
async def test_a_trapped_listing_is_whole_or_an_error(
    faulty: str, trap: dict[str, object], after: int, store: DestinationStore, server: ServerProcess
) -> None:
    for key in KEYS:
        await store.put(key, block(b"x"), plain(), ANY)
    server.faults.add(op="list", after=after, **trap)
    try:
        outcome: object = await _listed(store)
    except Corrupted as error:
        outcome = error.meaning
    assert outcome in (KEYS, Meaning.BROKEN_LISTING, Meaning.CUT_SHORT)


@pytest.mark.parametrize("xml", ["broken", "doctype", "empty"])
async def test_broken_xml_is_never_an_end(
    faulty: str, xml: str, store: DestinationStore, server: ServerProcess
) -> None:
    await store.put(KEY, block(b"x"), plain(), ANY)
    server.faults.add(op="list", xml=xml)
    with pytest.raises(Corrupted) as caught:
        await store.list_page(b"", b"")
    assert caught.value.meaning is Meaning.BROKEN_LISTING
