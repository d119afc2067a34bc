"""What the coroutines of one task share: its facts, its stores, and what its owner wants now."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from connectors.objects import Encryption, Pace
from engine.endpoint import Found
from engine.failures import Side
from engine.parts import quarter_second_piece
from engine.states import TaskStatus
from engine.windows import rate_at
from ledger.values import Control, Desired, TaskFacts
from workers.transfer.budget import ByteBudget
from workers.transfer.calls import Caller
from workers.transfer.gate import Places
from workers.transfer.hashing import Hashing
from workers.transfer.limits import Limits
from workers.transfer.ports import Clock, Ledger, StorePair, Throttle
from workers.transfer.quarantine import Quarantine
from workers.transfer.streaks import Streak

NARROW = 4
# Under a limit: so many seconds of it are in the air at once, and an object counts as so much at least.
AHEAD = 2
LEAST = 64 << 10


@dataclass(slots=True)
class TaskContext:
    """Handed to every coroutine that works on a task."""

    facts: TaskFacts
    pair: StorePair
    ledger: Ledger
    clock: Clock
    throttle: Throttle
    limits: Limits
    source: Caller
    destination: Caller
    control: Control
    backlog: Callable[[], int]
    open_ranges: Callable[[], int]
    idle_lanes: Callable[[], int]
    quarantine: Quarantine
    hashing: Hashing = field(default_factory=Hashing)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    streak: Streak = field(default_factory=Streak)
    # When a side's keys were last seen to be good, in monotonic seconds.
    trusted: dict[Side, float] = field(default_factory=dict)
    checking: asyncio.Lock = field(default_factory=asyncio.Lock)
    probing: asyncio.Lock = field(default_factory=asyncio.Lock)
    default_encryption: Encryption | None = None
    file_system: bool | None = None
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    found: Found = field(default_factory=Found)
    measured: bool = False
    measured_parts: bool = False
    flight: Places = field(init=False)
    # How many are under it now.
    jobs: int = 0
    # Ranges of the task that this process lists now, and when it last cut one (monotonic).
    scans: int = 0
    cut_at: float = float("-inf")
    allowance: ByteBudget | None = None
    left: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        # More objects at once than both windows hold would only lie in memory, half done.
        windows = self.source.gate.window, self.destination.gate.window
        self.flight = Places(lambda: windows[0].limit + windows[1].limit)

    def of_start(self, control: Control | None) -> bool:
        """Whether its stores were opened for the start that the task is at: each may bring other keys."""
        return control is not None and control.starts == self.control.starts

    def obey(self, control: Control | None) -> None:
        """Take in what the owner wants now; what is gone, or was started again, is over for who is under this."""
        if control is None or not self.of_start(control):
            self.stopping.set()
            return
        self.control = control
        if control.desired is not Desired.RUN or control.status is not TaskStatus.MIGRATING:
            self.stopping.set()

    def leave(self, work: Coroutine[Any, Any, None]) -> None:
        """Let `work` go on by itself: nobody waits for it any more."""
        task = asyncio.create_task(work)
        self.left.add(task)
        task.add_done_callback(self.left.discard)

    def caller(self, side: Side) -> Caller:
        """The retry layer of a side."""
        return self.source if side is Side.SOURCE else self.destination

    async def lift(self) -> None:
        """Let go who still waits for bytes under a limit that is gone."""
        for bucket in ("read", "write"):
            await self.throttle.take(self.facts.task_id, bucket, 0, 0)

    def narrow(self) -> None:
        """Go on with four requests in the air until the window grows again."""
        for caller in (self.source, self.destination):
            caller.gate.window.narrow(NARROW)

    def rate(self) -> int | None:
        """Bytes a second that the owner allows at this minute; None: no limit."""
        if not self.control.bandwidth:
            return None
        now = datetime.fromtimestamp(self.clock.now_ms() / 1000, UTC).astimezone(self.limits.zone)
        return rate_at(self.control.bandwidth, now.hour * 60 + now.minute)

    async def take(self, bucket: str, n: int) -> None:
        """Wait for `n` bytes under the limit that holds now, if one does."""
        rate = self.rate()
        if rate is not None:
            await self.throttle.take(self.facts.task_id, bucket, rate, n)

    def allowed(self, n: int) -> AbstractAsyncContextManager[None]:
        """Under a limit, wait until `n` bytes more are of use: what waits for it must not crowd out other tasks."""
        rate = self.rate()
        if rate is None:
            return nullcontext()
        if self.allowance is None or self.allowance.total != rate * AHEAD:
            self.allowance = ByteBudget(rate * AHEAD)
        return self.allowance.hold(max(n, LEAST))

    def ahead(self, bucket: str, n: int) -> Callable[[], Awaitable[None]] | None:
        """How `n` bytes that go in one piece are waited for, so that nothing is held meanwhile; None: no such wait."""
        rate = self.rate()
        if rate is None or n > quarter_second_piece(rate):
            return None
        return partial(self.take, bucket, n)

    def pace(self) -> Pace | None:
        """What a write awaits before each piece, None while there is no limit."""
        return self._pace if self.rate() is not None else None

    async def _pace(self, n: int) -> None:
        await self.take("write", n)
