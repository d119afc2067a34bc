"""The bandwidth limit of a task, shared by all processes: bytes are granted in turn, never in advance."""

import asyncio
from collections import defaultdict

from tests.sim.loop import VirtualLoop, pause
from tests.sim.process import Process


class Throttle:
    """One bucket a task and direction."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.granted: dict[tuple[int, str], int] = defaultdict(int)
        self._loop = loop
        self._next: dict[tuple[int, str], float] = {}
        self._lifted: dict[tuple[int, str], asyncio.Event] = defaultdict(asyncio.Event)

    def of(self, process: Process) -> "ProcessThrottle":
        """As one process uses it."""
        return ProcessThrottle(self, process)

    async def take(self, place: tuple[int, str], rate: int, n: int) -> None:
        """Returns when they are granted."""
        if rate <= 0:
            self._next.pop(place, None)
            self._lifted.pop(place, asyncio.Event()).set()
            return
        at = max(self._loop.time(), self._next.get(place, 0.0)) + n / rate
        self._next[place] = at
        try:
            async with asyncio.timeout(at - self._loop.time()):
                await self._lifted[place].wait()
        except TimeoutError:
            pass
        self.granted[place] += n


class ProcessThrottle:
    """What `workers.transfer.ports.Throttle` promises."""

    def __init__(self, shared: Throttle, process: Process) -> None:
        self._shared = shared
        self._process = process

    async def take(self, task_id: int, bucket: str, rate: int, n: int) -> None:
        self._process.enter()
        await pause(0.001)
        await self._shared.take((task_id, bucket), rate, n)
