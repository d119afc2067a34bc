"""Groups: tasks out of what a scanner has listed, as the ledger's model makes them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from engine.selection import Scope
from engine.spec import ListFile, TaskSpec, TaskType
from engine.states import TaskEvent, TaskStatus, advance
from ledger.grouping import MOST_PAGES, Creation
from ledger.values import RunClaim, TaskFacts, TaskId
from tests.ledger.model_endings import NOTHING_FOUND, Endings
from tests.ledger.model_journal import added
from tests.ledger.model_rows import EPOCH, FIGURES, RunRow, ScannedPage, Share, TaskRow


class Groups(Endings):
    """What the scanner of a group asks and writes."""

    def cut(self, claim: RunClaim, now: datetime) -> bool:
        scanner = self._scanner(claim, "active")
        if scanner is None or not self.group_of(scanner).running:
            return False
        waiting = sorted(self.pages[scanner.id, scanner.run_no], key=lambda one: (one.range_id, one.page_no))
        pending = waiting[:MOST_PAGES]
        chosen = self._first(scanner, pending)
        listing = any(one.state != "done" for one in self.ranges_of(scanner.id, scanner.run_no))
        if not chosen or (len(chosen) == len(pending) < MOST_PAGES and listing):
            return False
        member = self._add_member(scanner, scanner.facts.spec, handed=True)
        self._move(scanner, member, chosen)
        return True

    def _first(self, scanner: TaskRow, pending: Sequence[ScannedPage]) -> list[ScannedPage]:
        group, chosen = self.group_of(scanner), []
        listed = size = 0
        for page in pending:
            listed, size = listed + page.listed, size + page.listed_bytes
            if chosen and (listed > group.task_objects or size > group.task_bytes):
                break
            chosen.append(page)
        return chosen

    def _add_member(self, scanner: TaskRow, spec: TaskSpec, *, handed: bool) -> TaskRow:
        task_id = TaskId(next(self.task_ids))
        facts = scanner.facts
        row = TaskRow(
            task_id,
            TaskFacts(task_id, facts.project_id, f"t{task_id}", facts.group_id, facts.region, spec),
            bandwidth=scanner.bandwidth,
            priority=scanner.priority,
            credentials=scanner.credentials,
        )
        self.tasks[task_id] = row
        phase = "active" if handed else "prepare"
        self.runs[task_id, 1] = RunRow(id=1, task_id=task_id, run_no=1, phase=phase, handed=handed)
        if handed:
            self.counters[task_id, 1] = dict.fromkeys(FIGURES, 0)
        return row

    def _move(self, scanner: TaskRow, member: TaskRow, pages: Sequence[ScannedPage]) -> None:
        """Everything that belongs to a page gets its new owner at once."""
        places = {(page.range_id, page.page_no) for page in pages}
        kept = self.pages[scanner.id, scanner.run_no]
        kept[:] = [page for page in kept if (page.range_id, page.page_no) not in places]
        for unit in [one for one in self.units.values() if (one.range_id, one.page_no) in places]:
            unit.task_id, unit.run_no = member.id, 1
        figures = {
            "listed": sum(page.listed for page in pages),
            "listed_bytes": sum(page.listed_bytes for page in pages),
        }
        for one in [
            one for one in self.segments.values() if not one.unit_id and (one.range_id, one.page_no) in places
        ]:
            one.task_id, one.run_no = member.id, 1
            for name, n in ((one.kind, one.n), (f"{one.kind}_bytes", one.bytes)):
                figures[name] = figures.get(name, 0) + n
        self.count(scanner.id, scanner.run_no, **{name: -n for name, n in figures.items()})
        self.count(member.id, 1, **figures)
        self._add_shares(scanner, member, pages)

    def _add_shares(self, scanner: TaskRow, member: TaskRow, pages: Sequence[ScannedPage]) -> None:
        joined: dict[int, Share] = {}
        for page in pages:
            own, known = self.ranges[page.range_id], joined.get(page.range_id)
            if known is None:
                scope = Scope(page.lo, page.hi, own.prefix, own.exact)
                joined[page.range_id] = Share(
                    member.id, scanner.run_no, own.id, scope, page.listed, page.listed_bytes, page.digest
                )
                continue
            known.scope = replace(known.scope, hi=page.hi)
            known.listed, known.listed_bytes = (
                known.listed + page.listed,
                known.listed_bytes + page.listed_bytes,
            )
            known.digest = added(known.digest, page.digest)
        self.shares.extend(joined.values())

    def save_list_tasks(self, claim: RunClaim, keys: Sequence[str], now: datetime) -> bool:
        scanner = self._scanner(claim, "prepare")
        if scanner is None or not self.group_of(scanner).running:
            run = self.row(claim.fence)
            return isinstance(run, RunRow) and run.phase == "active"
        self._activated(claim)
        for key in keys:
            spec = scanner.facts.spec
            assert spec.source.list_file is not None
            source = replace(spec.source, list_file=ListFile(spec.source.list_file.bucket, key))
            self._add_member(scanner, replace(spec, source=source), handed=False)
        return True

    def end_creation(self, claim: RunClaim) -> Creation | None:
        scanner = self._scanner(claim, "active")
        if scanner is None:
            return None
        place = (scanner.id, scanner.run_no)
        if any(one.state != "done" for one in self.ranges_of(*place)) or self.pages[place]:
            return Creation(over=False)
        problems = self._unowned(scanner)
        if problems:
            return Creation(over=False, problems=tuple(problems))
        listing = scanner.facts.spec.task_type is TaskType.PREFIX
        nothing = listing and not any(one.listed for one in self.ranges_of(*place))
        event = TaskEvent.FAILED if nothing else TaskEvent.FINISHED
        self.end(scanner, advance(TaskStatus.MIGRATING, event), NOTHING_FOUND if nothing else None)
        run = self.runs[place]
        run.phase, run.lease_until = "ended", EPOCH
        return Creation(over=True)

    def _unowned(self, scanner: TaskRow) -> list[str]:
        place = (scanner.id, scanner.run_no)
        units, segments = list(self.units_of(*place)), list(self.segments_of(*place))
        own = [one for one in self.shares if one.scanner_run == scanner.run_no and self._of(one, scanner)]
        tiles = self.ranges_of(*place)
        same = sum(one.listed for one in tiles) == sum(one.listed for one in own) and added(
            *(one.digest for one in tiles)
        ) == added(*(one.digest for one in own))
        return [
            *([f"{len(units)} units belong to no task"] if units else []),
            *([f"{len(segments)} segments belong to no task"] if segments else []),
            *([] if same else ["what was listed did not all go to tasks"]),
            *(f"not listed: {gap}" for gap in self._gaps(self.runs[place])),
            *(f"{n} of {name} are counted twice" for name, n in self.counters[place].items() if n),
        ]

    def _of(self, share: Share, scanner: TaskRow) -> bool:
        member = self.tasks.get(share.task_id)
        return member is not None and member.facts.group_id == scanner.facts.group_id

    def _scanner(self, claim: RunClaim, phase: str) -> TaskRow | None:
        run, task = self.row(claim.fence), self.running(claim.fence.task_id)
        if not isinstance(run, RunRow) or task is None or run.phase != phase or task.run_no != run.run_no:
            return None
        return task

    def pieces(self, task_id: TaskId) -> tuple[Scope, ...]:
        own = [one.scope for one in self.shares if one.task_id == task_id]
        return tuple(sorted(own, key=lambda one: one.lo))
