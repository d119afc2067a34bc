"""Outcomes of a unit on their way to the ledger: at most a second or 500 objects wait in memory (design 3.5)."""

import asyncio

from engine.outcomes import Outcome
from ledger.values import Desired, UnitClaim
from workers.transfer.context import TaskContext
from workers.transfer.segments import segments
from workers.transfer.signals import LeaseLost


class Journal:
    """Outcomes of one claim. `closed` becomes True with the checkpoint that completes the unit."""

    def __init__(self, context: TaskContext, claim: UnitClaim) -> None:
        self._context = context
        self._claim = claim
        self._waiting: list[Outcome] = []
        # On its way: repeated as it is until an answer has come, whatever is added meanwhile.
        self._batch: list[Outcome] = []
        self._seq = claim.seq
        self._full = asyncio.Event()
        self._writing = asyncio.Lock()
        self.closed = False

    def add(self, outcome: Outcome) -> None:
        """Remember an outcome; it counts once a flush has committed it."""
        self._waiting.append(outcome)
        if len(self._waiting) >= self._context.limits.flush_count:
            self._full.set()

    async def run(self) -> None:
        """For ever: flush each second, or as soon as enough are waiting."""
        while True:
            try:
                async with asyncio.timeout(self._context.limits.flush_every):
                    await self._full.wait()
            except TimeoutError:
                pass
            await self.flush()

    async def flush(self) -> None:
        """Journal what is waiting. Raises LeaseLost."""
        async with self._writing:
            while self._batch or self._waiting:
                if not self._batch:
                    most = self._context.limits.flush_count
                    self._batch, self._waiting = self._waiting[:most], self._waiting[most:]
                await self._checkpoint(self._batch)

    async def _checkpoint(self, batch: list[Outcome]) -> None:
        self._full.clear()
        answer = await self._context.ledger.checkpoint(
            self._claim, self._seq, [one.idx for one in batch], segments(batch)
        )
        if not answer.alive:
            raise LeaseLost
        self._batch = []
        self._seq += 1
        self.closed = self.closed or answer.closed
        if answer.desired is not Desired.RUN:
            self._context.stopping.set()
