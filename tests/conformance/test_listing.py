"""Listings are complete, in byte order, and go on after any key."""

import pytest

from connectors.capabilities import DestinationStore
from connectors.objects import ANY
from tests.conformance.harness import block, plain

KEYS = sorted(
    [
        b"a",
        b"a!",
        b"a-b",
        b"a/",
        b"a/b",
        b"a/b/c",
        b"a0",
        b"b+1",
        b"b 1",
        "ä".encode(),
        "日本".encode(),
        b"z%25",
    ]
)
PLAIN_KEYS = sorted(
    [b"a-b", b"a0", b"b+1", b"b 1", "ä".encode(), "日本".encode(), b"z%25", b"dir/x", b"dir/y"]
)


async def _fill(store: DestinationStore, keys: list[bytes]) -> None:
    for key in keys:
        await store.put(key, block(key), plain(), ANY)


async def _all(store: DestinationStore, prefix: bytes = b"", limit: int = 1000) -> list[bytes]:
    found: list[bytes] = []
    after: bytes | None = b""
    while after is not None:
        page = await store.list_page(prefix, after, limit)
        assert len(page.objects) <= limit
        found += [info.key for info in page.objects]
        after = page.after
    return found


async def test_an_empty_bucket_lists_nothing(connector: str, store: DestinationStore) -> None:
    page = await store.list_page(b"", b"")
    assert (page.objects, page.after) == ((), None)


@pytest.mark.parametrize("limit", [1, 2, 3, 8, 9, 10])
async def test_pages_join_to_the_whole(connector: str, limit: int, store: DestinationStore) -> None:
    await _fill(store, PLAIN_KEYS)
    assert await _all(store, limit=limit) == PLAIN_KEYS


async def test_keys_come_in_byte_order(connector: str, store: DestinationStore) -> None:
    await _fill(store, KEYS)
    assert await _all(store, limit=5) == KEYS


@pytest.mark.parametrize("prefix", [b"a", b"a/", b"b+", b"b ", "ä".encode(), b"z%", b"none"])
async def test_a_prefix_lists_its_keys_only(connector: str, prefix: bytes, store: DestinationStore) -> None:
    await _fill(store, KEYS)
    assert await _all(store, prefix, 2) == [key for key in KEYS if key.startswith(prefix)]


@pytest.mark.parametrize("after", [b"a", b"a.", b"b+1", b"d", "ä".encode(), b"zzz", "日".encode(), b"b%"])
async def test_a_listing_goes_on_after_any_key(connector: str, after: bytes, store: DestinationStore) -> None:
    await _fill(store, PLAIN_KEYS)
    page = await store.list_page(b"", after)
    assert [info.key for info in page.objects] == [key for key in PLAIN_KEYS if key > after]


async def test_an_entry_tells_what_head_tells(connector: str, store: DestinationStore) -> None:
    await _fill(store, [b"one"])
    (info,) = (await store.list_page(b"", b"")).objects
    head = (await store.head(b"one")).info
    assert (info.key, info.size, info.etag) == (b"one", 3, head.etag)
    assert abs(info.modified_ms - head.modified_ms) < 1000
    assert info.availability is head.availability
