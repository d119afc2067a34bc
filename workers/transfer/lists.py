"""A list file as a source listing: read under its ETag, sorted outside memory by key and line (design 3.6)."""

import asyncio
import heapq
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import IO

from connectors.objects import ByteRange, Guard, ObjectHead
from engine.listfile import Line, parse_lines
from workers.transfer.context import TaskContext

BLOCK = 4 << 20
RUN_LINES = 200_000


class ListFile:
    """The list of one task."""

    def __init__(self, context: TaskContext) -> None:
        assert context.facts.spec.source.list_file is not None, "a list task names its list"
        assert context.pair.lists is not None, "a list task opens its list's bucket"
        self._context = context
        self._store = context.pair.lists
        self._key = context.facts.spec.source.list_file.key.encode()

    async def head(self) -> ObjectHead:
        """What the list's bucket says of it. Raises StoreError."""
        return await self._context.destination(lambda: self._store.head(self._key))

    async def first(self) -> Line | None:
        """Its first line that names something. Raises ListRefused."""
        head = await self.head()
        whole = await self._block(head, 0)
        return next(parse_lines([whole]), None)

    async def blocks(self) -> AsyncIterator[bytes]:
        """The whole file of one version. Raises Changed when it is replaced meanwhile."""
        head = await self.head()
        for start in range(0, head.info.size, BLOCK):
            yield await self._block(head, start)

    async def _block(self, head: ObjectHead, start: int) -> bytes:
        info = head.info
        guard = Guard(info.etag, info.size, info.version)
        part = ByteRange(start, min(BLOCK, info.size - start)) if info.size else None
        answer = await self._context.destination(lambda: self._store.read(self._key, guard, part))
        return bytes(answer.data)


@dataclass(frozen=True, slots=True)
class SortedLines:
    """A folder with sorted runs of (key, line number, raw); merging them gives the list in key order."""

    folder: Path

    def read(self, after: bytes) -> Iterator[Line]:
        """Lines whose key is greater than `after`, by key and then line."""
        with ExitStack() as stack:
            runs = [stack.enter_context(path.open("rb")) for path in sorted(self.folder.iterdir())]
            for key, number, raw in heapq.merge(*map(_rows, runs)):
                if key > after:
                    yield Line(number, raw, key)


async def sort_list(
    listed: ListFile, folder: Path, key_of: Callable[[Line], bytes] = attrgetter("key")
) -> SortedLines:
    """Spill the list into sorted runs below `folder`, by what `key_of` gives. Raises ListRefused, StoreError."""
    spool = folder / "list.txt"
    with spool.open("wb") as out:
        async for block in listed.blocks():
            await asyncio.to_thread(out.write, block)
    await asyncio.to_thread(_spill, spool, folder, key_of)
    spool.unlink()
    return SortedLines(folder)


def spool_folder() -> tempfile.TemporaryDirectory[str]:
    """A private folder that goes away with its user."""
    return tempfile.TemporaryDirectory(prefix="oms-list-")


def _spill(spool: Path, folder: Path, key_of: Callable[[Line], bytes]) -> None:
    with spool.open("rb") as file:
        rows: list[tuple[bytes, int, bytes]] = []
        for line in parse_lines(iter(lambda: file.read(BLOCK), b"")):
            rows.append((key_of(line), line.number, line.raw))
            if len(rows) >= RUN_LINES:
                _write_run(folder, rows)
                rows = []
        if rows:
            _write_run(folder, rows)


def _write_run(folder: Path, rows: list[tuple[bytes, int, bytes]]) -> None:
    rows.sort()
    path = folder / f"run-{rows[0][1]:012}"
    with path.open("wb") as out:
        for key, number, raw in rows:
            out.write(b"%d %d %d\n" % (len(key), number, len(raw)) + key + raw + b"\n")


def _rows(run: IO[bytes]) -> Iterator[tuple[bytes, int, bytes]]:
    while header := run.readline():
        n, number, m = map(int, header.split())
        body = run.read(n + m + 1)
        yield body[:n], number, body[n : n + m]
