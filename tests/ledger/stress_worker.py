"""A worker process of the stress test: lists and journals with random pauses until nothing is left or it is killed."""

import asyncio
import os
import random
import sys

from ledger.pool import Pool
from ledger.postgres import PostgresLedger
from ledger.values import TaskId
from tests.ledger.world import key, numbers_of, page_of, segment_of

OBJECTS = 6000
LEASE = 1.0
PAGE = 50
UNIT = 10


class Worker:
    """One process."""

    def __init__(self, url: str, task: TaskId) -> None:
        self.ledger = PostgresLedger(Pool(url, size=4), lease_seconds=LEASE)
        self.task = task
        self.name = f"w{os.getpid()}"
        self.random = random.Random(os.getpid())

    async def run(self) -> None:
        """Until the finish is offered."""
        while True:
            if not (await self.list_some() or await self.journal_some()):
                (work,) = await self.ledger.open_work()
                if work.finish:
                    return
                await asyncio.sleep(0.1)

    async def list_some(self) -> bool:
        """A few pages of one range; splits now and then."""
        claim = await self.ledger.claim_range(self.task, self.name)
        if claim is None:
            return False
        at = int(claim.cursor[1:]) + 1 if claim.cursor else int(claim.lo[1:] or b"0")
        end = int(claim.hi[1:]) if claim.hi else OBJECTS
        for page_no in range(claim.page_no, claim.page_no + 4):
            middle = (at + end) // 2
            if end - at > 4 * PAGE and await self.ledger.split_range(claim, key(middle)):
                end = middle
            await self.dawdle(0.02)
            stop = min(at + PAGE, end)
            page = page_of(page_no, _units(at + 5, stop), range(at, min(at + 5, stop)), last=stop == end)
            if not (await self.ledger.save_page(claim, page)).alive or page.last:
                return True
            at = stop
        await self.ledger.release(claim.fence)
        return True

    async def journal_some(self) -> bool:
        """One unit, in small checkpoints."""
        claim = await self.ledger.claim_unit(self.task, self.name, large=False)
        if claim is None:
            return False
        numbers = numbers_of(claim)
        left = [index for index, done in enumerate(claim.done) if not done]
        for seq, start in enumerate(range(0, len(left), 3), claim.seq):
            await self.dawdle(0.01)
            indexes = left[start : start + 3]
            kind = self.random.choice(("ok", "ok", "skip", "fail"))
            segment = segment_of(kind, [numbers[index] for index in indexes], indexes)
            if not (await self.ledger.checkpoint(claim, seq, indexes, [segment])).alive:
                return True
        return True

    async def dawdle(self, most: float) -> None:
        """A pause, so that faults meet something in the air."""
        await asyncio.sleep(self.random.uniform(0, most))


def _units(start: int, stop: int) -> list[range]:
    return [range(first, min(first + UNIT, stop)) for first in range(start, stop, UNIT)]


if __name__ == "__main__":
    asyncio.run(Worker(sys.argv[1], TaskId(int(sys.argv[2]))).run())
