"""The hashes of blocks. Large ones are hashed beside the loop, several at once: eight cost little more than one."""

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

from fastcrc import crc64

from connectors.objects import Block
from engine import md5

# Bytes from which on a block is hashed beside the loop.
LARGE = 1 << 20
# How long a block waits for others that are on their way, in seconds.
PATIENCE = 0.03

Data: TypeAlias = bytes | bytearray
Waiting: TypeAlias = tuple[Data, asyncio.Future[Block]]


class Hashing:
    """Shared by all that one process reads."""

    def __init__(self) -> None:
        self._waiting: list[Waiting] = []
        self._coming = 0
        self._busy: asyncio.Task[None] | None = None
        self._company = asyncio.Event()

    @contextmanager
    def coming(self) -> Iterator[None]:
        """A block is on its way that will be hashed: it may be worth waiting for."""
        self._coming += 1
        try:
            yield
        finally:
            self._coming -= 1
            self._look()

    async def block(self, data: Data) -> Block:
        """A block with its hashes."""
        if len(data) < LARGE:
            return block_of(data)
        result: asyncio.Future[Block] = asyncio.get_running_loop().create_future()
        self._waiting.append((data, result))
        if self._busy is None:
            self._busy = asyncio.create_task(self._run())
        self._look()
        return await result

    def _look(self) -> None:
        if len(self._waiting) >= md5.LANES or not self._coming:
            self._company.set()

    async def _run(self) -> None:
        """Until nobody waits."""
        try:
            while self._waiting:
                await self._gather()
                taken, self._waiting = self._waiting[: md5.LANES], self._waiting[md5.LANES :]
                await _hash(taken)
        finally:
            self._busy = None

    async def _gather(self) -> None:
        """Until all lanes are taken, or nothing more is coming, or it has been long enough."""
        self._company.clear()
        self._look()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._company.wait()
        except TimeoutError:
            pass


def block_of(data: Data) -> Block:
    """A block with its hashes, here and now."""
    return Block(data, hashlib.md5(data, usedforsecurity=False).digest(), crc64.xz(data))


def _blocks(data: list[Data]) -> list[Block]:
    return [Block(one, digest, crc64.xz(one)) for one, digest in zip(data, md5.digests(data), strict=True)]


async def _hash(taken: list[Waiting]) -> None:
    try:
        blocks = await asyncio.to_thread(_blocks, [data for data, _ in taken])
    except Exception as error:  # noqa: BLE001  # whoever waits gets it
        for _, result in taken:
            if not result.done():
                result.set_exception(error)
        return
    for (_, result), block in zip(taken, blocks, strict=True):
        if not result.done():
            result.set_result(block)
