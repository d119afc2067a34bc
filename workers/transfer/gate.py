"""How many requests this process may have in the air at one store and account; the window adapts itself (design 5)."""

import asyncio
from collections import deque

from connectors.traits import Traits
from engine.aimd import Window
from engine.retry import RetryBudget
from workers.transfer.ports import Clock


class Gate:
    """First come, first served. Each place that `open` gave or `wait` waited for is followed by exactly one `leave`."""

    def __init__(self, traits: Traits, clock: Clock) -> None:
        self.window = Window(start=traits.window_start, ceiling=traits.window_max)
        self.budget = RetryBudget()
        self.in_air = 0
        self._ceiling = traits.window_max
        self._clock = clock
        self._queue: deque[asyncio.Future[None]] = deque()

    def share(self, workers: int) -> None:
        """The store's ceiling is divided by the workers that live."""
        self.window.bound(max(1, self._ceiling // max(1, workers)))

    def open(self) -> bool:
        """Take a place if one is free and nobody waits for it."""
        if self._queue or self.in_air >= self.window.limit:
            return False
        self.in_air += 1
        return True

    def leave(self) -> None:
        """The request is over, however it went."""
        self.in_air -= 1
        while self._queue and self.in_air < self.window.limit:
            turn = self._queue.popleft()
            if not turn.done():
                self.in_air += 1
                turn.set_result(None)

    def succeeded(self, size: int) -> None:
        """A request of `size` bytes came back well."""
        self.window.on_success(self._clock.monotonic(), size)

    def throttled(self, sent_at: float) -> None:
        """The store asked for less."""
        self.window.on_throttle(self._clock.monotonic(), sent_at)

    async def wait(self) -> None:
        """Take the next place that becomes free."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()
            raise
