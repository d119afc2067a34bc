"""One worker process: takes what tasks offer, fairly, and keeps a bounded number of jobs going (design 3.10)."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from connectors.errors import Fatal, StoreError
from ledger.values import (
    Leased,
    OpenWork,
    RangeClaim,
    RecordClaim,
    RunClaim,
    SpanClaim,
    TaskId,
    TaskKind,
    UnitClaim,
)
from workers.transfer.board import Board
from workers.transfer.budget import ByteBudget
from workers.transfer.context import TaskContext
from workers.transfer.cutting import until_stopped
from workers.transfer.endings import AGAIN_AFTER, give_back, halt, run_to_its_end
from workers.transfer.finish import Finish
from workers.transfer.grouping import make_tasks
from workers.transfer.helping import SpanWork
from workers.transfer.leases import Lease, LeaseKeeper
from workers.transfer.limits import Limits
from workers.transfer.ports import Clock, Ledger, Random, Stores, Throttle
from workers.transfer.prepare import prepare
from workers.transfer.scan import RangeScan
from workers.transfer.suspicion import doubted
from workers.transfer.syncing import SyncFinish, SyncUnit, kept
from workers.transfer.units import UnitWork
from workers.transfer.verifying import VerifyFinish, VerifyUnit

log = logging.getLogger(__name__)
TICK = 0.2
BUSY_TICK = 0.8
MOST_SURPRISES = 10
# So many tasks at least have a job of each kind, however slow those of the others are.
MOST_TASKS = 64
Claim = RunClaim | RangeClaim | UnitClaim | SpanClaim | RecordClaim
Row = tuple[Leased, TaskId, int, int]


@dataclass(frozen=True, slots=True)
class Kind:
    """How the units of a kind of task are done and how its run ends."""

    unit: type[UnitWork]
    finish: type[Finish]


_KINDS = {
    TaskKind.MIGRATION: Kind(UnitWork, Finish),
    TaskKind.BATCH: Kind(SyncUnit, SyncFinish),
    TaskKind.VERIFICATION: Kind(VerifyUnit, VerifyFinish),
}


@dataclass(frozen=True, slots=True)
class Offer:
    """One kind of work: when a task has it, how it is claimed, what is done under the claim, how many at once."""

    kind: str
    most: int
    there: Callable[[OpenWork], bool]
    claim: Callable[[TaskId], Awaitable[Claim | None]]
    body: Callable[[TaskContext, Lease, Claim], Coroutine[Any, Any, None]]


class Worker:
    """Claims and does work. `run_slice` may be called again and again; jobs outlive a slice."""

    def __init__(
        self,
        name: str,
        ledger: Ledger,
        stores: Stores,
        throttle: Throttle,
        clock: Clock,
        random: Random,
        limits: Limits | None = None,
    ) -> None:
        self.name = name
        self._ledger = ledger
        self._clock = clock
        self._limits = limits or Limits()
        self._budget = ByteBudget(self._limits.bytes_in_flight, self._limits.bytes_of_a_task)
        self._keeper = LeaseKeeper(ledger, clock)
        self._board = Board(ledger, stores, throttle, clock, random, self._limits)
        self._jobs: dict[asyncio.Task[None], tuple[str, TaskId]] = {}
        self._claiming: set[asyncio.Task[Claim | None]] = set()
        self._background: list[asyncio.Task[None]] = []
        self._attempts: Counter[Row] = Counter()
        self._offers = self._table()
        self._closing = False
        self._beat = clock.monotonic()

    def beat(self) -> float:
        """The monotonic time of the last sign of life."""
        return self._beat

    @property
    def leases(self) -> int:
        """How many leases this process holds."""
        return len(self._keeper.held)

    async def run_slice(self, seconds: float) -> bool:
        """Take and do work until no task is open or the time is over. True: there is more."""
        self._start_background()
        ends_at, tick = self._clock.monotonic() + seconds, TICK
        while not self._closing and self._clock.monotonic() < ends_at:
            self._beat = self._clock.monotonic()
            open_work = await self._ledger.open_work()
            self._board.see(open_work)
            before = len(self._jobs)
            await self._fill(open_work)
            tick = TICK if len(self._jobs) > before or self._hopeful() else min(2 * tick, BUSY_TICK)
            if not self._jobs and not open_work:
                self._attempts.clear()
                return False
            await self._wait(min(tick, max(0.0, ends_at - self._clock.monotonic())))
        return not self._closing

    async def stop(self) -> None:
        """Take nothing more, cut what does not end by itself, give every lease back; within three seconds."""
        self._closing = True
        self._board.stop_all()
        jobs = list(self._jobs)
        if waiting := [*jobs, *self._claiming]:
            await asyncio.wait(waiting, timeout=2 * self._limits.grace)
        for one in (*jobs, *self._background):
            one.cancel()
        await asyncio.gather(*jobs, *self._background, return_exceptions=True)
        await self._last_count()

    async def _last_count(self) -> None:
        try:
            async with asyncio.timeout(self._limits.grace / 2):
                await self._board.tallies.save()
        except Exception:
            log.warning("requests_not_counted", exc_info=True)

    def _hopeful(self) -> bool:
        """Whether work may appear at any moment: to the idle, and from ranges that are being listed.

        Others look less often while their jobs go on; the end of one is seen at once.
        """
        return not self._jobs or any(kind == "range" for kind, _ in self._jobs.values())

    def _start_background(self) -> None:
        if not self._background:
            loops = (self._keeper.run(), self._board.run())
            self._background = [asyncio.ensure_future(one) for one in loops]

    async def _wait(self, seconds: float) -> None:
        if self._jobs:
            await asyncio.wait(self._jobs, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        else:
            await self._clock.sleep(seconds)

    async def _fill(self, open_work: tuple[OpenWork, ...]) -> None:
        """One claim a task and round, so that no task starves another, until nothing can be taken."""
        hungry = sorted(open_work, key=lambda one: one.leased)
        while hungry and not self._closing:
            hungry = [one for one in hungry if await self._take_one(one)]

    async def _take_one(self, work: OpenWork) -> bool:
        for offer in self._offers:
            if self._closing:
                return False
            if offer.there(work) and self._room(offer, work) and await self._take(offer, work.task_id):
                return True
        return False

    def _room(self, offer: Offer, work: OpenWork) -> bool:
        """A task without any such job gets one also where those of slow tasks have taken all places."""
        busy = [task_id for kind, task_id in self._jobs.values() if kind == offer.kind]
        return len(busy) < (offer.most if work.task_id in busy else MOST_TASKS)

    async def _take(self, offer: Offer, task_id: TaskId) -> bool:
        asked_at = self._clock.monotonic()
        claiming = asyncio.ensure_future(self._claimed(offer, task_id))
        self._claiming.add(claiming)
        claiming.add_done_callback(self._claiming.discard)
        claim = await claiming
        if claim is None:
            return False
        lease = self._keeper.hold(claim.fence, asked_at)
        job = asyncio.ensure_future(self._job(offer, lease, claim))
        self._jobs[job] = (offer.kind, task_id)
        job.add_done_callback(self._jobs.pop)
        return True

    async def _claimed(self, offer: Offer, task_id: TaskId) -> Claim | None:
        """A claim, given back at once when the process has begun to end meanwhile; `stop` waits for that."""
        claim = await offer.claim(task_id)
        if claim is not None and self._closing:
            await self._ledger.release(claim.fence)
            return None
        return claim

    async def _job(self, offer: Offer, lease: Lease, claim: Claim) -> None:
        attempts = self._attempt(claim)
        try:
            if await run_to_its_end(self._ledger, lease, self._inside(offer, lease, claim), attempts):
                self._attempts.pop(_row(claim), None)
        except asyncio.CancelledError:
            async with asyncio.timeout(self._limits.grace / 2):
                await give_back(self._ledger, lease)
            raise
        except Exception as error:
            log.exception("job_failed", extra={"kind": offer.kind, "task": lease.fence.task_id})
            if attempts >= MOST_SURPRISES:
                await halt(self._ledger, lease, "TRF.0001", repr(error))
            else:
                await give_back(self._ledger, lease, delay=AGAIN_AFTER)
        finally:
            self._keeper.drop(lease)

    def _attempt(self, claim: Claim) -> int:
        """Which try in a row this is. The ledger forgets those of a range that goes on, but also counts pauses."""
        self._attempts[_row(claim)] += 1
        tried = self._attempts[_row(claim)]
        return min(tried, claim.attempts) if isinstance(claim, RangeClaim | UnitClaim) else tried

    async def _inside(self, offer: Offer, lease: Lease, claim: Claim) -> None:
        async with self._board.using(lease.fence.task_id) as context:
            try:
                await offer.body(context, lease, claim)
            except StoreError as error:
                if context.facts.kind is TaskKind.BATCH:
                    raise kept(context, error) from error
                if isinstance(error, Fatal):
                    raise await doubted(context, error) from error
                raise

    def _table(self) -> tuple[Offer, ...]:
        """What can be taken, in the order of urgency: what ends a run first."""
        ledger, name, limits = self._ledger, self.name, self._limits
        return (
            Offer("run", 4, lambda w: w.prepare, lambda t: ledger.claim_prepare(t, name), self._prepare),
            # Whole lists are everybody's; who finishes writes what is left of them by himself.
            Offer("record", 2, lambda w: w.record, self._claim_record, self._record),
            Offer("run", 4, lambda w: w.finish, lambda t: ledger.claim_finish(t, name), self._finish),
            Offer("run", 4, lambda w: w.cut, lambda t: ledger.claim_cut(t, name), self._cut),
            Offer("range", limits.ranges, lambda w: w.ranges > 0, lambda t: ledger.claim_range(t, name), self._scan),
            Offer("large", limits.large, lambda w: w.large > 0,
                  lambda t: ledger.claim_unit(t, name, large=True), self._unit),
            Offer("span", limits.spans, lambda w: w.spans, lambda t: ledger.claim_span(t, name), self._span),
            Offer("unit", limits.units, lambda w: w.units > 0,
                  lambda t: ledger.claim_unit(t, name, large=False), self._unit),
        )  # fmt: skip

    async def _claim_record(self, task_id: TaskId) -> RecordClaim | None:
        return await self._ledger.claim_record(task_id, self.name, self._clock.now_ms(), finish=None)

    async def _prepare(self, context: TaskContext, lease: Lease, claim: Claim) -> None:
        assert isinstance(claim, RunClaim)
        await until_stopped(context, lease, prepare(context, claim))

    async def _cut(self, context: TaskContext, lease: Lease, claim: Claim) -> None:
        assert isinstance(claim, RunClaim)
        await make_tasks(context, lease, claim)

    async def _finish(self, context: TaskContext, lease: Lease, claim: Claim) -> None:
        assert isinstance(claim, RunClaim)
        await _KINDS[context.facts.kind].finish(context, lease, claim, self._keeper, self.name).run()

    async def _record(self, context: TaskContext, lease: Lease, claim: Claim) -> None:
        assert isinstance(claim, RecordClaim)
        writer = _KINDS[context.facts.kind].finish.writer
        await until_stopped(context, lease, writer(context, lease, claim).run())

    async def _scan(self, context: TaskContext, lease: Lease, claim: Claim) -> None:
        assert isinstance(claim, RangeClaim)
        await until_stopped(context, lease, RangeScan(context, lease, claim).run())

    async def _unit(self, context: TaskContext, lease: Lease, claim: Claim) -> None:
        assert isinstance(claim, UnitClaim)
        await _KINDS[context.facts.kind].unit(context, lease, claim, self._budget).run()

    async def _span(self, context: TaskContext, lease: Lease, claim: Claim) -> None:
        assert isinstance(claim, SpanClaim)
        await SpanWork(context, lease, claim, self._budget).run()


def _row(claim: Claim) -> Row:
    fence = claim.fence
    return fence.table, fence.task_id, fence.run_no, fence.row
