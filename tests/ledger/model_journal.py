"""Plans, pages, checkpoints and uploads, as the ledger's model answers them."""

from collections.abc import Iterable, Sequence

from engine import manifest, outcomes
from engine.digest import Digest
from engine.manifest import MAX_ENTRIES, Entry
from engine.outcomes import Outcome
from engine.parts import SINGLE_MAX
from engine.selection import Scope, just_after
from ledger.journal import JournalError
from ledger.rows import SPAN_TRIES
from ledger.values import (
    Checkpointed,
    ListedPage,
    NewSegment,
    PageSaved,
    PartSpan,
    RangeClaim,
    RunClaim,
    SpanClaim,
    StoredPart,
    TaskId,
    UnitClaim,
    UploadRow,
)
from tests.ledger.model_claims import Claims
from tests.ledger.model_rows import (
    EPOCH,
    FIGURES,
    RangeRow,
    RunRow,
    ScannedPage,
    Segment,
    SpanRow,
    TaskRow,
    UnitRow,
    Upload,
)

BACKLOG_SEEN = 1000


def added(*digests: bytes) -> bytes:
    """The digest of all of them together."""
    total = Digest()
    for one in digests:
        total.merge(Digest.from_bytes(one))
    return total.to_bytes()


class Journal(Claims):
    """What workers write."""

    single_max = SINGLE_MAX

    def save_plan(self, claim: RunClaim, scopes: Sequence[Scope]) -> bool:
        run, fresh = self._activated(claim)
        if run is None or not fresh:
            return run is not None
        self.scopes[run.task_id, run.run_no] = list(scopes)
        for scope in scopes:
            self._add_range(run.task_id, run.run_no, scope)
        return True

    def save_retry_plan(self, claim: RunClaim) -> bool:
        run, fresh = self._activated(claim)
        if run is None or not fresh:
            return run is not None
        before = run.run_no - 1
        failed = [
            outcome
            for segment in self.segments_of(run.task_id, before)
            if segment.kind == "fail"
            for outcome in outcomes.decode(segment.payload)
        ]
        small: list[Outcome] = []
        for outcome in failed:
            if outcome.size > self.single_max:
                self._add_retry(run, [outcome], large=True)
                continue
            small.append(outcome)
            if len(small) == MAX_ENTRIES:
                self._add_retry(run, small, large=False)
                small = []
        if small:
            self._add_retry(run, small, large=False)
        size = sum(max(0, one.size) for one in failed)
        self.count(run.task_id, run.run_no, listed=len(failed), listed_bytes=size)
        self._hand_on(run, len(failed))
        return True

    def _hand_on(self, run: RunRow, listed: int) -> None:
        """What is done again moves out of the figures that are handed on."""
        earlier = self.runs.get((run.task_id, run.run_no - 1))
        if earlier is None:
            return
        counter = self.counters[run.task_id, run.run_no - 1]
        run.base_listed = earlier.base_listed + counter["listed"] - listed
        run.base_ok = earlier.base_ok + counter["ok"]
        run.base_skip = earlier.base_skip + counter["skip"]

    def _activated(self, claim: RunClaim) -> tuple[RunRow | None, bool]:
        """The run, when the fence is good; and whether this call has activated it."""
        run = self.row(claim.fence)
        if not isinstance(run, RunRow) or run.phase not in ("prepare", "active"):
            return None, False
        if run.phase == "active":
            return run, False
        run.phase, run.lease_until = "active", EPOCH
        self.counters[run.task_id, run.run_no] = dict.fromkeys(FIGURES, 0)
        return run, True

    def _add_range(self, task_id: TaskId, run_no: int, scope: Scope) -> None:
        row = RangeRow(
            id=next(self.ids), task_id=task_id, run_no=run_no,
            lo=scope.lo, hi=scope.hi, prefix=scope.prefix, exact=scope.exact,
        )  # fmt: skip
        self.ranges[row.id] = row

    def _add_retry(self, run: RunRow, failed: Sequence[Outcome], *, large: bool) -> None:
        entries = [Entry(key=one.key, size=-1, modified_ms=-1, etag="") for one in failed]
        self.add_unit(run.task_id, run.run_no, manifest.encode(entries), len(entries), large=large)

    def add_unit(
        self, task_id: TaskId, run_no: int, packed: bytes, n: int, *, large: bool = False
    ) -> UnitRow:
        """A unit to be claimed."""
        row = UnitRow(
            id=next(self.ids), task_id=task_id, run_no=run_no,
            manifest=packed, n=n, large=large, done=[False] * n, decided_at=self.now(),
        )  # fmt: skip
        self.units[row.id] = row
        return row

    def save_page(self, claim: RangeClaim, page: ListedPage) -> PageSaved:
        held = sum(unit.n for unit in page.units) + sum(segment.n for segment in page.segments)
        if held != page.listed:
            raise JournalError(f"page {page.page_no} lists {page.listed} objects and holds {held}")
        row = self.row(claim.fence)
        if not isinstance(row, RangeRow) or row.state == "ready":
            return PageSaved(alive=False)
        task = self.tasks[row.task_id]
        if row.page_no == page.page_no + 1:
            return PageSaved(alive=True, desired=task.desired, backlog=self._backlog(task))
        if row.page_no != page.page_no or row.state != "leased":
            raise JournalError(f"page {page.page_no} is not next: the range is at {row.page_no}")
        if page.listed and row.hi is not None and page.cursor >= row.hi:
            raise JournalError(f"page {page.page_no} reaches beyond the range")
        # The statement's own snapshot does not see the units that it adds: the caller adds them.
        backlog = self._backlog(task)
        self._take_page(row, page, task)
        return PageSaved(alive=True, desired=task.desired, backlog=backlog + len(page.units))

    def _take_page(self, row: RangeRow, page: ListedPage, task: TaskRow) -> None:
        if task.facts.scanner and page.listed:
            began = max(row.lo, just_after(row.cursor)) if row.cursor else row.lo
            ends = row.hi if page.last else max(began, just_after(max(row.cursor, page.cursor)))
            self.pages[row.task_id, row.run_no].append(
                ScannedPage(row.id, page.page_no, began, ends, page.listed, page.listed_bytes, page.digest)
            )
        row.page_no, row.cursor, row.attempts = row.page_no + 1, max(row.cursor, page.cursor), 0
        row.listed, row.listed_bytes = row.listed + page.listed, row.listed_bytes + page.listed_bytes
        row.digest = added(row.digest, page.digest)
        row.state, row.lease_until = ("done", EPOCH) if page.last else (row.state, self.until())
        self.count(row.task_id, row.run_no, listed=page.listed, listed_bytes=page.listed_bytes)
        for unit in page.units:
            new = self.add_unit(row.task_id, row.run_no, unit.manifest, unit.n, large=unit.large)
            new.range_id, new.page_no, new.bytes = row.id, page.page_no, unit.bytes
        self._add_segments(row.task_id, row.run_no, page.segments, range_id=row.id, page_no=page.page_no)

    def _add_segments(
        self,
        task_id: TaskId,
        run_no: int,
        segments: Iterable[NewSegment],
        *,
        range_id: int = 0,
        page_no: int = 0,
        unit_id: int = 0,
    ) -> None:
        for one in segments:
            self.add_segment(
                Segment(
                    next(self.ids), task_id, run_no, range_id, page_no, unit_id,
                    one.kind, one.n, one.bytes, one.digest, one.payload,
                )
            )  # fmt: skip

    def _backlog(self, task: TaskRow) -> int:
        if task.facts.scanner:
            return BACKLOG_SEEN if self.ahead(task) else 0
        return sum(one.state != "done" for one in self.units_of(task.id, task.run_no))

    def split_range(self, claim: RangeClaim, at: bytes) -> bool:
        row = self.row(claim.fence)
        if not isinstance(row, RangeRow) or row.state != "leased":
            return False
        if row.hi == at and claim.hi != at:
            return True  # split there before, and the answer was lost
        inside = row.lo < at and row.cursor < at and (row.hi is None or row.hi > at)
        if row.exact or not inside:
            return False
        self._add_range(row.task_id, row.run_no, Scope(at, row.hi, row.prefix, exact=False))
        row.hi = at
        return True

    def checkpoint(
        self, claim: UnitClaim, seq: int, indexes: Sequence[int], segments: Sequence[NewSegment]
    ) -> Checkpointed:
        if not indexes or len(set(indexes)) != len(indexes) or min(indexes) < 0 or max(indexes) >= claim.n:
            raise JournalError("indexes are empty, doubled or outside the unit")
        if sum(one.n for one in segments) != len(indexes) or len({one.kind for one in segments}) != len(
            segments
        ):
            raise JournalError("segments do not hold the outcomes")
        row = self.row(claim.fence)
        if not isinstance(row, UnitRow) or row.state == "ready":
            return Checkpointed(alive=False)
        task = self.tasks[row.task_id]
        if row.state != "leased" or row.seq != seq or any(row.done[index] for index in indexes):
            if row.seq == seq + 1 and all(row.done[index] for index in indexes):
                return Checkpointed(alive=True, desired=task.desired, closed=row.state == "done")
            raise JournalError(f"segment {seq} repeats or leaves out outcomes (the unit is at {row.seq})")
        self._take_outcomes(row, indexes)
        self._add_segments(row.task_id, row.run_no, segments, unit_id=row.id)
        return Checkpointed(alive=True, desired=task.desired, closed=row.state == "done")

    def _take_outcomes(self, row: UnitRow, indexes: Sequence[int]) -> None:
        proven = next(index for index in (row.crash_idx, row.cur_idx, indexes[0]) if index is not None)
        for index in indexes:
            row.done[index] = True
        row.seq += 1
        row.crash_n = 0 if proven in indexes else row.crash_n
        row.lease_until = self.until()
        if all(row.done):
            row.state, row.lease_until, row.manifest = "done", EPOCH, b""

    def note_restoring(self, claim: UnitClaim) -> bool:
        row = self._unit(claim)
        if row is None:
            return False
        row.restoring_at, row.restoring_asks = self.now(), claim.restoring_asks + 1
        return True

    def mark_current(self, claim: UnitClaim, idx: int) -> bool:
        row = self._unit(claim)
        if row is None or idx >= row.n:
            return False
        row.cur_idx = idx
        return True

    def _unit(self, claim: UnitClaim) -> UnitRow | None:
        row = self.row(claim.fence)
        return row if isinstance(row, UnitRow) and row.state == "leased" else None

    def _upload(self, claim: UnitClaim, idx: int) -> Upload | None:
        fence = claim.fence
        place = (fence.run_no, fence.row, idx)
        return next(
            (
                one
                for one in self.uploads.values()
                if one.live
                and one.row.task_id == fence.task_id
                and (one.run_no, one.unit_id, one.idx) == place
            ),
            None,
        )

    def find_upload(self, claim: UnitClaim, idx: int) -> UploadRow | None:
        found = self._upload(claim, idx)
        return found.shown(parts=True) if found else None

    def plan_upload(
        self, claim: UnitClaim, idx: int, dst_key: bytes, src_etag: str, src_size: int, part_size: int
    ) -> UploadRow | None:
        if self._unit(claim) is None:
            return None
        found = self._upload(claim, idx)
        if found is not None and found.state == "open":
            raise JournalError(f"object {idx} of unit {claim.fence.row} has an open upload already")
        number = found.row.id if found else next(self.ids)
        created = found.row.created_ms if found else int(self.now() * 1000)
        task_id, run_no, unit_id = claim.fence.task_id, claim.fence.run_no, claim.fence.row
        row = UploadRow(number, task_id, dst_key, "", src_etag, src_size, part_size, "intent", created)
        self.uploads[number] = Upload(row, run_no, unit_id, idx)
        return row

    def open_upload(self, claim: UnitClaim, row: UploadRow, upload_id: str) -> bool:
        known = self.uploads.get(row.id)
        if known is None or self._unit(claim) is None:
            return False
        if known.state != "intent" and (known.state, known.row.upload_id) != ("open", upload_id):
            return False
        known.state, known.row = "open", _named(known.row, upload_id)
        return True

    def add_parts(self, claim: UnitClaim, row: UploadRow, parts: Sequence[StoredPart]) -> bool:
        known, unit = self.uploads.get(row.id), self._unit(claim)
        if known is None or unit is None or known.state != "open":
            return False
        known.parts.update((part.number, part) for part in parts)
        unit.crash_n = 0
        return True

    def close_upload(self, row: UploadRow) -> None:
        known = self.uploads.get(row.id)
        if known is not None:
            known.state, known.parts = "closed", {}
            for span in self._free_spans(row):
                del self.spans[span.id]

    def share_parts(
        self, claim: UnitClaim, row: UploadRow, key: bytes, version: str, spans: Sequence[tuple[int, int]]
    ) -> bool:
        known = self.uploads.get(row.id)
        if known is None or self._unit(claim) is None or known.state != "open":
            return False
        there = {one.first for one in self._spans(row)}
        for first, last in spans:
            if first not in there:
                number = next(self.ids)
                self.spans[number] = SpanRow(
                    id=number, task_id=row.task_id, run_no=known.run_no, unit_id=known.unit_id, upload=row.id,
                    first=first, last=last, source_key=key, version=version,
                )  # fmt: skip
        return True

    def shared_spans(self, row: UploadRow) -> tuple[tuple[int, int], ...]:
        return tuple((one.first, one.last) for one in self._spans(row))

    def take_span(self, claim: UnitClaim, row: UploadRow) -> PartSpan | None:
        free = [one for one in self._spans(row) if one.free(self.now())]
        if self._unit(claim) is None or not free:
            return None
        return self.shown_span(self.spans.pop(free[0].id))

    def add_span_parts(self, claim: SpanClaim, parts: Sequence[StoredPart]) -> bool:
        row = self._span(claim)
        if row is None or self.uploads[row.upload].state != "open":
            return False
        self.uploads[row.upload].parts.update((part.number, part) for part in parts)
        return True

    def end_span(self, claim: SpanClaim) -> None:
        row = self._span(claim)
        if row is not None:
            del self.spans[row.id]

    def return_span(self, claim: SpanClaim) -> None:
        row = self._span(claim)
        if row is not None:
            row.state, row.attempts = "ready", SPAN_TRIES
            row.drop()

    def _span(self, claim: SpanClaim) -> SpanRow | None:
        row = self.row(claim.fence)
        return row if isinstance(row, SpanRow) and row.state == "leased" else None

    def _spans(self, row: UploadRow) -> list[SpanRow]:
        return sorted((one for one in self.spans.values() if one.upload == row.id), key=lambda one: one.first)

    def _free_spans(self, row: UploadRow) -> list[SpanRow]:
        return [one for one in self._spans(row) if one.state == "ready" or one.lease_until <= self.now()]

    def open_uploads(self, task_id: TaskId) -> tuple[UploadRow, ...]:
        own = (one for one in self.uploads.values() if one.row.task_id == task_id and one.live)
        return tuple(one.shown(parts=False) for one in own)


def _named(row: UploadRow, upload_id: str) -> UploadRow:
    return UploadRow(
        row.id, row.task_id, row.dst_key, upload_id, row.src_etag, row.src_size, row.part_size, "open",
        row.created_ms,
    )  # fmt: skip
