"""Keeping leases alive, and knowing when one must not be used any more (design 3.2, reliability 3.4)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from ledger.values import Fence
from workers.transfer.ports import ClaimLedger, Clock
from workers.transfer.signals import LeaseLost

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Lease:
    """One held fence. `deadline` is monotonic: when the lease ends if nothing renews it.

    `closed`: it is being given back; what still goes on beside the job begins no request any more.
    """

    fence: Fence
    deadline: float
    margin: float
    clock: Clock
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False

    @property
    def lost(self) -> bool:
        """Everything under this lease is void."""
        return self.gone.is_set()

    def usable(self) -> bool:
        """May a write still be begun?"""
        return not self.gone.is_set() and self.clock.monotonic() < self.deadline - self.margin

    def check(self) -> None:
        """Raise LeaseLost unless a write may still be begun."""
        if self.closed:
            raise LeaseLost
        if not self.usable():
            self.gone.set()
            raise LeaseLost

    def under(self, attempt: Callable[[], Awaitable[T]]) -> Callable[[], Awaitable[T]]:
        """The same request, begun only while the lease lasts: a write that is tried again may outlive it."""

        async def checked() -> T:
            self.check()
            return await attempt()

        return checked


class LeaseKeeper:
    """Renews all leases of the process in one statement each fifth of their length."""

    def __init__(self, ledger: ClaimLedger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._held: dict[Fence, Lease] = {}

    @property
    def held(self) -> tuple[Lease, ...]:
        """The leases of this process."""
        return tuple(self._held.values())

    def hold(self, fence: Fence, sent_at: float) -> Lease:
        """Start keeping a lease that was asked for at `sent_at` (monotonic)."""
        seconds = self._ledger.lease_seconds
        lease = Lease(fence, sent_at + seconds, seconds / 4, self._clock)
        self._held[fence] = lease
        return lease

    def drop(self, lease: Lease) -> None:
        """Stop keeping it."""
        self._held.pop(lease.fence, None)

    async def run(self) -> None:
        """For ever: renew, and declare lost what the ledger no longer knows or what could not be renewed in time."""
        while True:
            await self._clock.sleep(self._ledger.lease_seconds / 5)
            # What is given up is left to others, however long its job takes to end.
            if held := {fence: lease for fence, lease in self._held.items() if not lease.lost}:
                await self._renew(held)

    async def _renew(self, held: dict[Fence, Lease]) -> None:
        sent_at = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._ledger.lease_seconds / 2):
                ours = await self._ledger.renew(tuple(held))
        except Exception:
            log.warning("renew_failed", exc_info=True, extra={"leases": len(held)})
            self._expire()
            return
        for fence, lease in held.items():
            if fence in ours:
                lease.deadline = sent_at + self._ledger.lease_seconds
            elif fence in self._held:
                log.info("lease_not_renewed", extra={"fence": str(fence)})
                lease.gone.set()

    def _expire(self) -> None:
        for lease in self.held:
            if not lease.usable():
                lease.gone.set()
