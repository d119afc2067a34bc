"""`python -m bench.bare copy|list|compare ENDPOINTS`: the connectors in a plain loop, without ledger, evidence,
leases or adaptation: the ceiling of what the product could do on this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from pathlib import Path

import uvloop
from pydantic import SecretStr

from bench.stores import ACCESS_KEY, FROM, INTO, REGIONS, SECRET_KEY
from connectors.capabilities import DestinationStore
from connectors.endpoints import Endpoints, load_endpoints
from connectors.locations import Credentials, Location
from connectors.objects import ANY, Block, ByteRange, Guard, ObjectInfo, Part, WriteOptions
from connectors.registry import open_store
from connectors.wire import Wire
from engine.digest import Digest
from engine.failures import Side
from engine.parts import SINGLE_MAX

_AHEAD = 4000
_PARTS = 6


class Bare:
    """Both stores, how many objects are in the air, and which of them are ours."""

    def __init__(self, wire: Wire, endpoints: Endpoints, lanes: int, share: tuple[int, int] = (0, 1)) -> None:
        keys = Credentials(ACCESS_KEY, SecretStr(SECRET_KEY))
        there = Location("HEC", REGIONS[1], INTO, Side.DESTINATION)
        self.source = open_store(Location("AWS", REGIONS[0], FROM, Side.SOURCE), keys, wire, endpoints)
        self.destination = open_store(there, keys, wire, endpoints)
        self._lanes = lanes
        self._first, self._step = share
        self._parts = asyncio.Semaphore(_PARTS)

    async def copy(self) -> int:
        """Every object of our share of the source; how many."""
        queue: asyncio.Queue[ObjectInfo | None] = asyncio.Queue(_AHEAD)
        async with asyncio.TaskGroup() as group:
            lanes = [group.create_task(self._lane(queue)) for _ in range(self._lanes)]
            before = 0
            async for page in listed(self.source):
                for number, one in enumerate(page, before):
                    if number % self._step == self._first:
                        await queue.put(one)
                before += len(page)
            for _ in lanes:
                await queue.put(None)
        return sum(lane.result() for lane in lanes)

    async def _lane(self, queue: asyncio.Queue[ObjectInfo | None]) -> int:
        done = 0
        while (one := await queue.get()) is not None:
            await (self._small(one) if one.size <= SINGLE_MAX else self._large(one))
            done += 1
        return done

    async def _small(self, one: ObjectInfo) -> None:
        answer = await self.source.read(one.key, Guard(one.etag, one.size))
        block = _block(answer.data)
        if block.md5.hex() != one.etag:
            raise RuntimeError("the source sent other bytes")
        options = WriteOptions(answer.head.properties)
        told = await self.destination.put(one.key, block, options, ANY)
        if told.etag != one.etag:
            raise RuntimeError("the destination holds other bytes")

    async def _large(self, one: ObjectInfo) -> None:
        upload = await self.destination.create_upload(one.key, WriteOptions())
        starts = range(0, one.size, SINGLE_MAX)
        async with asyncio.TaskGroup() as group:
            parts = [group.create_task(self._part(one, upload, n, at)) for n, at in enumerate(starts, 1)]
        stored = [part.result() for part in parts]
        told = await self.destination.complete_upload(one.key, upload, stored, ANY)
        if told.etag != _etag_of(stored):
            raise RuntimeError("the destination holds other bytes")

    async def _part(self, one: ObjectInfo, upload: str, number: int, at: int) -> Part:
        async with self._parts:
            span = ByteRange(at, min(SINGLE_MAX, one.size - at))
            answer = await self.source.read(one.key, Guard(one.etag, one.size), span)
            block = await asyncio.to_thread(_block, answer.data)
            stored = await self.destination.put_part(one.key, upload, number, block)
        if stored.etag != block.md5.hex():
            raise RuntimeError("the destination holds other bytes")
        return stored

    async def list(self) -> int:
        """One cursor over the source, its order checked, its digest taken; how many objects."""
        count, last, digest = 0, b"", Digest()
        async for page in listed(self.source):
            if page[0].key <= last or any(a.key >= b.key for a, b in pairwise(page)):
                raise RuntimeError("the listing is not in order")
            last = page[-1].key
            for one in page:
                digest.add(one.key, one.size, one.etag)
            count += len(page)
        return count

    async def compare(self) -> int:
        """Both listings side by side; how many keys of the source the destination has with the same size."""
        ours, theirs = listed(self.source), listed(self.destination)
        held: dict[bytes, int] = {}
        same = 0
        async for page in ours:
            while page[-1].key not in held and (more := await anext(theirs, None)) is not None:
                held.update((one.key, one.size) for one in more)
            same += sum(held.pop(one.key, -1) == one.size for one in page)
        return same


async def listed(store: DestinationStore) -> AsyncIterator[Sequence[ObjectInfo]]:
    """The pages of a store, one asked for ahead."""
    coming = asyncio.ensure_future(store.list_page(b"", b""))
    while True:
        page = await coming
        if page.after is not None:
            coming = asyncio.ensure_future(store.list_page(b"", page.after))
        if page.objects:
            yield page.objects
        if page.after is None:
            return


def _block(data: bytes | bytearray) -> Block:
    return Block(data, hashlib.md5(data, usedforsecurity=False).digest(), 0)


def _etag_of(parts: Sequence[Part]) -> str:
    whole = hashlib.md5(b"".join(bytes.fromhex(part.etag) for part in parts), usedforsecurity=False)
    return f"{whole.hexdigest()}-{len(parts)}"


async def _main(arguments: argparse.Namespace) -> int:
    async with Wire() as wire:
        bare = Bare(wire, load_endpoints(arguments.endpoints), arguments.lanes, tuple(arguments.share))
        match arguments.what:
            case "copy":
                return await bare.copy()
            case "list":
                return await bare.list()
            case _:
                return await bare.compare()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.bare", description=__doc__)
    parser.add_argument("what", choices=("copy", "list", "compare"))
    parser.add_argument("endpoints", type=Path)
    parser.add_argument("--lanes", type=int, default=64, help="objects in the air")
    parser.add_argument(
        "--share", type=int, nargs=2, default=(0, 1), help="copy each Nth object from the Kth on"
    )
    parser.add_argument("--expect", type=int, default=None, help="fail unless it is so many objects")
    chosen = parser.parse_args()
    found = uvloop.run(_main(chosen))
    if chosen.expect not in (None, found):
        raise SystemExit(f"{found} objects instead of {chosen.expect}")
    print(found)
