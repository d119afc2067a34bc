"""A worker process that can be killed at any await, frozen beyond its leases, or told to stop."""

import asyncio
from asyncio.events import Handle
from contextvars import Context, copy_context
from typing import Any

from tests.sim.loop import OWNER, VirtualLoop
from workers.transfer.worker import Worker

# What a frozen process had already begun may still leave it when it wakes.
AFTERSHOCK = 0.5


class Process:
    """One worker, as its operating system sees it."""

    def __init__(self, name: str, loop: VirtualLoop, *, fuse: int, clock_skew: float) -> None:
        self.name = name
        self.loop = loop
        self.fuse = fuse
        self.clock_skew = clock_skew
        self.dead = False
        self.stopping = False
        self.frozen = False
        self.parked: list[Handle] = []
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.cut_until = 0.0
        self.excused_until = 0.0
        # Until then it may hold a lease without knowing: a call took effect unheard or late, or could not be made.
        self.estranged_until = 0.0
        self.in_air: dict[str, int] = {}
        self.bytes_in_air = 0
        self.worker: Worker | None = None
        self.context: Context = copy_context()
        self.context.run(OWNER.set, self)

    def start(self, life: Any) -> None:
        """Begin to live."""
        self.context.run(asyncio.ensure_future, life)

    def enter(self) -> bool:
        """At the door of each call outside: True when the process dies once the call has taken effect."""
        if self.dead:
            raise asyncio.CancelledError
        if self.fuse:
            self.fuse -= 1
            if not self.fuse:
                if self.loop.steps % 2:
                    self.kill()
                    raise asyncio.CancelledError
                return True
        return False

    def kill(self) -> None:
        """Nothing of it runs any more; what is under way outside goes on."""
        if self.dead:
            return
        self.dead = True
        self.loop.thaw(self)
        for task in list(self.tasks):
            task.cancel()

    def freeze(self, seconds: float) -> None:
        """SIGSTOP, and SIGCONT later."""
        if not self.dead and not self.frozen:
            self.loop.freeze(self)
            self.loop.call_later(seconds, self._wake)

    def _wake(self) -> None:
        self.excused_until = self.loop.time() + AFTERSHOCK
        self.loop.thaw(self)

    @property
    def strict(self) -> bool:
        """Whether it is bound to begin nothing without a lease."""
        return not self.frozen and self.loop.time() > self.excused_until
