"""Claims, renewals and what is wanted, as the ledger's model answers them."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar
from uuid import UUID

from engine.records import LINES_PER_FILE, LISTS_TOGETHER
from engine.states import TaskStatus
from ledger.rows import MOST_AHEAD, MOST_UNCUT, SPAN_TRIES
from ledger.values import (
    Control,
    Desired,
    Fence,
    Leased,
    OpenWork,
    PartSpan,
    RangeClaim,
    RunClaim,
    SpanClaim,
    TaskFacts,
    TaskId,
    UnitClaim,
)
from tests.ledger.model_rows import (
    EPOCH,
    Book,
    GroupRow,
    RangeRow,
    RecordRow,
    RunRow,
    SpanRow,
    TaskRow,
    UnitRow,
    Work,
)

STOPPABLE = (TaskStatus.MIGRATING, TaskStatus.RETRYING, TaskStatus.PAUSING)


class Claims(Book):
    """Leases. `claim` is the fresh id of a claim; the same one again finds what landed before."""

    lines_per_file = LINES_PER_FILE

    def claim_prepare(self, task_id: TaskId, worker: str, claim: UUID) -> RunClaim | None:
        return self._claim_run(task_id, worker, claim, lambda _, run: run.phase == "prepare")

    def claim_finish(self, task_id: TaskId, worker: str, claim: UUID) -> RunClaim | None:
        return self._claim_run(task_id, worker, claim, self._finishable)

    def claim_cut(self, task_id: TaskId, worker: str, claim: UUID) -> RunClaim | None:
        return self._claim_run(
            task_id, worker, claim, lambda task, run: run.phase == "active" and task.facts.scanner
        )

    def _claim_run(
        self, task_id: TaskId, worker: str, claim: UUID, fits: Callable[[TaskRow, RunRow], bool]
    ) -> RunClaim | None:
        task = self.running(task_id)
        if task is None:
            return self._given_back(task_id, claim)
        run = self.run_of(task)
        if run.claim_id != claim:
            if run.lease_until > self.now() or not fits(task, run):
                return None
            run.take(claim, worker, self.until())
        return RunClaim(run.fence(Leased.RUN))

    def claim_range(self, task_id: TaskId, worker: str, claim: UUID) -> RangeClaim | None:
        task = self.running(task_id)
        if task is None:
            return self._given_back(task_id, claim)
        rows = self.ranges_of(task_id, task.run_no)
        row = _adopted(rows, claim) or _first_free(rows, self.now())
        if row is None:
            return None
        if row.claim_id != claim:
            row.state, row.attempts = "leased", row.attempts + 1
            row.take(claim, worker, self.until())
        return RangeClaim(
            row.fence(Leased.RANGE), row.lo, row.hi, row.prefix, row.exact, row.cursor, row.page_no, row.attempts
        )  # fmt: skip

    def claim_unit(self, task_id: TaskId, worker: str, claim: UUID, *, large: bool) -> UnitClaim | None:
        task = self.running(task_id)
        if task is None:
            return self._given_back(task_id, claim)
        rows = [one for one in self.units_of(task_id, task.run_no) if one.large == large]
        row = _adopted(rows, claim) or _first_free(rows, self.now())
        if row is None:
            return None
        if row.claim_id != claim:
            self._note_crash(row)
            row.take(claim, worker, self.until())
        return UnitClaim(
            row.fence(Leased.UNIT), row.manifest, row.n, row.large, tuple(row.done), row.seq, row.attempts,
            int(row.decided_at * 1000), row.crash_n, row.crash_idx, int(row.restoring_at * 1000), row.restoring_asks,
        )  # fmt: skip

    def claim_span(self, task_id: TaskId, worker: str, claim: UUID) -> SpanClaim | None:
        task = self.running(task_id)
        if task is None:
            return self._given_back(task_id, claim)
        rows = list(self.spans_of(task_id, task.run_no))
        mine = [one for one in rows if self.units[one.unit_id].worker == worker]
        row = _adopted(rows, claim) or next(
            (one for one in rows if self.offered(one) and one not in mine), None
        )
        if row is None:
            return None
        if row.claim_id != claim:
            row.state, row.attempts = "leased", row.attempts + 1
            row.take(claim, worker, self.until())
        upload = self.uploads[row.upload]
        return SpanClaim(
            row.fence(Leased.SPAN),
            upload.shown(parts=False),
            row.source_key,
            row.version,
            self.shown_span(row),
        )

    def offered(self, row: SpanRow) -> bool:
        """Whether anybody may send these parts."""
        wanted = self.uploads[row.upload].state == "open" and self.units[row.unit_id].state != "done"
        return wanted and row.attempts < SPAN_TRIES and row.free(self.now())

    def shown_span(self, row: SpanRow) -> PartSpan:
        """With those of its parts that are recorded."""
        parts = self.uploads[row.upload].parts
        found = tuple(parts[number] for number in range(row.first, row.last + 1) if number in parts)
        return PartSpan(row.first, row.last, found)

    def _given_back(self, task_id: TaskId, claim: UUID) -> None:
        """A claim that landed before the task was stopped is no claim any more."""
        tables = (
            (Leased.UNIT, UnitRow),
            (Leased.RANGE, RangeRow),
            (Leased.SPAN, SpanRow),
            (Leased.RUN, RunRow),
        )
        for row in [one for one in self.leases(task_id) if one.claim_id == claim]:
            for table, kind in tables:
                if isinstance(row, kind):
                    self.release(row.fence(table))

    def _note_crash(self, row: UnitRow) -> None:
        """A lease that ran out while it was held is a crash of its owner at the object it was at."""
        if row.state == "leased":
            row.crash_n = row.crash_n + 1 if row.cur_idx == row.crash_idx else 1
            row.crash_idx = row.cur_idx
        row.state, row.attempts, row.cur_idx = "leased", row.attempts + 1, None

    def renew(self, fences: Sequence[Fence]) -> frozenset[Fence]:
        return frozenset(fence for fence in fences if self._renewed(fence))

    def _renewed(self, fence: Fence) -> bool:
        row = self.row(fence)
        if row is None or row.lease_until <= EPOCH:
            return False
        if isinstance(row, Work) and row.state != "leased":
            return False
        if isinstance(row, RecordRow) and (row.state != "planned" or row.lease_until <= self.now()):
            return False
        row.lease_until = self.until()
        return True

    def release(self, fence: Fence, *, delay: float = 0.0) -> None:
        row = self.row(fence)
        later = self.now() + delay
        if isinstance(row, Work):
            if row.state == "leased":
                row.state, row.not_before = "ready", later
                row.drop()
                if isinstance(row, UnitRow):
                    row.cur_idx = None
        elif row is not None and row.lease_until > EPOCH and getattr(row, "state", "planned") == "planned":
            row.drop(later)

    def halt(self, fence: Fence, code: str, message: str) -> None:
        task, row = self.tasks.get(fence.task_id), self.row(fence)
        if task is None or row is None or task.run_no != fence.run_no or task.status not in STOPPABLE:
            return
        if task.desired is Desired.HALT or (task.facts.sync_id and task.desired is not Desired.RUN):
            return
        if isinstance(row, Work) and row.state != "leased":
            return
        if isinstance(row, RecordRow) and row.state != "planned":
            return
        if isinstance(row, RunRow) and row.phase == "ended":
            return
        task.desired, task.fatal = Desired.HALT, task.fatal or (code, message)
        task.version += 1

    def open_work(self) -> tuple[OpenWork, ...]:
        running = [task for task in self.tasks.values() if task.running]
        return tuple(map(self._offer, sorted(running, key=lambda one: (one.priority, one.queued, one.id))))

    def _offer(self, task: TaskRow) -> OpenWork:
        run, now, scanner = self.run_of(task), self.now(), task.facts.scanner
        ranges = [one for one in self.ranges_of(task.id, task.run_no) if one.state != "done"]
        units = [one for one in self.units_of(task.id, task.run_no) if one.state != "done"]
        free_run = run.lease_until <= now
        active = run.phase == "active" and free_run
        spans = list(self.spans_of(task.id, task.run_no))
        held = [one for one in (*ranges, *units, *spans) if one.state == "leased" and one.lease_until > now]
        ready = [] if scanner else [one for one in units if one.free(now)]
        return OpenWork(
            task_id=task.id,
            run_no=task.run_no,
            project_id=task.facts.project_id,
            prepare=run.phase == "prepare" and free_run,
            ranges=sum(one.free(now) for one in ranges),
            units=sum(not one.large for one in ready),
            large=sum(one.large for one in ready),
            leased=len(held),
            record=not scanner and active and self._list_left(task),
            finish=free_run and self._finishable(task, run),
            cut=scanner and active and (not ranges or self._enough(task)),
            ahead=scanner and self.ahead(task),
            spans=any(map(self.offered, spans)),
        )

    def _finishable(self, task: TaskRow, run: RunRow) -> bool:
        if task.facts.scanner or run.phase != "active" or self._list_held(task) or self._span_held(task):
            return False
        work: Iterable[Work] = (*self.ranges_of(task.id, task.run_no), *self.units_of(task.id, task.run_no))
        return all(one.state == "done" for one in work)

    def _span_held(self, task: TaskRow) -> bool:
        spans = self.spans_of(task.id, task.run_no)
        return any(one.state == "leased" and one.lease_until > self.now() for one in spans)

    def _list_held(self, task: TaskRow) -> bool:
        lists = self.records_of(task.id, task.run_no)
        return any(one.state == "planned" and one.lease_until > self.now() for one in lists)

    def _list_left(self, task: TaskRow) -> bool:
        lists = list(self.records_of(task.id, task.run_no))
        if any(one.state == "planned" and one.lease_until <= self.now() for one in lists):
            return True
        skipped = self.counters.get((task.id, task.run_no), {}).get("skip", 0)
        listed = all(one.state == "done" for one in self.ranges_of(task.id, task.run_no))
        most = self.lines_per_file * (1 if listed else LISTS_TOGETHER)
        return skipped - sum(one.lines for one in lists if one.kind == "skip") >= most

    def _enough(self, task: TaskRow) -> bool:
        group, counter = self.group_of(task), self.counters.get((task.id, task.run_no))
        return counter is not None and (
            counter["listed"] >= group.task_objects or counter["listed_bytes"] >= group.task_bytes
        )

    def ahead(self, task: TaskRow) -> bool:
        """Whether a scanner is far ahead of its group's tasks."""
        group, counter = self.group_of(task), self.counters.get((task.id, task.run_no))
        waiting = [
            one
            for one in self.tasks.values()
            if one.facts.group_id == group.id and one.status is TaskStatus.WAITING and not one.facts.scanner
        ]
        return len(waiting) >= MOST_AHEAD or (
            counter is not None and MOST_UNCUT * group.task_objects <= counter["listed"]
        )

    def group_of(self, task: TaskRow) -> GroupRow:
        """The group of a scanner or a member."""
        assert task.facts.group_id is not None
        return self.groups[task.facts.group_id]

    def controls(self, task_ids: Sequence[TaskId]) -> dict[TaskId, Control]:
        found = [self.tasks[task_id] for task_id in task_ids if task_id in self.tasks]
        return {
            task.id: Control(
                task.id, task.run_no, task.starts, task.desired, task.status, task.bandwidth, task.version,
                (task.id, task.run_no) in self.runs and self.run_of(task).failed_only,
            )
            for task in found
        }  # fmt: skip

    def facts(self, task_id: TaskId) -> TaskFacts | None:
        task = self.tasks.get(task_id)
        return task.facts if task else None


W = TypeVar("W", RangeRow, UnitRow, SpanRow)


def _adopted(rows: Iterable[W], claim: UUID) -> W | None:
    return next((one for one in rows if one.state == "leased" and one.claim_id == claim), None)


def _first_free(rows: Iterable[W], now: float) -> W | None:
    return next((one for one in rows if one.free(now)), None)
