"""The promises that a single step can refute: what is begun, what lands, what the ledger shows meanwhile."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from connectors.objects import Guard
from engine import outcomes
from engine.failures import Operation
from engine.outcomes import Outcome
from engine.spec import OverwriteMode, TaskType
from engine.states import TaskStatus
from ledger.values import TaskId
from tests.ledger.model_rows import RunRow, Segment, TaskRow
from tests.sim.buckets import Bucket, Version
from tests.sim.process import Process
from tests.sim.weather import LEDGER, STORE

if TYPE_CHECKING:
    from tests.sim.world import World

# A delete is only ever of a name that nobody else knows.
BEGINNINGS = frozenset(
    {Operation.PUT, Operation.CREATE_UPLOAD, Operation.PUT_PART, Operation.COMPLETE_UPLOAD}
)
STOPS_WITHIN = 3.0
PAUSES_WITHIN = 8.0
# Seconds between the look and the write that follows it.
WINDOW = 2.0
Place = tuple[TaskId | str, int]


@dataclass(slots=True)
class RunSeen:
    """A run as the checks saw it: when it began, and what must have come of it."""

    began: float
    calm: bool
    failed_only: bool = False
    again: Counter[bytes] = field(default_factory=Counter)


class Steps:
    """Collects what is wrong; `violations` are (promise, what)."""

    def __init__(self, world: "World") -> None:
        self.violations: list[tuple[str, str]] = []
        self.intruded: set[bytes] = set()
        # Tasks that met what no retry helps against.
        self.given_up: set[TaskId] = set()
        self.zombies = 0
        self.limits_changed = False
        self._world = world
        self._runs: dict[tuple[TaskId, int], RunSeen] = {}
        self._found: dict[Place, list[Outcome]] = defaultdict(list)
        self._owners: Counter[tuple[int, int, int, int]] = Counter()
        self._moved: Counter[str] = Counter()
        self._late_uploads: set[str] = set()
        self._commits = 0
        self._pausing: dict[TaskId, float] = {}

    def complain(self, promise: str, what: str) -> None:
        """The first few are enough."""
        if len(self.violations) < 10:
            self.violations.append((promise, f"{what} [t={self._world.loop.time() - 1_000_000:.2f}]"))

    def begun(self, task_id: TaskId) -> None:
        """A task exists."""
        self._runs[task_id, 1] = RunSeen(self._world.loop.time(), self._world.weather.calm)

    def run_begins(self, task_id: TaskId, *, failed_only: bool) -> None:
        """The owner starts it anew."""
        task = self._world.model.tasks[task_id]
        own = self._own(task, self._world.model.run_of(task), self._of(task, task.run_no))
        fails = [one.key for one in own if one.kind == "fail"]
        self._runs[task_id, task.run_no + 1] = RunSeen(
            self._world.loop.time(), self._world.weather.calm, failed_only, Counter(fails)
        )

    def journalled(self, segment: Segment) -> None:
        """Outcomes enter the ledger: each object of a unit or page once."""
        place = self._place(segment.task_id, segment.run_no)
        for one in outcomes.decode(segment.payload):
            self._found[place].append(one)
            owner = (segment.unit_id, segment.range_id, segment.page_no, one.idx)
            self._owners[owner] += 1
            if self._owners[owner] > 1:
                self.complain("P-13", f"{one.key!r} has two outcomes")

    def _place(self, task_id: TaskId, run_no: int) -> Place:
        """Pages of a group move to its tasks, whichever run listed them: their outcomes are looked at together."""
        task = self._world.model.tasks[task_id]
        shared = task.facts.scanner or (run_no == 1 and task.spec.task_type is not TaskType.LIST)
        if task.facts.group_id and shared:
            return task.facts.group_id, 1
        return task_id, run_no

    def _of(self, task: TaskRow, run_no: int) -> list[Outcome]:
        return self._found[self._place(task.id, run_no)]

    def _own(self, task: TaskRow, run: RunRow, found: list[Outcome]) -> list[Outcome]:
        """A task's part of its group's outcomes."""
        alone = not task.facts.group_id or task.spec.task_type is TaskType.LIST
        if task.facts.scanner or run.run_no > 1 or alone:
            return found
        pieces = self._world.model.pieces(task.id)
        return [one for one in found if any(one.key in piece for piece in pieces)]

    def _versions(self, key: bytes, since: float = 0.0) -> list[Version]:
        """What the source held at a destination key's source from `since` on."""
        prefix = self._world.plan.spec.destination.save_prefix.encode()
        versions = self._world.source.history.get(key.removeprefix(prefix), [])
        earlier = [one for one in versions if one.since <= since][-1:]
        return [*earlier, *(one for one in versions if one.since > since)]

    # While it runs

    def begins(
        self, process: Process, bucket: Bucket, task_id: TaskId, operation: Operation, key: bytes
    ) -> None:
        """Nobody begins a write whose lease is not his any more (P-20, P-24)."""
        world = self._world
        if bucket is not world.destination or operation not in BEGINNINGS or not process.strict:
            return
        if not self._holds(process, task_id):
            task = world.model.tasks.get(task_id)
            status = task.status.name if task else "gone"
            self.complain("P-24", f"{process.name} begins {operation} of {key!r} without a lease ({status})")

    def _holds(self, process: Process, task_id: TaskId) -> bool:
        now, leases = self._world.loop.time(), self._world.model.leases(task_id)
        return any(one.worker == process.name and one.lease_until > now for one in leases)

    def begins_with_old_keys(self, process: Process, task_id: TaskId) -> None:
        """Who has claimed after a start works with the keys that came with it (P-38)."""
        if process.strict and self._holds(process, task_id):
            self.complain("P-38", f"{process.name} writes with keys of an earlier start")

    def read_begins(self, process: Process, bucket: Bucket, key: bytes, guard: Guard) -> None:
        """Reads name the version that they want (P-03)."""
        if bucket is self._world.source and not (guard.etag or guard.version):
            self.complain("P-03", f"{process.name} reads {key!r} of any version")

    def in_air(self, process: Process, bucket: Bucket) -> None:
        """Requests and bytes of one process stay within its limits (P-33, P-34)."""
        if process.in_air[bucket.name] > bucket.traits.window_max:
            self.complain("P-34", f"{process.in_air[bucket.name]} requests in the air at {bucket.name}")
        if process.bytes_in_air > self._world.limits.bytes_in_flight:
            self.complain("P-33", f"{process.bytes_in_air} bytes in flight")

    def moved(self, task_id: TaskId, bucket: Bucket, way: str, n: int) -> None:
        """Bytes went over the wire."""
        if bucket is not self._world.lists:
            self._moved[way] += n

    def landed(
        self,
        bucket: Bucket,
        task_id: TaskId,
        operation: Operation,
        key: bytes,
        before: Any,
        answer: Any,
        *,
        late: bool,
    ) -> None:
        """A request took effect in the destination: a whole version of its source, over what it may replace."""
        world = self._world
        if bucket is not world.destination:
            return
        if operation is Operation.CREATE_UPLOAD and late:
            self._late_uploads.add(answer)
        if operation not in (Operation.PUT, Operation.COMPLETE_UPLOAD) or key.startswith(b"oms/"):
            return
        found = bucket.at(key)
        assert found is not None
        flipped = world.weather.seen["flipped"] and (
            operation is Operation.COMPLETE_UPLOAD or not bucket.traits.md5_enforced
        )
        if not flipped and found[1] not in [one.data for one in self._versions(key)]:
            self.complain("P-06", f"{key!r} holds what no version of its source holds")
        self._respects(bucket, key, before)

    def _respects(self, bucket: Bucket, key: bytes, before: Any) -> None:
        """Never overwrite means never (P-07); without conditional writes it has a window, which is documented."""
        if before is None:
            return
        mode, replaced = self._world.plan.spec.overwrite, bucket.history[key][-2]
        if mode is OverwriteMode.SIZE_LAST_MODIFIED and replaced.by == "owner":
            self._newer(key, before)
        if mode is not OverwriteMode.NO_OVERWRITE or replaced.by not in ("owner", "intruder"):
            return
        stood = self._world.loop.time() - replaced.since
        if replaced.by == "owner" or bucket.traits.conditional_put or (self._prompt and stood > WINDOW):
            self.complain("P-07", f"{key!r} of the {replaced.by} is overwritten")

    @property
    def _prompt(self) -> bool:
        """Whether every request takes milliseconds in this world, so that a look and a write are close together."""
        kinds = (*STORE, "outage", "freeze", "limit")
        levels = self._world.weather.levels
        return not any(levels[kind] for kind in kinds) and not self._world.plan.limited

    def _newer(self, key: bytes, before: Any) -> None:
        """What stood there before the task, with our size and not older, is not overwritten.

        An event tells of a change: there what is as old to the second, with another ETag, may be.
        """
        versions, info = self._versions(key), before[0].info
        source = self._world.source.at(key.removeprefix(self._prefix))
        if len(versions) != 1 or source is None or source[0].info.size != info.size:
            return
        ahead = info.modified_ms // 1000 - source[0].info.modified_ms // 1000
        told = self._world.plan.kind == "sync" and info.etag != source[0].info.etag
        if ahead > 0 or (ahead == 0 and not told):
            self.complain("P-07", f"{key!r} is newer and of the same size, and is overwritten")

    @property
    def _prefix(self) -> bytes:
        return self._world.plan.spec.destination.save_prefix.encode()

    def committed(self) -> None:
        """The ledger has changed."""
        self._commits += 1
        if not self._commits % 8:
            self._adds_up()

    def _adds_up(self) -> None:
        """listed = ok + skip + fail + pending, at every instant (P-11)."""
        model = self._world.model
        for (task_id, run_no), counter in model.counters.items():
            pending = sum(unit.done.count(False) for unit in model.units_of(task_id, run_no))
            decided = counter["ok"] + counter["skip"] + counter["fail"]
            if counter["listed"] != decided + pending:
                self.complain("P-11", f"{counter} and {pending} pending")

    def look(self) -> None:
        """What is shown as paused or ended is held by nobody, and has no keys (P-24, P-25)."""
        model, now = self._world.model, self._world.loop.time()
        self._pauses()
        for task in model.tasks.values():
            if task.status in (TaskStatus.PAUSED, TaskStatus.SUCCEEDED, TaskStatus.FAILED):
                if any(row.lease_until > now for row in model.leases(task.id)):
                    self.complain("P-24", f"{task.status.name} with a lease")
                if task.credentials:
                    self.complain("P-38", f"{task.status.name} with credentials")

    def _pauses(self) -> None:
        """A pause takes seconds where nothing is in its way (P-24)."""
        now = self._world.loop.time()
        for task in self._world.model.tasks.values():
            if task.status is not TaskStatus.PAUSING:
                self._pausing.pop(task.id, None)
                continue
            since = self._pausing.setdefault(task.id, now)
            if self._prompt and now - since > PAUSES_WITHIN and self._quiet():
                self.complain("P-24", f"pausing for {now - since:.1f} s")

    def _quiet(self) -> bool:
        """Whether no process can have been disturbed."""
        levels = self._world.weather.levels
        return not any(levels[kind] for kind in (*LEDGER, "kill", "fuse", "cut_off", "stop_worker"))

    def disturbances(self, process: Process) -> tuple[int, bool]:
        """What has kept processes from their ledger so far; equal before and after: nothing did."""
        seen = self._world.weather.seen
        away = process.frozen or process.cut_until > self._world.loop.time()
        return sum(seen[kind] for kind in (*LEDGER, "freeze", "cut_off")), away

    def stopped(self, process: Process, began: float, before: tuple[int, bool]) -> None:
        """After a SIGTERM nothing is held (F56)."""
        model, now = self._world.model, self._world.loop.time()
        if process.dead or before[1] or before != self.disturbances(process):
            return
        if now - began > STOPS_WITHIN + 0.1:
            self.complain("F56", f"{process.name} took {now - began:.1f} s to stop")
        held = [one for task in model.tasks for one in model.leases(task) if one.worker == process.name]
        if any(one.lease_until > now for one in held):
            self.complain("F56", f"{process.name} has stopped and holds {len(held)} leases")
