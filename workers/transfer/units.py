"""Doing one unit: its objects side by side, their outcomes journalled, its lease watched (design 5)."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Protocol

from engine.manifest import Entry, decode
from engine.outcomes import Outcome, OutcomeKind
from engine.parts import SINGLE_MAX
from ledger.values import UnitClaim, UploadRow
from workers.transfer.budget import ByteBudget
from workers.transfer.context import TaskContext
from workers.transfer.copying import Copier
from workers.transfer.cutting import until_stopped
from workers.transfer.journal import Journal
from workers.transfer.leases import Lease
from workers.transfer.restoring import Restoring
from workers.transfer.room import Room
from workers.transfer.signals import LeaseLost, Stopped, Waiting
from workers.transfer.together import together

log = logging.getLogger(__name__)
MOST_CRASHES = 3
ALONE = 64


class ObjectWork(Protocol):
    """What is done with each object of a unit; `completed` uploads are closed once outcomes are journalled."""

    completed: list[UploadRow]

    async def ready(self) -> None:
        """To be called before the first object."""
        ...

    async def copy(self, idx: int, entry: Entry) -> Outcome | None:
        """What became of one object; None while it is being restored. Raises Fatal and LeaseLost."""
        ...

    @property
    def restoring(self) -> Restoring | None:
        """What waits to be restored; None where nothing ever does."""
        ...


class UnitWork:
    """One claimed unit."""

    def __init__(self, context: TaskContext, lease: Lease, claim: UnitClaim, budget: ByteBudget) -> None:
        self._context = context
        self._lease = lease
        self._claim = claim
        self._journal = Journal(context, claim)
        self._room = Room(context, budget)
        self._copier: ObjectWork = Copier(context, lease, claim, self._room)

    async def run(self) -> None:
        """Until every object has its outcome; what is done is journalled first.

        Raises Waiting, Stopped, LeaseLost, Fatal.
        """
        entries = decode(self._claim.manifest)
        left = [(i, entry) for i, entry in enumerate(entries) if not self._claim.done[i]]
        flusher = asyncio.ensure_future(self._journal.run())
        try:
            await until_stopped(self._context, self._lease, self._all(left), flusher)
        finally:
            flusher.cancel()
            await asyncio.gather(flusher, return_exceptions=True)
            if not self._lease.lost:
                await self._journal.flush()
                await self._note_restoring()
        if self._journal.closed:
            return
        restoring = self._copier.restoring
        pause = None if restoring is None else restoring.pause
        raise Stopped if pause is None or self._context.stopping.is_set() else Waiting(pause)

    async def _all(self, left: Sequence[tuple[int, Entry]]) -> None:
        """Side by side, but one at a time where a crash is to name its object."""
        await self._copier.ready()
        alone = self._alone([idx for idx, _ in left])
        await self._lane(iter(left[:alone]), alone=True)
        others = iter(left[alone:])
        await together(
            self._lane(others) for _ in range(min(len(left) - alone, self._context.limits.runners))
        )

    def _alone(self, left: Sequence[int]) -> int:
        """How many objects are done one at a time.

        After two crashes a number of them, the suspect among them: when they go well the unit makes headway, and what
        brought the owners down (a long outage of the database, say) is none of its objects, or comes later.
        """
        claim = self._claim
        if claim.crashes <= 1 and claim.suspect is None:
            return 0
        return max(ALONE, left.index(claim.suspect) + 1 if claim.suspect in left else 0)

    async def _lane(self, left: Iterator[tuple[int, Entry]], *, alone: bool = False) -> None:
        context = self._context
        for idx, entry in left:
            if context.stopping.is_set():
                return
            flight = context.flight
            if not flight.open():
                await flight.wait()
            try:
                if context.stopping.is_set():
                    return
                self._lease.check()
                doubtful = await (self._isolated(idx, entry) if alone else self._one(idx, entry))
            finally:
                flight.leave()
            if doubtful:
                await self._ask_the_bucket()
            if self._copier.completed:
                await self._close_uploads()

    async def _one(self, idx: int, entry: Entry, *, isolated: bool = False) -> bool:
        """One object to its outcome; whether the bucket itself is to be asked afterwards.

        An object over which the unit breaks again and again fails alone. `isolated`: it has the room for itself.
        """
        whole = not isolated and 0 <= entry.size <= SINGLE_MAX
        if whole and not self._room.open(idx):
            await self._room.enter(idx)
        try:
            outcome = await self._copier.copy(idx, entry)
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
            if self._claim.attempts < MOST_CRASHES:
                raise
            log.exception("object_broke", extra={"unit": self._claim.fence.row, "idx": idx})
            outcome = self._poison(idx, entry, repr(error))
        finally:
            if whole:
                self._room.leave(idx)
        return outcome is not None and self._noted(outcome)

    async def _isolated(self, idx: int, entry: Entry) -> bool:
        """With its turn noted, so that a crash names it; after two at the same object, with nothing beside it.

        An object over which three workers have died so fails alone.
        """
        claim, suspect = self._claim, self._claim.suspect == idx
        if suspect and claim.crashes >= MOST_CRASHES:
            return self._noted(self._poison(idx, entry, f"{claim.crashes} workers died over it"))
        alone = suspect and claim.crashes == MOST_CRASHES - 1
        async with self._room.alone(idx) if alone else nullcontext():
            await self._journal.flush()
            if not await self._context.ledger.mark_current(claim, idx):
                raise LeaseLost
            if not alone:
                return await self._one(idx, entry)
            doubtful = await self._one(idx, entry, isolated=True)
            # Cleared before anything else may bring the process down.
            await self._journal.flush()
            return doubtful

    async def _note_restoring(self) -> None:
        restoring = self._copier.restoring
        if restoring is not None and restoring.new:
            await self._context.ledger.note_restoring(self._claim)

    def _poison(self, idx: int, entry: Entry, detail: str) -> Outcome:
        return Outcome(
            idx=idx, kind=OutcomeKind.FAIL, key=entry.key, size=max(entry.size, 0), etag=entry.etag,
            code="CRASHES_WORKER", detail=detail, finished_ms=self._context.clock.now_ms(),
        )  # fmt: skip

    def _noted(self, outcome: Outcome) -> bool:
        """Journalled soon; True when the bucket itself is to be asked."""
        streak = self._context.streak
        self._journal.add(outcome)
        if outcome.kind is not OutcomeKind.FAIL:
            streak.succeeded()
            return False
        return streak.failed(outcome.code)

    async def _close_uploads(self) -> None:
        """Large objects are journalled at once. A row that a cut leaves open is closed at the end of the run."""
        completed, self._copier.completed = self._copier.completed, []
        await self._journal.flush()
        for row in completed:
            await self._context.ledger.close_upload(row)

    async def _ask_the_bucket(self) -> None:
        """One bucket-level call each: Fatal stops the task, else it goes on narrowly."""
        context = self._context
        await context.source(context.pair.source.check_bucket)
        await context.destination(context.pair.destination.check_bucket)
        context.narrow()
