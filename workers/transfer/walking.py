"""A source that lists in its own order: walked to the end, sorted outside memory, then a listing like any other."""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from functools import partial
from itertools import islice
from pathlib import Path

from connectors.capabilities import Walker
from connectors.errors import Corrupted
from connectors.objects import Availability, ObjectInfo, ObjectPage
from engine.failures import Meaning, Operation, Side
from workers.transfer.context import TaskContext
from workers.transfer.runs import Row, Runs, spool_folder
from workers.transfer.signals import Stopped

PAGE = 1000


async def walked_pages(
    context: TaskContext, walker: Walker, prefix: bytes, start: bytes
) -> AsyncGenerator[ObjectPage, None]:
    """Pages in key order from after `start` on; the last one is not truncated. Raises Stopped, StoreError."""
    with spool_folder() as folder:
        runs = Runs(Path(folder))
        await _spill(context, walker, prefix, runs)
        infos = _newest(runs.read(start))
        page = await asyncio.to_thread(_take, infos)
        while coming := await asyncio.to_thread(_take, infos):
            yield ObjectPage(page, page[-1].key)
            page = coming
        yield ObjectPage(page, None)


async def anything_walked(context: TaskContext, walker: Walker, prefix: bytes) -> bool:
    """Whether there is an object under `prefix`. Raises Stopped, StoreError."""
    async with aclosing(_walk(context, walker, prefix)) as pages:
        async for objects in pages:
            if objects:
                return True
    return False


async def _spill(context: TaskContext, walker: Walker, prefix: bytes, runs: Runs) -> None:
    number = 0
    async with aclosing(_walk(context, walker, prefix)) as pages:
        async for objects in pages:
            await asyncio.to_thread(_add, runs, number, objects)
            number += len(objects)
    await asyncio.to_thread(runs.flush)


def _add(runs: Runs, number: int, objects: tuple[ObjectInfo, ...]) -> None:
    for place, info in enumerate(objects, number):
        runs.add(_row(place, info))


async def _walk(
    context: TaskContext, walker: Walker, prefix: bytes
) -> AsyncGenerator[tuple[ObjectInfo, ...], None]:
    """All pages in the store's own order, each asked for as often as the retry layer allows."""
    marker: bytes | None = b""
    seen = set[bytes]()
    while marker is not None:
        if context.stopping.is_set():
            raise Stopped
        page = await context.source(partial(walker.walk_page, prefix, marker))
        yield page.objects
        marker = page.marker
        if marker in seen:
            raise _endless()
        if marker is not None:
            seen.add(marker)


def _endless() -> Corrupted:
    error = Corrupted(Meaning.BROKEN_LISTING, Operation.LIST, message="the listing repeats its marker")
    error.side = Side.SOURCE
    return error


def _take(infos: Iterator[ObjectInfo]) -> tuple[ObjectInfo, ...]:
    return tuple(islice(infos, PAGE))


def _newest(rows: Iterator[Row]) -> Iterator[ObjectInfo]:
    """One object a key: what came last, as keys move in such a listing while others write."""
    last: Row | None = None
    for row in rows:
        if last is not None and last[0] != row[0]:
            yield _info(last)
        last = row
    if last is not None:
        yield _info(last)


def _row(number: int, info: ObjectInfo) -> Row:
    told = [info.size, info.modified_ms, info.etag, info.storage_class, info.availability, info.version]
    return info.key, number, json.dumps(told).encode()


def _info(row: Row) -> ObjectInfo:
    size, modified_ms, etag, storage_class, availability, version = json.loads(row[2])
    return ObjectInfo(row[0], size, modified_ms, etag, storage_class, Availability(availability), version)
