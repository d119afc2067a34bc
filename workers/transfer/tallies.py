"""What this process has asked of the stores, task by task, and how the ledger learns of it."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from connectors.wire import Tally
from engine.failures import Side
from ledger.request_counts import RequestCount
from ledger.values import TaskId, TaskKind
from workers.transfer.context import TaskContext
from workers.transfer.ports import RequestLedger

log = logging.getLogger(__name__)
# Runs whose totals are kept after their stores were closed. One that was dropped goes on under a tally of its own.
KEPT = 1000
Run = tuple[TaskId, int]


@dataclass(slots=True)
class Total:
    """Running totals of a run in this process."""

    tally: UUID
    sums: dict[tuple[Side, str], Tally] = field(default_factory=dict)

    def add(self, side: Side, counted: Mapping[str, Tally]) -> None:
        """More of one side."""
        for operation, more in counted.items():
            tally = self.sums.setdefault((side, operation), Tally())
            tally.requests += more.requests
            tally.sent += more.sent
            tally.received += more.received


class Tallies:
    """Counters of open stores, and the running totals that they add up to."""

    def __init__(self, ledger: RequestLedger) -> None:
        self._ledger = ledger
        # Two contexts of one run where a job of an earlier start lingers.
        self._open: dict[int, TaskContext] = {}
        self._totals: dict[Run, Total] = {}
        self._unsaved: set[Run] = set()

    def watch(self, context: TaskContext) -> None:
        """Count what is asked for this run; only of tasks whose figures somebody can see."""
        if context.facts.kind is TaskKind.MIGRATION and not context.facts.scanner:
            self._open[id(context)] = context

    def leave(self, context: TaskContext) -> None:
        """The stores are closed."""
        self._collect()
        self._open.pop(id(context), None)

    async def save(self) -> None:
        """Tell the ledger what has grown since the last time. Raises what the ledger raises; nothing is lost by it."""
        self._collect()
        runs, self._unsaved = self._unsaved, set()
        if not runs:
            return
        counts = [one for run in sorted(runs) for one in _counts(run, self._totals[run])]
        try:
            counted = await self._ledger.count_requests(counts)
        except BaseException:
            self._unsaved |= runs
            raise
        self._unsaved |= {run for run in runs if run[0] in counted.left}
        for task_id in counted.paused:
            log.warning("request_limit_reached", extra={"task": task_id})
        self._tidy()

    def _collect(self) -> None:
        for context in self._open.values():
            run = _run(context)
            for side, counts in context.pair.asked.items():
                if counted := counts.take():
                    self._totals.setdefault(run, Total(uuid4())).add(side, counted)
                    self._unsaved.add(run)

    def _tidy(self) -> None:
        busy = {*map(_run, self._open.values()), *self._unsaved}
        closed = [run for run in self._totals if run not in busy]
        for run in closed[: max(0, len(closed) - KEPT)]:
            del self._totals[run]


def _run(context: TaskContext) -> Run:
    return context.facts.task_id, context.control.run_no


def _counts(run: Run, total: Total) -> list[RequestCount]:
    return [
        RequestCount(*run, total.tally, side, operation, sum_.requests, sum_.sent, sum_.received)
        for (side, operation), sum_ in total.sums.items()
    ]
