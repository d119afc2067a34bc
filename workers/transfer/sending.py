"""The parts of one upload: read and sent side by side, each recorded before its lane goes on (reliability 3.8)."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TypeAlias

from connectors.objects import Block, ObjectHead
from engine.parts import PartPlan
from ledger.values import StoredPart, UploadRow
from workers.transfer.context import TaskContext
from workers.transfer.leases import Lease
from workers.transfer.reading import read_part
from workers.transfer.room import Room
from workers.transfer.signals import LeaseLost
from workers.transfer.subjects import Subject
from workers.transfer.together import together
from workers.transfer.whole_md5 import WholeMd5

# Keeps an acknowledged part. False: it is not ours to keep any more.
Record: TypeAlias = Callable[[StoredPart], Awaitable[bool]]


@dataclass(slots=True)
class First:
    """The first part, which is read before there is an upload. `held`: its place in memory, until it is sent."""

    held: AsyncExitStack
    block: Block | None = None

    def take(self) -> Block:
        """Let go of it; whoever takes it sends it."""
        block, self.block = self.block, None
        assert block is not None, "it is sent once"
        return block


@dataclass(frozen=True, slots=True)
class Going:
    """An upload under way: what is read, how it is cut, where it goes."""

    subject: Subject
    plan: PartPlan
    row: UploadRow


class PartSender:
    """Sends the parts in `missing`; those that are recorded are in `stored`.

    `first` is sent from memory; `whole` takes in every part in its order.
    """

    def __init__(self, context: TaskContext, lease: Lease, room: Room, going: Going, record: Record) -> None:
        self._context = context
        self._lease = lease
        self._room = room
        self._record = record
        self.going = going
        self.missing: deque[int] = deque()
        self.stored: dict[int, StoredPart] = {}
        self.first: First | None = None
        self.whole: WholeMd5 | None = None
        # Asked for more when the lanes run dry.
        self.refill: Callable[[], Awaitable[None]] | None = None
        # What the source said with the latest part.
        self.head: ObjectHead | None = None

    @property
    def lanes(self) -> int:
        """How many parts are under way at once."""
        return min(self._context.limits.parts, self.going.plan.count)

    def expect(self, numbers: Iterable[int]) -> None:
        """These parts are wanted; those that are stored already are not sent."""
        self.missing.extend(number for number in numbers if number not in self.stored)

    async def send(self) -> None:
        """Until nothing is missing, or the work is to stop. Raises StoreError, LeaseLost."""
        await together(self._lane() for _ in range(self.lanes))

    async def _lane(self) -> None:
        while await self._any():
            self._lease.check()
            part = await self._part()
            if part is None:
                continue
            # What the store has acknowledged is recorded even when the owner cuts us off now.
            if not await asyncio.shield(self._record(part)):
                raise LeaseLost
            self.stored[part.number] = part

    async def _any(self) -> bool:
        """Whether there is a part to be sent, and nobody wants us to stop."""
        if self._context.stopping.is_set():
            return False
        if self.refill is not None and len(self.missing) < self.lanes:
            await self.refill()
        return bool(self.missing)

    async def _part(self) -> StoredPart | None:
        """The next part; None when there is none left, or the work is to stop.

        It gets its number with its place in memory: who holds one never waits for a part before it that has none.
        """
        if self.first and self.first.block:
            block, number = self.first.take(), self.missing.popleft()
            async with self.first.held:
                return await self._sent(number, block)
        plan = self.going.plan
        async with self._room.memory(self.going.subject.idx, plan.part_size):
            if not self.missing or self._context.stopping.is_set():
                return None
            number = self.missing.popleft()
            block, self.head = await read_part(self._context, self.going.subject, *plan.range(number))
            return await self._sent(number, block)

    async def _sent(self, number: int, block: Block) -> StoredPart:
        if self.whole is not None:
            await self.whole.take(number, block.data)
        context, row, length = self._context, self.going.row, len(block)
        store = context.pair.destination
        self._lease.check()
        part = await context.destination(
            self._lease.under(
                lambda: store.put_part(row.dst_key, row.upload_id, number, block, context.pace())
            ),
            length,
        )
        return StoredPart(number, part.etag, length, block.md5, block.crc64)
