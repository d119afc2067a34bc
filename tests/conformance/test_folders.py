"""One level of the keys at a time: complete, in order, and it goes on after any name."""

from typing import Protocol

import pytest

from connectors.capabilities import DestinationStore, FolderLister
from connectors.errors import Corrupted
from connectors.objects import ANY
from engine.failures import Meaning
from tests.conformance.harness import block, plain
from tests.storeserver import ServerProcess

KEYS = [b"a", b"b/1", b"b/2", b"b/c/3", b"b 1", b"d/x", "ä/1".encode(), "日本/x".encode(), b"z%2F/1", b"z+"]
TOP = sorted([b"a", b"b/", b"b 1", b"d/", "ä/".encode(), "日本/".encode(), b"z%2F/", b"z+"])


class Store(DestinationStore, FolderLister, Protocol):
    """What these promises are about."""


async def _fill(store: Store, keys: list[bytes]) -> None:
    for key in keys:
        await store.put(key, block(key), plain(), ANY)


async def _level(store: Store, prefix: bytes = b"", limit: int = 1000) -> list[bytes]:
    found: list[bytes] = []
    after: bytes | None = b""
    while after is not None:
        page = await store.list_folder(prefix, after, limit)
        names = sorted([*page.folders, *(info.key for info in page.objects)])
        assert len(names) <= limit
        assert page.after is None or page.after >= names[-1]
        found += names
        after = page.after
    return found


async def test_an_empty_bucket_has_no_folders(connector: str, store: Store) -> None:
    page = await store.list_folder(b"", b"")
    assert (page.folders, page.objects, page.after) == ((), (), None)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 9])
async def test_pages_of_a_level_join_to_the_whole(connector: str, limit: int, store: Store) -> None:
    await _fill(store, KEYS)
    assert await _level(store, limit=limit) == TOP


async def test_folders_and_objects_are_told_apart(connector: str, store: Store) -> None:
    await _fill(store, KEYS)
    page = await store.list_folder(b"b/", b"")
    assert page.folders == (b"b/c/",)
    assert [(info.key, info.size) for info in page.objects] == [(b"b/1", 3), (b"b/2", 3)]


@pytest.mark.parametrize("prefix", [b"b", b"b/", b"b/c/", b"d/", "ä/".encode(), b"z%2F/", b"none/"])
async def test_a_level_holds_what_is_below_its_prefix(connector: str, prefix: bytes, store: Store) -> None:
    await _fill(store, KEYS)
    below = [key[len(prefix) :].partition(b"/") for key in KEYS if key.startswith(prefix)]
    assert await _level(store, prefix, 2) == sorted({prefix + name + slash for name, slash, _ in below})


@pytest.mark.parametrize("after", [b"a", b"b/", b"b/2", b"c", b"d/", "ä/".encode(), b"zzz"])
async def test_a_level_goes_on_after_any_name(connector: str, after: bytes, store: Store) -> None:
    await _fill(store, KEYS)
    page = await store.list_folder(b"", after)
    names = sorted([*page.folders, *(info.key for info in page.objects)])
    # A folder stands where its own name does, wherever its keys lie.
    assert names == [name for name in TOP if name > after]


async def test_a_folder_object_belongs_to_its_own_level(connector: str, store: Store) -> None:
    await _fill(store, [b"e/", b"e/1"])
    page = await store.list_folder(b"e/", b"")
    assert (page.folders, [info.key for info in page.objects]) == ((), [b"e/", b"e/1"])
    assert (await store.list_folder(b"", b"")).folders == (b"e/",)


@pytest.mark.parametrize("page", ["repeat", "no_token", "same_token", "empty", "unordered", "duplicate"])
async def test_a_strange_page_of_a_level_is_the_whole_or_an_error(
    faulty: str, page: str, store: Store, server: ServerProcess
) -> None:
    await _fill(store, KEYS)
    server.faults.add(op="list", page=page, times=1)
    try:
        outcome: object = await _level(store, limit=2)
    except Corrupted as error:
        outcome = error.meaning
    assert outcome in (TOP, Meaning.BROKEN_LISTING)


@pytest.mark.parametrize("xml", ["broken", "doctype", "empty"])
async def test_broken_xml_is_never_the_end_of_a_level(
    faulty: str, xml: str, store: Store, server: ServerProcess
) -> None:
    server.faults.add(op="list", xml=xml)
    with pytest.raises(Corrupted) as caught:
        await store.list_folder(b"", b"")
    assert caught.value.meaning is Meaning.BROKEN_LISTING
