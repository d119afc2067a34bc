"""A slice: as much work as one worker finds within a minute. Messages and self-polling run the same one."""

import asyncio
import logging
import time
from typing import Protocol

SLICE_SECONDS = 60.0
RECENT_SECONDS = 2.0
_SHORTEST = 0.2

log = logging.getLogger(__name__)


class Slicing(Protocol):
    """The part of a transfer worker that slices need."""

    async def run_slice(self, seconds: float) -> bool: ...


class Slices:
    """One slice at a time. Nobody's wish is lost: whoever comes while one runs is served by the next."""

    def __init__(self, worker: Slicing, seconds: float = SLICE_SECONDS) -> None:
        self._worker = worker
        self._seconds = seconds
        self._turn = asyncio.Semaphore(1)
        self._next_waits = False
        self._hinted_at = float("-inf")
        self._over = False

    def hinted(self) -> None:
        """A message said that there may be work."""
        self._hinted_at = time.monotonic()

    def recently_hinted(self) -> bool:
        """True for two seconds after a hint: work may be about to appear."""
        return time.monotonic() - self._hinted_at < RECENT_SECONDS

    async def run(self) -> bool:
        """Waits for its turn and works. True: work remains for one more slice.

        False at once when another already waits, since it will look at everything that this one would.
        """
        if self._next_waits or self._over:
            return False
        self._next_waits = True
        try:
            await self._turn.acquire()
        finally:
            self._next_waits = False
        try:
            return await self._work()
        finally:
            self._turn.release()

    def close(self) -> None:
        """No further slice begins."""
        self._over = True

    async def idle(self) -> None:
        """Returns when the slice that runs is over."""
        async with self._turn:
            return

    async def _work(self) -> bool:
        if self._over:
            return False
        began = time.monotonic()
        remains = await self._worker.run_slice(self._seconds)
        spent = time.monotonic() - began
        log.debug("slice_ended", extra={"seconds": round(spent, 3), "remains": remains})
        if remains and spent < _SHORTEST:
            # What remains cannot be claimed yet (a delay, others' leases): asking at once would only spin.
            await asyncio.sleep(_SHORTEST - spent)
        return remains and not self._over
