"""How many requests this process may have in the air at one store and account; the window adapts itself (design 5)."""

import asyncio
from collections import deque
from collections.abc import Callable

from connectors.traits import Traits
from engine.aimd import Window
from engine.retry import RetryBudget
from workers.transfer.ports import Clock


class Places:
    """A number of places that may change, first come, first served.

    Each one that `open` gave or `wait` waited for is followed by exactly one `leave`.
    """

    def __init__(self, most: Callable[[], int]) -> None:
        self.taken = 0
        self._most = most
        self._queue: deque[asyncio.Future[None]] = deque()

    def open(self) -> bool:
        """Take a place if one is free and nobody waits for it."""
        if self._queue or self.taken >= self._most():
            return False
        self.taken += 1
        return True

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

    def leave(self) -> None:
        """The place is free again."""
        self.taken -= 1
        while self._queue and self.taken < self._most():
            turn = self._queue.popleft()
            if not turn.done():
                self.taken += 1
                turn.set_result(None)


class Gate(Places):
    """The places of a store are its window."""

    def __init__(self, traits: Traits, clock: Clock) -> None:
        self.window = Window(start=traits.window_start, ceiling=traits.window_max)
        super().__init__(lambda: self.window.limit)
        self.budget = RetryBudget()
        self._ceiling = traits.window_max
        self._clock = clock

    def share(self, workers: int) -> None:
        """The store's ceiling is divided by the workers that live."""
        self.window.bound(max(1, self._ceiling // max(1, workers)))

    async def wait(self) -> None:
        """See `Places`; it shows the window that more would be of use."""
        self.window.on_wait()
        await super().wait()

    def succeeded(self, size: int) -> None:
        """A request of `size` bytes came back well."""
        self.window.on_success(self._clock.monotonic(), size)

    def throttled(self, sent_at: float) -> None:
        """The store asked for less."""
        self.window.on_throttle(self._clock.monotonic(), sent_at)
