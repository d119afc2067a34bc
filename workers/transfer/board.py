"""The tasks this process works on: opened once, shared by their jobs, told twice a second what their owners want."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from connectors.capabilities import Described
from engine.failures import Side
from ledger.values import Control, OpenWork, TaskId
from workers.transfer.calls import Caller
from workers.transfer.context import TaskContext
from workers.transfer.gate import Gate
from workers.transfer.hashing import Hashing
from workers.transfer.limits import Limits
from workers.transfer.ports import Clock, Ledger, Random, Stores, Throttle
from workers.transfer.quarantine import Quarantine
from workers.transfer.signals import Stopped
from workers.transfer.tallies import Tallies

log = logging.getLogger(__name__)
REFRESH = 0.5


class Board:
    """Contexts by task, gates by store."""

    def __init__(
        self, ledger: Ledger, stores: Stores, throttle: Throttle, clock: Clock, random: Random, limits: Limits
    ) -> None:
        self._ledger = ledger
        self._stores = stores
        self._throttle = throttle
        self._clock = clock
        self._random = random
        self._limits = limits
        self._contexts: dict[TaskId, TaskContext] = {}
        self._arriving: Counter[TaskId] = Counter()
        self._opening: dict[TaskId, asyncio.Lock] = {}
        self._gates: dict[str, Gate] = {}
        self._quarantine = Quarantine()
        self._hashing = Hashing()
        self._open_work: dict[TaskId, OpenWork] = {}
        self._workers = 1
        self.tallies = Tallies(ledger)

    def see(self, open_work: Sequence[OpenWork]) -> None:
        """Take note of what tasks offer."""
        self._open_work = {one.task_id: one for one in open_work}

    def stop_all(self) -> None:
        """The process ends."""
        for context in self._contexts.values():
            context.stopping.set()

    @asynccontextmanager
    async def using(self, task_id: TaskId) -> AsyncIterator[TaskContext]:
        """A task's context; its stores are closed when the last job of a stopped or finished task leaves."""
        context = await self._entered(task_id)
        try:
            yield context
        finally:
            context.jobs -= 1
            if not context.jobs and (context.stopping.is_set() or task_id not in self._open_work):
                await self._close(context)

    async def run(self) -> None:
        """For ever: requests told and controls asked twice a second, shares of ceilings as workers come and go."""
        while True:
            await self._clock.sleep(REFRESH)
            try:
                # First: a ceiling that is reached by this is among the controls already.
                await self.tallies.save()
                await self.refresh()
            except Exception:
                log.warning("refresh_failed", exc_info=True)

    async def refresh(self) -> None:
        """Ask once what owners want now."""
        contexts = dict(self._contexts)
        if not contexts:
            return
        controls = await self._ledger.controls(tuple(contexts))
        for task_id, context in contexts.items():
            limited = context.rate() is not None
            context.obey(controls.get(task_id))
            if limited and context.rate() is None:
                await context.lift()
            if context.stopping.is_set() and not context.jobs and self._contexts.get(task_id) is context:
                await self._close(context)
        self._workers = await self._stores.workers()
        for gate in self._gates.values():
            gate.share(self._workers)

    async def _entered(self, task_id: TaskId) -> TaskContext:
        self._arriving[task_id] += 1
        try:
            async with self._opening.setdefault(task_id, asyncio.Lock()):
                context = await self._current(task_id)
                context.jobs += 1
                return context
        finally:
            self._arriving[task_id] -= 1
            if not self._arriving[task_id]:
                del self._arriving[task_id], self._opening[task_id]

    async def _current(self, task_id: TaskId) -> TaskContext:
        """The context of the start that the task is at; one of an earlier start is left to those who linger in it."""
        control = (await self._ledger.controls((task_id,))).get(task_id)
        known = self._contexts.get(task_id)
        if known is not None and known.of_start(control):
            return known
        if known is not None:
            known.obey(control)
            del self._contexts[task_id]
            if not known.jobs:
                await self._close(known)
        if control is None:
            raise Stopped
        return await self._open(task_id, control)

    async def _open(self, task_id: TaskId, control: Control) -> TaskContext:
        """`control` was asked before: of the keys that are read now, none are older than its start."""
        facts = await self._ledger.facts(task_id)
        if facts is None:
            raise Stopped
        pair = await self._stores.open(facts)
        context = TaskContext(
            facts=facts,
            pair=pair,
            ledger=self._ledger,
            clock=self._clock,
            throttle=self._throttle,
            limits=self._limits,
            source=self._caller(Side.SOURCE, pair.source),
            destination=self._caller(Side.DESTINATION, pair.destination),
            control=control,
            backlog=lambda: self._units(task_id),
            open_ranges=lambda: self._ranges(task_id),
            idle_lanes=lambda: self._idle(task_id),
            quarantine=self._quarantine,
            hashing=self._hashing,
        )
        context.obey(control)
        self._contexts[task_id] = context
        self.tallies.watch(context)
        return context

    async def _close(self, context: TaskContext) -> None:
        if self._contexts.get(context.facts.task_id) is context:
            del self._contexts[context.facts.task_id]
        self.tallies.leave(context)
        await self._stores.forget(context.pair)

    def _caller(self, side: Side, store: Described) -> Caller:
        gate = self._gates.setdefault(store.name, Gate(store.traits, self._clock))
        return Caller(side, gate, self._clock, self._random)

    def _units(self, task_id: TaskId) -> int:
        work = self._open_work.get(task_id)
        if work is not None and work.ahead:
            return self._limits.backlog + 1
        return work.units + work.large if work else 0

    def _ranges(self, task_id: TaskId) -> int:
        work = self._open_work.get(task_id)
        return work.ranges if work else 0

    def _idle(self, task_id: TaskId) -> int:
        """Listings that all workers could take on beside what they hold of the task; as of the latest looks."""
        work = self._open_work.get(task_id)
        return self._limits.ranges * self._workers - work.leased if work else 0
