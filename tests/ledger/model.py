"""The ledger in plain Python: what every call has to answer, without a database.

The simulator's workers run on it; `test_machine` shows that the real SQL answers alike.
"""

from collections.abc import Sequence
from typing import Any

from engine.states import TaskEvent, TaskStatus, advance
from engine.windows import BandwidthWindow
from ledger.values import Desired, TaskFacts, TaskId
from tests.ledger.model_groups import Groups
from tests.ledger.model_rows import EPOCH, GroupRow, Row, RunRow, TaskRow, Work

DRAINING = (TaskStatus.MIGRATING, TaskStatus.RETRYING, TaskStatus.PAUSING)


class Model(Groups):
    """All of it, with what owners and the dispatcher do."""

    def add_task(self, facts: TaskFacts, *, status: TaskStatus = TaskStatus.WAITING) -> TaskRow:
        """A task and its first run."""
        task = TaskRow(facts.task_id, facts, status)
        self.tasks[task.id] = task
        self.runs[task.id, 1] = RunRow(id=1, task_id=task.id, run_no=1)
        return task

    def add_group(self, scanner: TaskFacts, task_objects: int, task_bytes: int) -> TaskRow:
        """A group and the task that lists for it."""
        assert scanner.group_id is not None
        self.groups[scanner.group_id] = GroupRow(scanner.group_id, scanner.task_id, task_objects, task_bytes)
        return self.add_task(scanner)

    def promote(self) -> None:
        """Every waiting task gets its slot."""
        for task in self.tasks.values():
            if task.status is TaskStatus.WAITING:
                task.status, task.desired, task.version = TaskStatus.MIGRATING, Desired.RUN, task.version + 1
                task.fatal, task.error_code = None, None

    def stop(self, task_id: TaskId) -> TaskStatus:
        """Asks for a pause. Raises Refused."""
        task = self.tasks[task_id]
        status, desired = advance(task.status, TaskEvent.STOPPED), Desired.PAUSE
        self.void_expired(task_id)
        if task.desired is Desired.HALT:
            desired = Desired.HALT
        elif not any(row.lease_until > self.now() for row in self.leases(task_id)):
            status, desired = advance(status, TaskEvent.DRAINED), Desired.RUN
            task.credentials = False
        task.status, task.desired, task.version = status, desired, task.version + 1
        return status

    def settle(self) -> list[TaskId]:
        """Ends what is to stop and has no lease left; those that changed."""
        return [task.id for task in list(self.tasks.values()) if self._settled(task)]

    def _settled(self, task: TaskRow) -> bool:
        wanted = task.desired is Desired.RUN and task.fatal is None
        if task.status not in DRAINING or task.facts.sync_id or wanted:
            return False
        self.void_expired(task.id)
        if any(True for _ in self.leases(task.id)):
            return False
        before = task.status
        if task.fatal is not None:
            self.end(task, advance(before, TaskEvent.FAILED), task.fatal[0])
            return True
        pausing = before if before is TaskStatus.PAUSING else advance(before, TaskEvent.STOPPED)
        self.end(task, advance(pausing, TaskEvent.DRAINED))
        return True

    def bury(self) -> None:
        """Ends batches that met a fatal error and that nobody holds any more."""
        for task in list(self.tasks.values()):
            if task.facts.sync_id is None or task.desired is not Desired.HALT:
                continue
            self.void_expired(task.id)
            if not any(True for _ in self.leases(task.id)):
                self._leak(task.id)
                self.forget(task.id)

    def void_expired(self, task_id: TaskId) -> int:
        """Voids what ran out: no late write of its owners counts any more."""
        gone = [row for row in self.leases(task_id) if row.lease_until <= self.now()]
        for row in gone:
            row.void()
        return len(gone)

    def void_worker(self, worker: str) -> int:
        """Makes the leases of a worker that is known to be dead claimable at once."""
        gone = [row for task_id in self.tasks for row in self.leases(task_id) if row.worker == worker]
        for row in gone:
            row.void()
        return len(gone)

    def resumable(self, task_id: TaskId) -> bool:
        """Whether the present run has something left to do."""
        task = self.tasks[task_id]
        work: list[Work] = [
            *self.ranges_of(task_id, task.run_no),
            *self.units_of(task_id, task.run_no),
        ]
        return self.run_of(task).phase != "ended" or any(one.state != "done" for one in work)

    def resume(self, task_id: TaskId) -> None:
        """Goes on with the present run. Raises Refused."""
        task = self.tasks[task_id]
        status = advance(task.status, TaskEvent.STARTED)
        run = self.run_of(task)
        run.phase = "active" if run.phase == "ended" else run.phase
        self._queue(task, status)

    def begin_run(self, task_id: TaskId, *, failed_only: bool) -> None:
        """A new run over all objects, or over those that failed. Raises Refused."""
        task = self.tasks[task_id]
        status = advance(task.status, TaskEvent.STARTED)
        before = self.run_of(task)
        run = RunRow(id=task.run_no + 1, task_id=task_id, run_no=task.run_no + 1, failed_only=failed_only)
        if failed_only:
            counter = self.counters.get((task_id, task.run_no), {})
            run.base_listed = before.base_listed + counter.get("listed", 0) - counter.get("fail", 0)
            run.base_ok = before.base_ok + counter.get("ok", 0)
            run.base_skip = before.base_skip + counter.get("skip", 0)
        self.runs[task_id, run.run_no] = run
        task.run_no = run.run_no
        self._drop_runs(task_id, task.run_no - 1 if failed_only else task.run_no)
        self._queue(task, status)

    def _drop_runs(self, task_id: TaskId, keep_from: int) -> None:
        for place in [place for place in self.runs if place[0] == task_id and place[1] < keep_from]:
            self.drop_run(place)

    def _queue(self, task: TaskRow, status: TaskStatus) -> None:
        task.status, task.desired, task.version = status, Desired.RUN, task.version + 1
        task.starts += 1
        task.fatal, task.error_code, task.credentials = None, None, True

    def delete(self, task_id: TaskId) -> None:
        """Removes the task; uploads that it leaves open are leaked. Raises Refused."""
        advance(self.tasks[task_id].status, TaskEvent.DELETED)
        self._leak(task_id)
        self.forget(task_id)

    def _leak(self, task_id: TaskId) -> None:
        for one in self.uploads.values():
            if one.row.task_id == task_id and one.live:
                one.state = "leaked"

    def set_bandwidth(self, task_id: TaskId, windows: Sequence[BandwidthWindow]) -> None:
        """New limits."""
        task = self.tasks[task_id]
        task.bandwidth, task.version = tuple(windows), task.version + 1

    def expire(self, row_id: int, table: str) -> None:
        """A lease has run out."""
        tables: dict[str, dict[int, Any]] = {
            "unit": self.units,
            "key_range": self.ranges,
            "record": self.records,
            "part_span": self.spans,
        }
        row: Row = tables[table][row_id]
        if row.claim_id is not None and row.lease_until > EPOCH:
            row.lease_until = self.now() - 1
