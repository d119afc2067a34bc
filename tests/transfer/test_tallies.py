"""Running totals of requests: what the ledger is told, and that nothing is told twice or lost."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from connectors.wire import OperationCounts
from engine.failures import Side
from ledger.request_counts import Counted, RequestCount
from ledger.values import TaskId, TaskKind
from workers.transfer import tallies
from workers.transfer.tallies import Tallies


@dataclass
class Told:
    """A ledger that is away as long as `away` says, and leaves the tasks that are `held`."""

    calls: list[Sequence[RequestCount]] = field(default_factory=list)
    away: bool = False
    held: frozenset[TaskId] = frozenset()

    async def count_requests(self, counts: Sequence[RequestCount]) -> Counted:
        if self.away:
            raise ConnectionError
        self.calls.append(counts)
        return Counted(left=self.held)


def _context(task: int, run: int = 1, **facts: Any) -> Any:
    told = {"task_id": TaskId(task), "kind": TaskKind.MIGRATION, "scanner": False, **facts}
    asked = {side: OperationCounts() for side in Side}
    return SimpleNamespace(
        facts=SimpleNamespace(**told),
        control=SimpleNamespace(run_no=run),
        pair=SimpleNamespace(asked=asked),
        asked=asked,
    )


def _ask(context: Any, side: Side = Side.SOURCE, operation: str = "read") -> None:
    context.asked[side].count("store", operation, 200, 3, 5)


async def test_totals_grow_from_call_to_call_and_silence_costs_no_statement() -> None:
    ledger, context = Told(), _context(1)
    book = Tallies(ledger)
    book.watch(context)
    _ask(context)
    await book.save()
    await book.save()
    _ask(context)
    _ask(context, Side.DESTINATION, "put")
    await book.save()
    assert [[(one.side, one.operation, one.requests) for one in call] for call in ledger.calls] == [
        [(Side.SOURCE, "read", 1)],
        [(Side.SOURCE, "read", 2), (Side.DESTINATION, "put", 1)],
    ]
    assert (ledger.calls[1][0].sent, ledger.calls[1][0].received) == (6, 10)
    assert len({one.tally for call in ledger.calls for one in call}) == 1


async def test_what_a_ledger_that_was_away_did_not_hear_is_told_again() -> None:
    ledger, context = Told(away=True), _context(1)
    book = Tallies(ledger)
    book.watch(context)
    _ask(context)
    with pytest.raises(ConnectionError):
        await book.save()
    ledger.away = False
    await book.save()
    assert [one.requests for one in ledger.calls[0]] == [1]


async def test_a_task_that_was_left_is_told_of_again_and_no_other() -> None:
    ledger = Told(held=frozenset({TaskId(1)}))
    book = Tallies(ledger)
    for task in (1, 2):
        context = _context(task)
        book.watch(context)
        _ask(context)
    await book.save()
    ledger.held = frozenset()
    await book.save()
    await book.save()
    assert [[one.task_id for one in call] for call in ledger.calls] == [[1, 2], [1]]


async def test_stores_that_are_opened_again_go_on_with_the_same_totals_and_a_new_run_with_its_own() -> None:
    ledger = Told()
    book = Tallies(ledger)
    for run in (1, 1, 2):
        context = _context(1, run)
        book.watch(context)
        _ask(context)
        book.leave(context)
        await book.save()
    told = [(call[0].run_no, call[0].requests) for call in ledger.calls]
    assert told == [(1, 1), (1, 2), (2, 1)]
    assert ledger.calls[0][0].tally == ledger.calls[1][0].tally != ledger.calls[2][0].tally


async def test_a_total_that_was_forgotten_goes_on_under_another_tally(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tallies, "KEPT", 1)
    ledger = Told()
    book = Tallies(ledger)
    for task in (1, 2, 1):
        context = _context(task)
        book.watch(context)
        _ask(context)
        book.leave(context)
        await book.save()
    assert [call[0].requests for call in ledger.calls] == [1, 1, 1]
    assert ledger.calls[0][0].tally != ledger.calls[2][0].tally


@pytest.mark.parametrize(
    "facts", [{"scanner": True}, {"kind": TaskKind.BATCH}, {"kind": TaskKind.VERIFICATION}]
)
async def test_tasks_that_nobody_can_look_up_are_not_counted(facts: dict[str, Any]) -> None:
    ledger, context = Told(), _context(1, **facts)
    book = Tallies(ledger)
    book.watch(context)
    _ask(context)
    await book.save()
    assert ledger.calls == []
