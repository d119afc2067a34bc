"""The dispatcher: slots for waiting tasks, an end for what has drained or waited too long, rings for work.

It runs in every worker and in the scheduler. Each turn is idempotent; the election only saves work.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from itertools import cycle, islice
from typing import Protocol

from ledger.dispatch import Due
from workers.broker.app import QueueName

TURN_SECONDS = 1.0
DRAINING_SECONDS = 0.2
HINT_SECONDS = 5.0
MOST_RINGS = 16

log = logging.getLogger(__name__)


class Board(Protocol):
    """What the ledger offers to a dispatcher; every call may be repeated."""

    def election(self) -> AbstractAsyncContextManager[bool]:
        """True for the only holder while the context lasts."""
        ...

    async def promote(self) -> Sequence[Due]:
        """Moves waiting tasks into free slots (priority, then first come); those that were moved."""
        ...

    async def settle(self) -> bool:
        """Closes drained tasks (7 to 3, halted to 4). True while some are still draining."""
        ...

    async def expire_waiting(self) -> None:
        """Ends tasks that waited for a slot too long."""
        ...

    async def due(self) -> Sequence[Due]:
        """Running tasks with something to claim now."""
        ...

    async def workers(self) -> int:
        """How many live."""
        ...


class Bell(Protocol):
    """Rings for a slice."""

    async def ring(self, queue: str, task_id: int | None) -> bool: ...


class Dispatcher:
    """One per process."""

    def __init__(self, board: Board, bell: Bell) -> None:
        self._board = board
        self._bell = bell
        self._poked = asyncio.Event()
        self._next_hints_at = 0.0

    def poke(self) -> None:
        """Ends the pause before the next turn."""
        self._poked.set()

    async def turn(self) -> float:
        """One turn and the pause after it; a poke cuts the pause short. 0: take the next turn."""
        draining = await self.once()
        try:
            async with asyncio.timeout(DRAINING_SECONDS if draining else TURN_SECONDS):
                await self._poked.wait()
        except TimeoutError:
            return 0.0
        self._poked.clear()
        return 0.0

    async def once(self) -> bool:
        """Promotes, settles, expires, rings. True while tasks are draining."""
        async with self._board.election() as elected:
            if not elected:
                return False
            draining = await self._board.settle()
            promoted = await self._board.promote()
            await self._board.expire_waiting()
            due = await self._hints()
        if found := [*promoted, *due]:
            await self._ring(found)
        return draining

    async def _hints(self) -> Sequence[Due]:
        now = time.monotonic()
        if now < self._next_hints_at:
            return ()
        self._next_hints_at = now + HINT_SECONDS
        return await self._board.due()

    async def _ring(self, due: Sequence[Due]) -> None:
        # A ring is heard by one worker, the one that has waited longest: all of them are to come, since only who is
        # awake sees that there is more than others can take.
        rings = min(MOST_RINGS, max(len(due), await self._board.workers()))
        for task in islice(cycle(sorted(due, key=lambda task: task.priority)), rings):
            await self._bell.ring(QueueName.of_priority(task.priority).value, task.task_id)
