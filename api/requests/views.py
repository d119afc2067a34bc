"""Sums of request counts as the API shows them."""

from collections.abc import Iterable, Sequence
from typing import Any

from api.requests.schemas import OperationAnswer, RequestsAnswer, RunAnswer, SideAnswer
from engine.failures import Side
from ledger.requests import Asked, Ceiling

_FIGURES = ("requests", "sent_bytes", "received_bytes")


def answer(task_id: int, asked: Sequence[Asked], ceiling: Ceiling) -> RequestsAnswer:
    """The task's sums and those of its runs."""
    numbers = sorted({one.run_no for one in asked})
    runs = [
        RunAnswer(run_no=number, **_sums([one for one in asked if one.run_no == number]))
        for number in numbers
    ]
    return RequestsAnswer(
        task_id=task_id,
        max_requests=ceiling.max_requests,
        limit_reached=ceiling.reached,
        runs=runs,
        **_sums(asked),
    )


def _sums(asked: Sequence[Asked]) -> dict[str, Any]:
    sides = [SideAnswer(side=side, **_figures(one for one in asked if one.side is side)) for side in Side]
    kinds = dict.fromkeys((one.side, one.operation) for one in asked)
    operations = [
        OperationAnswer(
            side=side,
            operation=operation,
            **_figures(one for one in asked if (one.side, one.operation) == (side, operation)),
        )
        for side, operation in kinds
    ]
    return {"requests": sum(one.requests for one in asked), "sides": sides, "operations": operations}


def _figures(asked: Iterable[Asked]) -> dict[str, int]:
    rows = [(one.requests, one.sent, one.received) for one in asked]
    return dict(zip(_FIGURES, map(sum, zip(*rows, strict=True)) if rows else (0, 0, 0), strict=True))
