"""Lists and the end of a run, as the ledger's model answers them."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from engine import outcomes
from engine.codes import message
from engine.digest import Digest
from engine.records import RecordKind, record_key
from engine.selection import Scope
from engine.states import TaskEvent, TaskStatus, advance
from ledger.values import (
    Desired,
    Leased,
    ListHeld,
    RecordClaim,
    RunClaim,
    Tally,
    TaskId,
    Verification,
)
from tests.ledger.model_journal import Journal, added
from tests.ledger.model_rows import EPOCH, RecordRow, RunRow, Segment, TaskRow

SOME_FAILED = "TRF.0004"
NOTHING_FOUND = "TRF.0012"
LIST_OF = {"ok": RecordKind.SUCCESS, "skip": RecordKind.SKIP, "fail": RecordKind.FAILED}


class Endings(Journal):
    """What a finisher asks and writes."""

    def claim_record(
        self, task_id: TaskId, worker: str, now_ms: int, claim: UUID, *, finish: RunClaim | None
    ) -> RecordClaim | None:
        task = self.tasks.get(task_id)
        if task is None or not self._may_plan(task, finish):
            return None
        planned = [one for one in self.records_of(task_id, task.run_no) if one.state == "planned"]
        row = next((one for one in planned if one.claim_id == claim), None)
        if row is None:
            row = next((one for one in planned if one.lease_until <= self.now()), None)
            row = row or self._planned(task, now_ms, final=finish is not None)
            if row is None and finish is not None and planned:
                raise ListHeld
            if row is None:
                return None
            row.take(claim, worker, self.until())
        return RecordClaim(row.fence(Leased.RECORD), row.kind, row.object_key, row.opened_ms, row.lines)

    def _may_plan(self, task: TaskRow, finish: RunClaim | None) -> bool:
        run = self.run_of(task)
        if run.phase != "active":
            return False
        if finish is not None:
            stopping = task.status in (TaskStatus.MIGRATING, TaskStatus.PAUSING)
            owned = run.claim_id == finish.fence.claim_id
            return stopping and task.desired is not Desired.HALT and owned
        return task.running and run.lease_until <= self.now()

    def _kinds(self, task: TaskRow) -> tuple[str, ...]:
        return ("skip", "ok", "fail") if task.spec.record_failures else ("skip", "ok")

    def _planned(self, task: TaskRow, now_ms: int, *, final: bool) -> RecordRow | None:
        for kind in self._kinds(task) if final else ("skip",):
            chosen, full = self._content(task, kind)
            if full or (final and chosen):
                return self._new_record(task, kind, chosen, now_ms)
        return None

    def _content(self, task: TaskRow, kind: str) -> tuple[list[Segment], bool]:
        chosen: list[Segment] = []
        lines = 0
        for segment in self.segments_of(task.id, task.run_no):
            if segment.kind != kind or segment.record_id is not None:
                continue
            if lines and lines + segment.n > self.lines_per_file:
                return chosen, True
            chosen.append(segment)
            lines += segment.n
            if lines >= self.lines_per_file:
                return chosen, True
        return chosen, False

    def _new_record(self, task: TaskRow, kind: str, chosen: list[Segment], now_ms: int) -> RecordRow:
        opened = [
            one.opened_ms for one in self.records.values() if one.task_id == task.id and one.kind == kind
        ]
        at = max(now_ms, max(opened, default=0) + 1)
        facts = task.facts
        row = RecordRow(
            id=next(self.ids), task_id=task.id, run_no=task.run_no, kind=kind,
            object_key=record_key(facts.name, LIST_OF[kind], at, group_id=facts.group_id, sync_id=facts.sync_id),
            opened_ms=at, lines=sum(one.n for one in chosen), bytes=sum(one.bytes for one in chosen),
            digest=added(*(one.digest for one in chosen)),
        )  # fmt: skip
        for segment in chosen:
            segment.record_id = row.id
        self.records[row.id] = row
        return row

    def record_payloads(self, claim: RecordClaim) -> Iterator[bytes]:
        """As many as there are now."""
        found = [one.payload for one in self.segments.values() if one.record_id == claim.fence.row]
        return iter(found)

    def failed_payloads(self, claim: RunClaim) -> Iterator[bytes]:
        """As many as there are now."""
        fence = claim.fence
        failed = [one for one in self.segments_of(fence.task_id, fence.run_no) if one.kind == "fail"]
        return iter([one.payload for one in failed])

    def record_written(self, claim: RecordClaim, sha256: bytes) -> bool:
        row = self.row(claim.fence)
        if not isinstance(row, RecordRow):
            return False
        if row.state != "planned" and (row.state, row.sha256) != ("written", sha256):
            return False
        row.state, row.sha256, row.lease_until = "written", sha256, EPOCH
        for segment in [one for one in self.segments.values() if one.record_id == row.id]:
            if segment.kind != "fail":
                del self.segments[segment.id]
        return True

    def record_failed(self, claim: RecordClaim, code: str) -> bool:
        row = self.row(claim.fence)
        if not isinstance(row, RecordRow):
            return False
        if row.state != "planned" and (row.state, row.error_code) != ("failed", code):
            return False
        row.state, row.error_code, row.lease_until = "failed", code, EPOCH
        self.runs[row.task_id, row.run_no].record_errors[row.kind] = code
        return True

    def verify_run(self, claim: RunClaim) -> Verification:
        run = self._ending(claim)
        if run is None:
            return Verification(Tally(), Tally(), 0, 0, 0, problems=("the lease is lost",))
        return self.recount(run)

    def _ending(self, claim: RunClaim) -> RunRow | None:
        """The claimed run while it may be ended, and after that."""
        run = self.row(claim.fence)
        if not isinstance(run, RunRow):
            return None
        task = self.tasks[run.task_id]
        live = task.status in (TaskStatus.MIGRATING, TaskStatus.PAUSING) and task.desired is not Desired.HALT
        return run if run.phase == "ended" or (task.run_no == run.run_no and live) else None

    def recount(self, run: RunRow) -> Verification:
        """Everything that must be equal at the end of a run."""
        counter = dict(self.counters[run.task_id, run.run_no])
        listed, listed_bytes = counter.pop("listed"), counter.pop("listed_bytes")
        figures, digest, problems = self._unpacked(run)
        ranges_listed, ranges_digest = self._listed(run)
        found = Verification(
            counted=Tally(**counter),
            recounted=Tally(**figures),
            listed=listed,
            listed_bytes=listed_bytes,
            ranges_listed=ranges_listed,
            gaps=tuple(self._gaps(run)),
            digest_equal=ranges_digest is None or ranges_digest == digest,
        )
        problems += [*_differences(found), *self._left(run)]
        return Verification(
            found.counted, found.recounted, found.listed, found.listed_bytes, found.ranges_listed, found.gaps,
            found.digest_equal, tuple(problems),
        )  # fmt: skip

    def _unpacked(self, run: RunRow) -> tuple[dict[str, int], bytes, list[str]]:
        figures: dict[str, int] = {}
        digest, problems = Digest(), []
        for one in self.segments_of(run.task_id, run.run_no):
            found = outcomes.decode(one.payload)
            real = Digest.of((each.key, each.size, each.etag) for each in found)
            size = sum(max(0, each.size) for each in found)
            kinds = {each.kind.value for each in found}
            if (one.n, one.bytes, one.digest, {one.kind}) != (len(found), size, real.to_bytes(), kinds):
                problems.append(f"segment {one.id} does not hold what its columns say")
            digest.merge(real)
            _add(figures, one.kind, len(found), size)
        for record in self.records_of(run.task_id, run.run_no):
            if record.state == "written" and record.kind != "fail":
                digest.merge(Digest.from_bytes(record.digest))
                _add(figures, record.kind, record.lines, record.bytes)
        return figures, digest.to_bytes(), problems

    def _listed(self, run: RunRow) -> tuple[int, bytes | None]:
        if run.failed_only:
            units = self.units_of(run.task_id, run.run_no)
            return sum(one.n for one in units if one.range_id == 0), None
        ranges = self.ranges_of(run.task_id, run.run_no)
        shares = [one for one in self.shares if one.task_id == run.task_id and run.handed]
        listed = sum(one.listed for one in ranges) + sum(one.listed for one in shares)
        return listed, added(*(one.digest for one in (*ranges, *shares)))

    def _gaps(self, run: RunRow) -> Iterator[str]:
        """Pieces of the run's scopes that no finished range covers."""
        done = [one for one in self.ranges_of(run.task_id, run.run_no) if one.state == "done"]
        for scope in self.scopes[run.task_id, run.run_no]:
            yield from _holes(scope, [(one.lo, one.hi) for one in done])

    def _left(self, run: RunRow) -> list[str]:
        task, place = self.tasks[run.task_id], (run.task_id, run.run_no)
        segments = [
            one for one in self.segments_of(*place) if one.record_id is None and one.kind in self._kinds(task)
        ]
        left = {
            "units not done": sum(one.state != "done" for one in self.units_of(*place)),
            "ranges not done": sum(one.state != "done" for one in self.ranges_of(*place)),
            "lists not written": sum(one.state == "planned" for one in self.records_of(*place)),
            "segments in no list": len(segments),
            "uploads open": len(self.open_uploads(run.task_id)),
        }
        return [f"{n} {name}" for name, n in left.items() if n]

    def end_run(self, claim: RunClaim, failure: tuple[str, str] | None = None) -> Verification | None:
        run = self._ending(claim)
        if run is None:
            return None
        found = self.recount(run)
        if found.problems or run.phase == "ended":
            return found
        task = self.tasks[run.task_id]
        reason = self._reason(run, found, failure)
        after = advance(task.status, TaskEvent.FAILED if reason else TaskEvent.FINISHED)
        self.end(task, after, reason[0] if reason else None)
        run.phase, run.lease_until = "ended", EPOCH
        return found

    def _reason(
        self, run: RunRow, found: Verification, failure: tuple[str, str] | None
    ) -> tuple[str, str] | None:
        if found.counted.fail:
            return failure if failure and not found.counted.ok else (SOME_FAILED, message(SOME_FAILED))
        return (NOTHING_FOUND, message(NOTHING_FOUND)) if found.listed + run.base_listed == 0 else None

    def end(self, task: TaskRow, after: TaskStatus, code: str | None = None) -> None:
        """Status, credentials and notification, as one."""
        task.status, task.desired, task.version = after, Desired.RUN, task.version + 1
        task.error_code, task.fatal, task.credentials = code, None, False
        if after is not TaskStatus.PAUSED:
            self.events.append((f"task:{task.id}:run:{task.run_no}:{after.name}", task.id))

    def end_batch(self, claim: RunClaim) -> Verification | None:
        run = self.row(claim.fence)
        if not isinstance(run, RunRow):
            return None
        found = self.recount(run)
        if found.problems:
            return found
        if self.tasks[run.task_id].desired is Desired.HALT:
            return None
        self.forget(run.task_id)
        return found

    def forget(self, task_id: TaskId) -> None:
        """The task's row goes, and all that hangs on it."""
        for place in [place for place in self.runs if place[0] == task_id]:
            self.drop_run(place)
        for number in [number for number, one in self.uploads.items() if one.row.task_id == task_id]:
            if self.uploads[number].state == "closed":
                del self.uploads[number]
        del self.tasks[task_id]

    def drop_run(self, place: tuple[TaskId, int]) -> None:
        """A run goes, and all that hangs on it."""
        del self.runs[place]
        self.counters.pop(place, None)
        self.scopes.pop(place, None)
        tables: tuple[dict[int, Any], ...] = (
            self.ranges,
            self.units,
            self.records,
            self.segments,
            self.spans,
        )
        for table in tables:
            for key in [key for key, one in table.items() if (one.task_id, one.run_no) == place]:
                del table[key]


def _add(figures: dict[str, int], kind: str, n: int, size: int) -> None:
    figures[kind] = figures.get(kind, 0) + n
    figures[f"{kind}_bytes"] = figures.get(f"{kind}_bytes", 0) + size


def _differences(found: Verification) -> list[str]:
    decided = found.counted.ok + found.counted.skip + found.counted.fail
    checks = (
        (found.counted == found.recounted, "counters differ from the recount"),
        (found.listed == decided, f"{found.listed} objects listed, {decided} decided"),
        (found.listed == found.ranges_listed, "listed by ranges"),
        (found.digest_equal, "what was listed is not what was decided"),
        (not found.gaps, f"not listed: {found.gaps}"),
    )
    return [problem for holds, problem in checks if not holds]


def _holes(scope: Scope, done: list[tuple[bytes, bytes | None]]) -> Iterator[str]:
    at: bytes | None = scope.lo
    for lo, hi in done:
        if at is None:
            return
        if (hi is not None and hi <= at) or (scope.hi is not None and lo >= scope.hi):
            continue
        if lo > at:
            yield f"[{at!r}, {lo!r})"
        at = hi
    if at is not None and (scope.hi is None or at < scope.hi):
        yield f"[{at!r}, {scope.hi!r})"
