"""Bytes in flight: how much object data one process may hold in memory at a time (design 3.4)."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class ByteBudget:
    """A fair, first-come budget of bytes; a wish larger than the whole budget is granted when nothing else is held."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._free = total
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def held(self) -> int:
        """Bytes granted and not given back."""
        return self.total - self._free

    @asynccontextmanager
    async def hold(self, n: int) -> AsyncIterator[None]:
        """Wait for `n` bytes, give them back at the end."""
        n = min(n, self.total)
        await self._take(n)
        try:
            yield
        finally:
            self._give(n)

    async def _take(self, n: int) -> None:
        if not self._queue and self._free >= n:
            self._free -= n
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((n, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give(n)
            elif (n, turn) in self._queue:
                self._queue.remove((n, turn))
                self._give(0)
            raise

    def _give(self, n: int) -> None:
        self._free += n
        while self._queue and self._queue[0][0] <= self._free:
            wanted, turn = self._queue.popleft()
            if not turn.done():
                self._free -= wanted
                turn.set_result(None)
