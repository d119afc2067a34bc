"""A worker process that moves nothing: it claims real units, waits, and journals them as copied.

Started as `python -m tests.workers.standin NAME UNIT_SECONDS`. SIGWINCH blocks its event loop for good.
"""

import asyncio
import os
import signal
import sys
import time

from ledger.values import NewSegment, UnitClaim
from workers.tasks.log import Secrets
from workers.tasks.main import serve
from workers.tasks.parts import Materials, open_parts
from workers.tasks.runtime import Parts, TransferWorker
from workers.tasks.settings import Settings, read_settings

AT_ONCE = 4


class Standin:
    """A `TransferWorker`."""

    def __init__(self, given: Materials, unit_seconds: float) -> None:
        self._name = given.name
        self._ledger = given.ledger
        self._seconds = unit_seconds
        self._held: set[asyncio.Task[None]] = set()
        self._over = asyncio.Event()

    async def run_slice(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while not self._over.is_set() and time.monotonic() < until:
            claims = [claim for claim in [await self._claim() for _ in range(AT_ONCE)] if claim is not None]
            if not claims:
                return bool(await self._ledger.open_work())
            self._held = {asyncio.create_task(self._work(claim)) for claim in claims}
            await asyncio.gather(*self._held)
        return True

    async def stop(self) -> None:
        self._over.set()
        await asyncio.gather(*self._held)

    async def _claim(self) -> UnitClaim | None:
        for work in await self._ledger.open_work():
            claim = await self._ledger.claim_unit(work.task_id, self._name, large=False)
            if claim is not None:
                return claim
        return None

    async def _work(self, claim: UnitClaim) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await self._over.wait()
            await self._ledger.release(claim.fence)
        except TimeoutError:
            indexes = range(claim.n)
            segment = NewSegment("ok", claim.n, claim.n, bytes(32), b"")
            await self._ledger.checkpoint(claim, claim.seq, indexes, [segment])


def main() -> None:
    name, unit_seconds = sys.argv[1], float(sys.argv[2])
    os.environ["OMS_WORKER_NAME"] = name
    secrets = Secrets()
    loops: list[asyncio.AbstractEventLoop] = []
    signal.signal(signal.SIGWINCH, lambda *_: loops[0].call_soon_threadsafe(time.sleep, 3600))

    def make(given: Materials) -> TransferWorker:
        return Standin(given, unit_seconds)

    async def build(settings: Settings) -> Parts:
        loops.append(asyncio.get_running_loop())
        return await open_parts(settings, secrets, make)

    serve(read_settings(), build, secrets)


if __name__ == "__main__":
    main()
