"""A source that lists in an order of its own: every key is found, sorted, and copied once, or the task says why not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import cast

import pytest

from connectors.errors import Corrupted
from connectors.objects import Availability, ObjectInfo, ObjectPage, WalkedPage
from engine.failures import Meaning, Side
from engine.spec import SourceNode, TaskSpec, TaskType
from tests.transfer.test_vendor_sources import VENDORS, opened
from tests.transfer.world import SPEC, World
from workers.transfer.context import TaskContext
from workers.transfer.signals import Stopped
from workers.transfer.walking import walked_pages

VENDOR = next(vendor for vendor in VENDORS if vendor.dialect == "qingstor")
KEYS = sorted([b"many/%04d" % number for number in range(2300)] + ["other/ключ".encode(), b"other/\x01"])


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """A bucket whose listing takes three pages."""
    async with opened(database_url, VENDOR) as found:
        for key in KEYS:
            found.source.put("from", key, b"x")
        yield found


def _spec(*keys: str, kind: TaskType = TaskType.OBJECT) -> TaskSpec:
    source = SourceNode(VENDOR.cloud, VENDOR.region, "from", object_keys=keys)
    return replace(SPEC, source=source, task_type=kind)


async def test_pages_in_no_order_arrive_whole_and_a_failed_one_is_asked_for_again(world: World) -> None:
    world.source.faults.add(op="list", after=2, times=2, status=503, code="service_unavailable")
    ended = await world.migrate(_spec(""))
    assert (ended.status, ended.tally()) == (5, (2302, 2302, 0, 0)), ended.outcomes[:3]
    assert world.data_keys() == KEYS
    # One page tells whether there is anything, three are the walk, and two were refused.
    assert world.source.counters().requests("list") == 6
    again = await world.migrate(_spec(""))
    assert (again.status, again.tally()) == (5, (2302, 0, 2302, 0)), again.outcomes[:3]


async def test_a_prefix_is_walked_alone(world: World) -> None:
    ended = await world.migrate(_spec("other/", kind=TaskType.PREFIX))
    assert (ended.status, ended.tally()) == (5, (2, 2, 0, 0)), ended.outcomes
    missing = await world.migrate(_spec("nothing", kind=TaskType.PREFIX))
    assert (missing.status, missing.code) == (4, "TRF.0025")


class Walk:
    """Pages by their markers, and a context that asks each once."""

    def __init__(self, pages: dict[bytes, WalkedPage]) -> None:
        self.pages = pages
        self.stopping = asyncio.Event()

    async def walk_page(self, prefix: bytes, marker: bytes) -> WalkedPage:
        return self.pages[marker]

    async def source(self, attempt: Callable[[], Awaitable[WalkedPage]]) -> WalkedPage:
        return await attempt()


def _info(key: bytes, etag: str = "e") -> ObjectInfo:
    return ObjectInfo(key, 7, 1_700_000_000_000, etag, "STANDARD_IA", Availability.ARCHIVED, "v1")


async def _sorted(walk: Walk, start: bytes = b"") -> list[ObjectPage]:
    return [page async for page in walked_pages(cast(TaskContext, walk), walk, b"", start)]


async def test_every_field_survives_the_sorting_and_a_key_counts_once() -> None:
    walk = Walk(
        {
            b"": WalkedPage((_info(b"b"), _info(b"c", "old")), b"1"),
            b"1": WalkedPage((_info(b"a\n\x00"), _info(b"c", "new"), _info(b"b")), None),
        }
    )
    (page,) = await _sorted(walk)
    assert page == ObjectPage((_info(b"a\n\x00"), _info(b"b"), _info(b"c", "new")), None)
    assert await _sorted(walk, b"b") == [ObjectPage((_info(b"c", "new"),), None)]
    assert await _sorted(walk, b"c") == [ObjectPage((), None)]


async def test_full_pages_end_where_the_keys_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.transfer.runs.RUN_ROWS", 300)
    infos = [_info(b"%05d" % number) for number in range(2000)]
    walk = Walk(
        {b"": WalkedPage(tuple(reversed(infos[1000:])), b"1"), b"1": WalkedPage(tuple(infos[:1000]), None)}
    )
    assert await _sorted(walk) == [
        ObjectPage(tuple(infos[:1000]), b"00999"),
        ObjectPage(tuple(infos[1000:]), None),
    ]


async def test_a_walk_in_circles_is_an_error_and_never_the_end() -> None:
    walk = Walk(
        {
            b"": WalkedPage((_info(b"a"),), b"1"),
            b"1": WalkedPage((_info(b"b"),), b"2"),
            b"2": WalkedPage((), b"1"),
        }
    )
    with pytest.raises(Corrupted) as caught:
        await _sorted(walk)
    assert (caught.value.meaning, caught.value.side) == (Meaning.BROKEN_LISTING, Side.SOURCE)


async def test_a_stop_is_heeded_between_two_pages() -> None:
    walk = Walk({b"": WalkedPage((_info(b"a"),), None)})
    walk.stopping.set()
    with pytest.raises(Stopped):
        await _sorted(walk)
