"""Bytes in flight: how much object data one process may hold in memory at a time (design 3.4)."""

import asyncio
from collections import deque
from types import TracebackType


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

    def hold(self, n: int) -> "Hold":
        """`async with` waits for `n` bytes and gives them back at the end."""
        return Hold(self, min(n, self.total))

    async def take(self, n: int) -> None:
        """Wait for `n` bytes, at most the whole budget."""
        if not self._queue and self._free >= n:
            self._free -= n
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((n, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(n)
            elif (n, turn) in self._queue:
                self._queue.remove((n, turn))
                self.give(0)
            raise

    def give(self, n: int) -> None:
        """Give `n` bytes back."""
        self._free += n
        while self._queue and self._queue[0][0] <= self._free:
            wanted, turn = self._queue.popleft()
            if not turn.done():
                self._free -= wanted
                turn.set_result(None)


class Hold:
    """Bytes of a budget for as long as a block lasts."""

    __slots__ = ("_budget", "_n")

    def __init__(self, budget: ByteBudget, n: int) -> None:
        self._budget = budget
        self._n = n

    async def __aenter__(self) -> None:
        await self._budget.take(self._n)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._budget.give(self._n)
