"""The hashes of blocks. Large ones are hashed beside the loop, several at once: eight cost little more than one."""

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from fastcrc import crc64

from connectors.objects import Block
from engine import md5
from engine.md5 import Md5

# Bytes from which on a block is hashed beside the loop.
LARGE = 1 << 20
# How long a block waits for others that are on their way, in seconds, where so many would come together: more than the
# parts of one object, which would only be held up.
PATIENCE = 0.03
COMPANY = 5

Data: TypeAlias = bytes | bytearray | memoryview


@dataclass(slots=True)
class _Job:
    """A message of its own, or a piece of `message`, whose next piece waits for this one."""

    data: Data
    message: Md5 | None
    digest: asyncio.Future[bytes]


class Hashing:
    """Shared by all that one process reads."""

    def __init__(self) -> None:
        self._waiting: list[_Job] = []
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
            # Once what has come is among those who wait.
            asyncio.get_running_loop().call_soon(self._look)

    async def block(self, data: bytes | bytearray) -> Block:
        """A block with its hashes."""
        if len(data) < LARGE:
            return block_of(data)
        return Block(data, await self._queued(data, None), crc64.xz(data))

    async def take(self, message: Md5, data: Data) -> None:
        """The message goes on with `data`; one piece at a time."""
        if len(data) < LARGE:
            md5.update_all([(message, data)])
        else:
            await self._queued(data, message)

    async def _queued(self, data: Data, message: Md5 | None) -> bytes:
        job = _Job(data, message, asyncio.get_running_loop().create_future())
        if md5.LANES == 1:
            return (await asyncio.to_thread(_digests, [job]))[0]
        self._waiting.append(job)
        if self._busy is None:
            self._busy = asyncio.create_task(self._run())
        self._look()
        return await job.digest

    def _look(self) -> None:
        waiting = len(self._waiting)
        crowd = waiting + self._coming >= COMPANY and waiting < md5.LANES
        if not (crowd and self._coming) or any(job.message is not None for job in self._waiting):
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
        """Until all lanes are taken, or nothing more is worth waiting for, or it has been long enough."""
        self._company.clear()
        self._look()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._company.wait()
        except TimeoutError:
            pass


def block_of(data: bytes | bytearray) -> Block:
    """A block with its hashes, here and now."""
    return Block(data, hashlib.md5(data, usedforsecurity=False).digest(), crc64.xz(data))


async def _hash(jobs: Sequence[_Job]) -> None:
    try:
        digests = await asyncio.to_thread(_digests, jobs)
    except Exception as error:  # noqa: BLE001  # whoever waits gets it
        for job in jobs:
            if not job.digest.done():
                job.digest.set_exception(error)
        return
    for job, digest in zip(jobs, digests, strict=True):
        if not job.digest.done():
            job.digest.set_result(digest)


def _digests(jobs: Sequence[_Job]) -> list[bytes]:
    """A single message goes faster alone, unless more of it is to come."""
    if [job.message for job in jobs] == [None]:
        return md5.digests([job.data for job in jobs])
    messages = [job.message or md5.begun() for job in jobs]
    md5.update_all(zip(messages, (job.data for job in jobs), strict=True))
    return [one.digest() for one in messages]
