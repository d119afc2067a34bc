"""The one retry layer: every request to a store goes through here, gated and repeated (design 3.3, clouds.md E)."""

import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from connectors.errors import StoreError, Throttled, Transient
from engine.failures import Side
from engine.retry import delays, wait
from workers.transfer.gate import Gate
from workers.transfer.ports import Clock, Random

log = logging.getLogger(__name__)
T = TypeVar("T")
THROTTLED_FOR = 600.0


class Caller:
    """Repeats what may succeed later. One for each side of a task; the gate is shared by all tasks of the store."""

    def __init__(self, side: Side, gate: Gate, clock: Clock, random: Random) -> None:
        self.side = side
        self.gate = gate
        self._clock = clock
        self._random = random

    async def __call__(
        self,
        attempt: Callable[[], Awaitable[T]],
        size: int = 0,
        before: Callable[[], Awaitable[None]] | None = None,
    ) -> T:
        """The answer of `attempt`, a request that moves `size` bytes. `before` is awaited outside the gate each time.

        The last Transient when six tries (throttles: ten minutes) were in vain; ObjectError and Fatal pass at once.
        Every StoreError that leaves here says its side.
        """
        gate, began = self.gate, self._clock.monotonic()
        gate.budget.on_request(began)
        waits: Iterator[float] | None = None
        while True:
            if before is not None:
                await before()
            if not gate.open():
                await gate.wait()
            sent_at = self._clock.monotonic()
            try:
                answer = await attempt()
            except Transient as error:
                if isinstance(error, Throttled):
                    gate.throttled(sent_at)
                waits = waits or delays(self._random)
                pause = self._pause(error, waits, began)
                if pause is None:
                    raise self._noted(error) from error.__cause__
                log.info("retry", extra={"why": str(error), "side": self.side, "pause": round(pause, 3)})
            except StoreError as error:
                raise self._noted(error) from error.__cause__
            else:
                gate.succeeded(size)
                return answer
            finally:
                gate.leave()
            await self._clock.sleep(pause)

    def _pause(self, error: Transient, waits: Iterator[float], began: float) -> float | None:
        now = self._clock.monotonic()
        if isinstance(error, Throttled):
            over = now - began > THROTTLED_FOR
            return None if over else wait(0.2 + self._random.random(), error.retry_after)
        pause = next(waits, None)
        if pause is not None and not self.gate.budget.spend(now):
            self.gate.throttled(now)
        return pause

    def _noted(self, error: StoreError) -> StoreError:
        error.side = self.side
        return error
