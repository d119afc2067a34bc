"""HEAD and guarded reads: exactly those bytes of exactly that version, as they are stored."""

import gzip

import pytest

from connectors.capabilities import DestinationStore
from connectors.errors import Changed, NotFound
from connectors.objects import ANY, ByteRange, Guard, Properties, WriteOptions
from engine.failures import Meaning
from tests.conformance.harness import block, plain

DATA = bytes(range(256)) * 5


async def _stored(store: DestinationStore, data: bytes = DATA) -> Guard:
    written = await store.put(b"key", block(data), plain(), ANY)
    return Guard(written.etag, len(data))


async def test_head_of_nothing_is_not_found(connector: str, store: DestinationStore) -> None:
    with pytest.raises(NotFound) as caught:
        await store.head(b"nothing")
    assert caught.value.meaning is Meaning.NO_KEY


async def test_read_of_nothing_is_not_found(connector: str, store: DestinationStore) -> None:
    with pytest.raises(NotFound) as caught:
        await store.read(b"nothing", Guard("0123456789abcdef0123456789abcdef", 1))
    assert caught.value.meaning is Meaning.NO_KEY


@pytest.mark.parametrize(
    ("start", "length"), [(0, 1), (0, 1279), (1, 1279), (1279, 1), (600, 100), (0, 1280)]
)
async def test_a_range_is_exact(connector: str, start: int, length: int, store: DestinationStore) -> None:
    guard = await _stored(store)
    answer = await store.read(b"key", guard, ByteRange(start, length))
    assert answer.data == DATA[start : start + length]
    assert (answer.head.info.size, answer.head.info.etag) == (len(DATA), guard.etag)


@pytest.mark.parametrize("size", [0, 1, 1280, (1 << 20) + 1])
async def test_a_whole_object_is_exact(connector: str, size: int, store: DestinationStore) -> None:
    data = (DATA * (size // len(DATA) + 1))[:size]
    guard = await _stored(store, data)
    answer = await store.read(b"key", guard)
    assert answer.data == data
    assert answer.head.properties.content_type == "application/x-test"


@pytest.mark.parametrize("part", [None, ByteRange(5, 5)])
async def test_another_version_is_changed(
    connector: str, part: ByteRange | None, store: DestinationStore
) -> None:
    guard = await _stored(store)
    await _stored(store, DATA[::-1])
    with pytest.raises(Changed):
        await store.read(b"key", guard, part)


async def test_another_size_is_changed(connector: str, store: DestinationStore) -> None:
    guard = await _stored(store)
    with pytest.raises(Changed):
        await store.read(b"key", Guard("", guard.size + 1), ByteRange(0, 10))
    with pytest.raises(Changed):
        await store.read(b"key", Guard("", guard.size + 1))


async def test_a_stored_gzip_stays_as_it_is(connector: str, store: DestinationStore) -> None:
    packed = gzip.compress(DATA)
    options = WriteOptions(Properties(content_type="text/plain", content_encoding="gzip"))
    written = await store.put(b"packed", block(packed), options, ANY)
    answer = await store.read(b"packed", Guard(written.etag, len(packed)))
    assert answer.data == packed
    assert answer.head.properties.content_encoding == "gzip"
    part = await store.read(b"packed", Guard(written.etag, len(packed)), ByteRange(3, 9))
    assert part.data == packed[3:12]
