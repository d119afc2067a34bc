"""One seed: buckets, a ledger, processes that die, an owner who changes his mind; first a storm, then calm."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from fastcrc import crc64

from connectors.errors import Fatal, StoreError, Throttled, Unavailable
from connectors.objects import Block
from engine import manifest
from engine.failures import Meaning, Operation
from engine.manifest import Entry
from engine.states import TaskStatus
from engine.windows import BandwidthWindow
from ledger.values import Desired, Fence, TaskFacts, TaskId
from tests.ledger.model import Model
from tests.ledger.model_rows import FIGURES, Segment, TaskRow
from tests.sim.book import Away, Book
from tests.sim.buckets import Bucket
from tests.sim.checks import Checks
from tests.sim.draws import SIZES, Plan, drawn
from tests.sim.happenings import Happenings
from tests.sim.loop import VirtualLoop, pause
from tests.sim.network import ZOMBIE_SECONDS, Remote, denied, revoked
from tests.sim.process import Process
from tests.sim.sizes import SINGLE
from tests.sim.throttle import Throttle
from tests.sim.weather import Weather
from workers.transfer.limits import Limits
from workers.transfer.ports import StorePair
from workers.transfer.worker import Worker

PATIENCE = 400.0
LIMITS = Limits(
    ranges=2, units=2, large=2, parts=2, spans=2, runners=3, bytes_in_flight=4 * SINGLE, backlog=3, cut_every=0.0,
    spread=4, grace=1.0, stale_decision=12.0, flush_every=1.0, flush_count=3, shared_bytes=3 * SINGLE,
    span_bytes=2 * SINGLE,
)  # fmt: skip
FINAL = (TaskStatus.SUCCEEDED, TaskStatus.FAILED)


class Watched(Model):
    """The model, telling what enters its journal."""

    checks: Checks

    def add_segment(self, segment: Segment) -> None:
        super().add_segment(segment)
        self.checks.journalled(segment)

    def halt(self, fence: Fence, code: str, message: str) -> None:
        super().halt(fence, code, message)
        self.checks.given_up.add(fence.task_id)


class World:
    """Everything of one seed."""

    def __init__(
        self,
        seed: int,
        loop: VirtualLoop,
        off: frozenset[str] = frozenset(),
        plan: Plan | None = None,
        weather: Weather | None = None,
    ) -> None:
        self.loop = loop
        loop.set_exception_handler(_but_not_away)
        self.random = Random(seed)
        self.plan = plan or drawn(self.random)
        self.weather = weather or Weather.drawn(self.random, off)
        self.model = Watched(loop.time, self.plan.lease_seconds)
        self.model.single_max = SINGLE
        self.model.lines_per_file = 4
        self.source = _bucket("store-a/from@ak", self.plan, loop, source=True)
        self.destination = _bucket("store-b/into@ak", self.plan, loop, source=False)
        self.lists = Bucket("store-b/lists@ak", self.plan.destination, loop.time)
        self.throttle = Throttle(loop)
        self.processes: list[Process] = []
        self.specs: dict[TaskId, Any] = {}
        # How often the owner has handed in keys, by task.
        self.keys: Counter[TaskId] = Counter()
        self.deleted: set[TaskId] = set()
        self.outages: dict[str, float] = {}
        self.revoked_until = 0.0
        # Whether an outage asks to come back later, instead of answering nothing of use.
        self.patient = self.random.random() < 0.5
        # What a test wants to happen, by seconds from the start.
        self.script: list[tuple[float, Callable[[], object]]] = []
        self.limits = LIMITS
        self.sizes: tuple[int, ...] = SIZES
        self.ledger_seconds = 0.002
        self.checks = Checks(self)
        self.model.checks = self.checks
        self.happenings = Happenings(self)
        self._names = 0

    def step(self) -> None:
        """One more call of some process."""
        self.loop.steps += 1

    def latency(self) -> float:
        """Seconds one way."""
        if self.weather.store("slow"):
            return self.random.random() * 2 * self.plan.lease_seconds
        return 0.005 + self.random.random() * 0.06

    def shows_flips(self, bucket: Bucket) -> bool:
        """Whether what the source tells of an object denies other bytes: without that only the wire's checks can."""
        return bucket is self.source and (self.plan.crc_source or not self.plan.opaque_source)

    def hashed(self, data: bytes) -> Block:
        """A block as a store hashes it that takes what it gets."""
        return Block(data, hashlib.md5(data, usedforsecurity=False).digest(), crc64.xz(data))

    def refusal(self, bucket: Bucket, task_id: TaskId, operation: Operation, key: bytes) -> StoreError | None:
        """What a store says to everybody at the moment, or always to this key."""
        now = self.loop.time()
        if self.outages.get(bucket.name, 0.0) > now:
            if self.patient:
                return Throttled(Meaning.THROTTLED, operation, status=503, code="SlowDown")
            return Unavailable(Meaning.UNAVAILABLE, operation, status=503)
        if self.revoked_until > now:
            return revoked(operation)
        if (
            bucket is self.source
            and key in self.plan.denied
            and operation in (Operation.READ, Operation.HEAD)
        ):
            return denied(operation)
        if self.plan.no_records and bucket is self.destination and b"_object_lists/" in key:
            return denied(operation) if operation is not Operation.LIST_UPLOADS else None
        return None

    async def run(self) -> None:
        """Storm, calm, end. What is wrong is in `checks.violations`."""
        self._furnish()
        self._begin()
        events = [asyncio.ensure_future(one) for one in self.happenings.all()]
        for at, happen in self.script:
            self.loop.call_later(at, happen)
        keeper = asyncio.ensure_future(self._keep_processes())
        dispatcher = asyncio.ensure_future(self._dispatch())
        await self._storm()
        await self._calm(events)
        ended = await self._until_ended()
        if ended:
            await self._again()
        keeper.cancel()
        await pause(2.0)
        await self._good_bye()
        dispatcher.cancel()
        if self.checks.zombies:
            await pause(ZOMBIE_SECONDS)
        if ended:
            self.checks.finish()

    async def _storm(self) -> None:
        """As long as there is something that it could spoil."""
        until = self.loop.time() + self.plan.storm
        while self.loop.time() < until and not self.checks.violations:
            await pause(1.0)
            if all(task.status is TaskStatus.SUCCEEDED for task in self.model.tasks.values()):
                return

    def _furnish(self) -> None:
        """What both buckets hold before anything begins."""
        random, prefix = self.random, self.plan.spec.destination.save_prefix.encode()
        for key in self.plan.keys:
            data = random.randbytes(random.choice(self.sizes))
            self.source.set(key, data)
            self.source.aged(key, int(self.loop.time() * 1000) - random.choice((50_000, 5_000_000, 1000)))
            if random.random() < self.plan.filled:
                there = random.choice((data, random.randbytes(len(data)), random.randbytes(5)))
                self.destination.set(prefix + key, there)
                age = random.choice((10, 90_000, 9_000_000))
                self.destination.aged(prefix + key, int(self.loop.time() * 1000) - age)
        for name, text in self.plan.lists.items():
            self.lists.set_text(name.encode(), text)

    def _begin(self) -> None:
        plan = self.plan
        task_id = TaskId(100)
        group = "g1" if plan.kind in ("group", "list_group") else None
        facts = TaskFacts(
            task_id,
            "p1",
            "t100",
            group,
            "r2",
            plan.spec,
            "s1" if plan.kind == "sync" else None,
            group is not None,
        )
        if group:
            self.model.add_group(facts, self.random.choice((1, 3, 1000)), self.random.choice((40, 1 << 30)))
        else:
            task = self.model.add_task(facts)
            if plan.kind == "sync":
                self._add_batch(task)
        if plan.limited:
            self.model.set_bandwidth(task_id, (BandwidthWindow(0, 1440, plan.limited),))
        self.checks.begun(task_id)
        for _ in range(plan.workers):
            self._spawn()

    def _add_batch(self, task: TaskRow) -> None:
        run = self.model.run_of(task)
        run.phase, run.failed_only = "active", True
        self.model.counters[task.id, 1] = dict.fromkeys(FIGURES, 0)
        entries = [Entry(key, -1, -1, "") for key in self.plan.events]
        self.model.add_unit(task.id, 1, manifest.encode(entries), len(entries))
        self.model.count(task.id, 1, listed=len(entries))

    def _spawn(self) -> None:
        self._names += 1
        skew = self.random.choice((0.0, 0.0, 0.0, -7000.0, 7000.0))
        process = Process(f"w{self._names}", self.loop, fuse=self.weather.fuse(), clock_skew=skew)
        self.processes.append(process)
        process.start(self._life(process))

    async def _life(self, process: Process) -> None:
        clock = _Clock(process)
        stores = _Stores(self, process)
        worker = Worker(
            process.name, Book(self, process), stores, self.throttle.of(process), clock, self.random, LIMITS
        )
        process.worker = worker
        while not process.stopping:
            try:
                more = await worker.run_slice(20.0)
            except Away:
                await clock.sleep(1.0)
                continue
            if not more:
                await clock.sleep(1.0 + self.random.random() * 3)

    async def _keep_processes(self) -> None:
        """Whatever has died comes back, under a new name."""
        while True:
            await pause(1.0)
            self.processes = [one for one in self.processes if not one.dead]
            while len(self.processes) < self.plan.workers:
                self._spawn()

    async def _dispatch(self) -> None:
        """Slots for waiting tasks; an end for what is to stop."""
        while True:
            self.model.promote()
            self.model.settle()
            self.model.bury()
            self.checks.look()
            await pause(0.5)

    def start(self, task: TaskRow) -> None:
        """As the API does, with new keys: go on with what is left, or a new run over what failed."""
        self.keys[task.id] += 1
        if self.model.resumable(task.id):
            self.model.resume(task.id)
            return
        failed = self.model.counters[task.id, task.run_no]["fail"]
        self.checks.run_begins(task.id, failed_only=failed > 0)
        self.model.begin_run(task.id, failed_only=failed > 0)

    def living(self) -> list[Process]:
        """Processes that run or are frozen."""
        return [one for one in self.processes if not one.dead and not one.stopping]

    async def _calm(self, events: Sequence[asyncio.Future[None]]) -> None:
        """Nothing goes wrong any more; who is frozen wakes."""
        self.weather.calm = True
        for event in events:
            event.cancel()
        self.outages.clear()
        self.revoked_until = 0.0
        for process in self.processes:
            process.cut_until = 0.0
            process.fuse = 0

    async def _until_ended(self) -> bool:
        """Whether every task came to its end in time, with its owner's help where it needs keys."""
        until = self.loop.time() + PATIENCE + self._slow()
        while self.loop.time() < until and not self.checks.violations:
            if all(self._ended(task) for task in self.model.tasks.values()):
                return True
            for task in list(self.model.tasks.values()):
                if task.status is TaskStatus.PAUSED or self._halted(task):
                    self.start(task)
            await pause(0.5)
        if not self.checks.violations:
            shown = [(one.id, one.status.name, one.desired.value) for one in self.model.tasks.values()]
            self.checks.complain("P-23", f"not ended {PATIENCE:.0f} s after the last fault: {shown}")
        return False

    def _slow(self) -> float:
        """Seconds that the bytes need under the narrowest limit."""
        sizes = [len(found[1]) for key in self.plan.keys if (found := self.source.at(key)) is not None]
        return 2.0 * sum(sizes)

    def _ended(self, task: TaskRow) -> bool:
        return task.status in FINAL and not self._halted(task)

    def _halted(self, task: TaskRow) -> bool:
        """Stopped by a fatal error of the storm: its run is not over."""
        if task.status is not TaskStatus.FAILED or not self.model.resumable(task.id):
            return False
        return self.checks.may_go_on(task)

    async def _again(self) -> None:
        """Half the owners do what failed again, now that the sky is clear."""
        again = [
            task
            for task in self.model.tasks.values()
            if task.status is TaskStatus.FAILED and not self.model.resumable(task.id)
            and not task.facts.scanner and self.model.counters[task.id, task.run_no]["fail"]
        ]  # fmt: skip
        if again and self.random.random() < 0.5:
            for task in again:
                self.start(task)
            await self._until_ended()

    async def _good_bye(self) -> None:
        for process in self.living():
            if process.frozen:
                self.loop.thaw(process)
            process.kill()
        await pause(0.01)

    def task_ended(self, task: TaskRow) -> bool:
        """Whether its run is over."""
        return task.status in FINAL and task.desired is Desired.RUN


class _Clock:
    """Time as a process sees it: its wall clock may be wrong by hours."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def monotonic(self) -> float:
        return self._process.loop.time() - 500.0

    def now_ms(self) -> int:
        return int((self._process.loop.time() + self._process.clock_skew) * 1000)

    async def sleep(self, seconds: float) -> None:
        if self._process.dead:
            raise asyncio.CancelledError
        await pause(max(0.0, seconds))


class _Stores:
    """Opens the world's buckets while the task has keys."""

    def __init__(self, world: World, process: Process) -> None:
        self._world = world
        self._process = process

    async def open(self, facts: TaskFacts) -> StorePair:
        self._process.enter()
        await pause(0.01)
        task = self._world.model.tasks.get(facts.task_id)
        if task is None or not task.credentials:
            raise Fatal(Meaning.BAD_CREDENTIALS, Operation.CHECK_BUCKET)
        world, process = self._world, self._process
        return StorePair(
            Remote(world, process, world.source, facts.task_id),
            Remote(world, process, world.destination, facts.task_id),
            Remote(world, process, world.lists, facts.task_id) if facts.spec.source.list_file else None,
        )

    async def forget(self, pair: StorePair) -> None:
        if self._process.dead:
            raise asyncio.CancelledError

    async def workers(self) -> int:
        return max(1, len(self._world.living()))


def _but_not_away(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Nobody hears the jobs of a dead process; that they could not reach their ledger is no news."""
    if not isinstance(context.get("exception"), Away):
        loop.default_exception_handler(context)


def _bucket(name: str, plan: Plan, loop: VirtualLoop, *, source: bool) -> Bucket:
    return Bucket(
        name,
        replace(plan.source if source else plan.destination),
        loop.time,
        opaque=plan.opaque_source if source else plan.opaque_destination,
        tells_crc=plan.crc_source if source else plan.crc_destination,
    )
