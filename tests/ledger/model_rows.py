"""The rows of a ledger in plain Python: what the tables hold, without a database."""

import builtins
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from uuid import UUID

from engine.digest import Digest
from engine.selection import Scope
from engine.spec import TaskSpec
from engine.states import TaskStatus
from engine.windows import BandwidthWindow
from ledger.values import Desired, Fence, Leased, StoredPart, TaskFacts, TaskId, UploadRow

EPOCH = 0.0
NOTHING = Digest().to_bytes()


@dataclass(slots=True, kw_only=True)
class Row:
    """What can be leased. `lease_until` EPOCH: nobody may renew it."""

    id: int
    task_id: TaskId
    run_no: int
    epoch: int = 0
    claim_id: UUID | None = None
    worker: str | None = None
    lease_until: float = EPOCH

    def take(self, claim: UUID, worker: str, until: float) -> None:
        """A new claim; the one before is void."""
        self.epoch += 1
        self.claim_id, self.worker, self.lease_until = claim, worker, until

    def drop(self, until: float = EPOCH) -> None:
        """Nobody's, with the lease's end as it is to be."""
        self.claim_id, self.worker, self.lease_until = None, None, until

    def void(self) -> None:
        """The owner is gone."""
        self.epoch += 1
        self.drop()

    def held_by(self, fence: Fence) -> bool:
        """Whether the fence is this row's."""
        return self.epoch == fence.epoch and self.claim_id == fence.claim_id

    def fence(self, table: Leased) -> Fence:
        """Of the claim that was just granted."""
        assert self.claim_id is not None
        return Fence(table, self.task_id, self.run_no, self.id, self.epoch, self.claim_id)


@dataclass(slots=True, kw_only=True)
class RunRow(Row):
    """A run."""

    phase: str = "prepare"
    failed_only: bool = False
    handed: bool = False
    base_listed: int = 0
    base_ok: int = 0
    base_skip: int = 0
    record_errors: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Work(Row):
    """A range or a unit."""

    state: str = "ready"
    not_before: float = EPOCH
    attempts: int = 0

    def free(self, now: float) -> bool:
        """Whether a claim gets it."""
        if self.state == "ready":
            return self.not_before <= now
        return self.state == "leased" and self.lease_until <= now


@dataclass(slots=True, kw_only=True)
class RangeRow(Work):
    """A piece of the key space."""

    lo: bytes
    hi: bytes | None
    prefix: bytes = b""
    exact: bool = False
    cursor: bytes = b""
    page_no: int = 0
    listed: int = 0
    listed_bytes: int = 0
    digest: bytes = NOTHING


@dataclass(slots=True, kw_only=True)
class UnitRow(Work):
    """A manifest, and what of it is done."""

    range_id: int = 0
    page_no: int = 0
    manifest: bytes
    n: int
    bytes: int = 0
    large: bool = False
    done: list[bool]
    seq: int = 0
    cur_idx: int | None = None
    crash_idx: int | None = None
    crash_n: int = 0
    decided_at: float = EPOCH
    restoring_at: float = EPOCH
    restoring_asks: int = 0


@dataclass(slots=True, kw_only=True)
class SpanRow(Work):
    """Parts of an upload on offer."""

    unit_id: int
    upload: int
    first: int
    last: int
    source_key: bytes
    version: str


@dataclass(slots=True, kw_only=True)
class RecordRow(Row):
    """A list: planned, written or failed."""

    kind: str
    object_key: str
    opened_ms: int
    lines: int
    bytes: int
    digest: builtins.bytes
    state: str = "planned"
    sha256: builtins.bytes = b""
    error_code: str = ""


@dataclass(slots=True)
class Segment:
    """Outcomes of one kind."""

    id: int
    task_id: TaskId
    run_no: int
    range_id: int
    page_no: int
    unit_id: int
    kind: str
    n: int
    bytes: int
    digest: builtins.bytes
    payload: builtins.bytes
    record_id: int | None = None


@dataclass(slots=True)
class Upload:
    """A multipart upload and the parts that were recorded."""

    row: UploadRow
    run_no: int
    unit_id: int
    idx: int
    state: str = "intent"
    parts: dict[int, StoredPart] = field(default_factory=dict)

    def shown(self, *, parts: bool) -> UploadRow:
        """As the ledger answers it."""
        kept = tuple(self.parts[number] for number in sorted(self.parts)) if parts else ()
        return replace(self.row, state=self.state, parts=kept)

    @property
    def live(self) -> bool:
        """Intended or open."""
        return self.state in ("intent", "open")


@dataclass(slots=True)
class ScannedPage:
    """What a group's scanner listed and no task owns yet."""

    range_id: int
    page_no: int
    lo: bytes
    hi: bytes | None
    listed: int
    listed_bytes: int
    digest: bytes


@dataclass(slots=True)
class Share:
    """What a task of a group took over."""

    task_id: TaskId
    scanner_run: int
    range_id: int
    scope: Scope
    listed: int
    listed_bytes: int
    digest: bytes


@dataclass(slots=True)
class GroupRow:
    """A group of tasks, as far as its scanner needs it."""

    id: str
    scanner_id: TaskId
    task_objects: int
    task_bytes: int
    running: bool = True


@dataclass(slots=True)
class TaskRow:
    """A task."""

    id: TaskId
    facts: TaskFacts
    status: TaskStatus = TaskStatus.WAITING
    desired: Desired = Desired.RUN
    run_no: int = 1
    version: int = 0
    starts: int = 0
    priority: int = 1
    queued: int = 0
    bandwidth: tuple[BandwidthWindow, ...] = ()
    fatal: tuple[str, str] | None = None
    error_code: str | None = None
    credentials: bool = True

    @property
    def spec(self) -> TaskSpec:
        """What its owner chose."""
        return self.facts.spec

    @property
    def running(self) -> bool:
        """Whether work of it may be claimed."""
        return self.status is TaskStatus.MIGRATING and self.desired is Desired.RUN


FIGURES = ("listed", "listed_bytes", "ok", "ok_bytes", "skip", "skip_bytes", "fail", "fail_bytes")


class Book:
    """All rows, a clock (seconds) and the length of a lease."""

    def __init__(self, now: Callable[[], float], lease_seconds: float = 20.0) -> None:
        self.now = now
        self.lease_seconds = lease_seconds
        self.tasks: dict[TaskId, TaskRow] = {}
        self.runs: dict[tuple[TaskId, int], RunRow] = {}
        self.ranges: dict[int, RangeRow] = {}
        self.units: dict[int, UnitRow] = {}
        self.records: dict[int, RecordRow] = {}
        self.spans: dict[int, SpanRow] = {}
        self.segments: dict[int, Segment] = {}
        self.uploads: dict[int, Upload] = {}
        self.scopes: dict[tuple[TaskId, int], list[Scope]] = defaultdict(list)
        self.counters: dict[tuple[TaskId, int], dict[str, int]] = {}
        self.groups: dict[str, GroupRow] = {}
        self.pages: dict[tuple[TaskId, int], list[ScannedPage]] = defaultdict(list)
        self.shares: list[Share] = []
        self.events: list[tuple[str, TaskId]] = []
        self.ids = count(1)
        self.task_ids = count(1_000_000)

    def run_of(self, task: TaskRow) -> RunRow:
        """The present run."""
        return self.runs[task.id, task.run_no]

    def running(self, task_id: TaskId) -> TaskRow | None:
        """The task, when work of it may be claimed."""
        task = self.tasks.get(task_id)
        return task if task is not None and task.running else None

    def units_of(self, task_id: TaskId, run_no: int) -> Iterator[UnitRow]:
        """Units of a run in the order of their ids."""
        return (one for one in self.units.values() if one.task_id == task_id and one.run_no == run_no)

    def ranges_of(self, task_id: TaskId, run_no: int) -> list[RangeRow]:
        """Ranges of a run in the order of their keys."""
        found = [one for one in self.ranges.values() if one.task_id == task_id and one.run_no == run_no]
        return sorted(found, key=lambda one: one.lo)

    def records_of(self, task_id: TaskId, run_no: int) -> Iterator[RecordRow]:
        """Lists of a run."""
        return (one for one in self.records.values() if one.task_id == task_id and one.run_no == run_no)

    def spans_of(self, task_id: TaskId, run_no: int) -> Iterator[SpanRow]:
        """Spans of a run in the order of their ids."""
        return (one for one in self.spans.values() if one.task_id == task_id and one.run_no == run_no)

    def segments_of(self, task_id: TaskId, run_no: int) -> Iterator[Segment]:
        """Segments of a run that no list has replaced."""
        return (one for one in self.segments.values() if one.task_id == task_id and one.run_no == run_no)

    def row(self, fence: Fence) -> Row | None:
        """The row that a fence names, if the fence holds."""
        found: Row | None
        match fence.table:
            case Leased.RUN:
                found = self.runs.get((fence.task_id, fence.run_no))
            case Leased.RANGE:
                found = self.ranges.get(fence.row)
            case Leased.UNIT:
                found = self.units.get(fence.row)
            case Leased.SPAN:
                found = self.spans.get(fence.row)
            case Leased.RECORD:
                found = self.records.get(fence.row)
        return found if found is not None and found.held_by(fence) else None

    def until(self) -> float:
        """The end of a lease that begins now."""
        return self.now() + self.lease_seconds

    def count(self, task_id: TaskId, run_no: int, **figures: int) -> None:
        """Add to the counters of a run."""
        counter = self.counters[task_id, run_no]
        for name, n in figures.items():
            counter[name] += n

    def add_segment(self, segment: Segment) -> None:
        """Journal outcomes and count them."""
        self.segments[segment.id] = segment
        figures = {segment.kind: segment.n, f"{segment.kind}_bytes": segment.bytes}
        self.count(segment.task_id, segment.run_no, **figures)

    def leases(self, task_id: TaskId) -> Iterator[Row]:
        """Rows of a task that somebody holds, whether in time or not."""
        own = (one for one in self.ranges.values() if one.task_id == task_id and one.state == "leased")
        units = (one for one in self.units.values() if one.task_id == task_id and one.state == "leased")
        spans = (one for one in self.spans.values() if one.task_id == task_id and one.state == "leased")
        lists = (one for one in self.records.values() if one.task_id == task_id and one.state == "planned")
        runs = (one for one in self.runs.values() if one.task_id == task_id and one.lease_until > EPOCH)
        for rows in (own, units, spans, lists, runs):
            yield from (one for one in rows if one.claim_id is not None)
