"""A list file as a source listing: read under its ETag, sorted outside memory by key and line (design 3.6)."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from connectors.errors import Corrupted
from connectors.objects import ByteRange, Guard, ObjectHead
from engine.failures import Meaning, Operation
from engine.listfile import Line, parse_lines
from workers.transfer.context import TaskContext
from workers.transfer.reading import MD5
from workers.transfer.runs import Runs
from workers.transfer.subjects import OPAQUE

BLOCK = 4 << 20


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
        """The whole file of one version. Raises Changed when it is replaced meanwhile, Corrupted at the end when what

        came is not what its ETag says.
        """
        head, md5 = await self.head(), hashlib.md5(usedforsecurity=False)
        for start in range(0, head.info.size, BLOCK):
            block = await self._block(head, start)
            md5.update(block)
            yield block
        if self._denied(head, md5.hexdigest()):
            raise Corrupted(
                Meaning.DIGEST_MISMATCH, Operation.READ, message="the list's MD5 differs from its ETag"
            )

    def _denied(self, head: ObjectHead, md5: str) -> bool:
        if not self._store.traits.etag_is_md5 or head.encryption in OPAQUE:
            return False
        return MD5.fullmatch(head.info.etag) is not None and head.info.etag != md5

    async def _block(self, head: ObjectHead, start: int) -> bytes:
        info = head.info
        guard = Guard(info.etag, info.size, info.version)
        part = ByteRange(start, min(BLOCK, info.size - start)) if info.size else None
        answer = await self._context.destination(lambda: self._store.read(self._key, guard, part))
        return bytes(answer.data)


@dataclass(frozen=True, slots=True)
class SortedLines:
    """The lines of a list in runs of (key, line number, raw); merging them gives the list in key order."""

    runs: Runs

    def read(self, after: bytes) -> Iterator[Line]:
        """Lines whose key is greater than `after`, by key and then line."""
        for key, number, raw in self.runs.read(after):
            yield Line(number, raw, key)


async def sort_list(
    listed: ListFile, folder: Path, key_of: Callable[[Line], bytes] = attrgetter("key")
) -> SortedLines:
    """Spill the list into sorted runs below `folder`, by what `key_of` gives. Raises ListRefused, StoreError."""
    spool = folder / "list.txt"
    with spool.open("wb") as out:
        async for block in listed.blocks():
            await asyncio.to_thread(out.write, block)
    runs = Runs(folder)
    await asyncio.to_thread(_spill, spool, runs, key_of)
    spool.unlink()
    return SortedLines(runs)


def _spill(spool: Path, runs: Runs, key_of: Callable[[Line], bytes]) -> None:
    with spool.open("rb") as file:
        for line in parse_lines(iter(lambda: file.read(BLOCK), b"")):
            runs.add((key_of(line), line.number, line.raw))
    runs.flush()
