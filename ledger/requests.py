"""Requests of a task as the HTTP edge shows them, and their ceiling."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.ceiling import reached
from engine.failures import Side


@dataclass(frozen=True, slots=True)
class Asked:
    """What one run asked for by one operation at one side. `sent` and `received` are bytes of bodies."""

    run_no: int
    side: Side
    operation: str
    requests: int
    sent: int
    received: int


@dataclass(frozen=True, slots=True)
class Ceiling:
    """How many requests the present run may make (None: any number) and how many it has made."""

    max_requests: int | None
    run_no: int
    asked: int

    @property
    def reached(self) -> bool:
        """Whether the run pauses, or would as soon as it goes on."""
        return reached(self.max_requests, self.asked)


_COUNTS = text(
    "SELECT run_no, side, operation, sum(requests)::bigint AS requests, sum(sent)::bigint AS sent,"
    " sum(received)::bigint AS received FROM request_count WHERE task_id = :id"
    " GROUP BY run_no, side, operation ORDER BY run_no, side DESC, operation"
)
_CEILING = text(
    "SELECT t.max_requests, t.run_no, (SELECT coalesce(sum(c.requests), 0)::bigint FROM request_count c"
    " WHERE c.task_id = t.id AND c.run_no = t.run_no) AS asked FROM task t WHERE t.id = :id"
)
_LIMIT = text("UPDATE task SET max_requests = :max_requests, version = version + 1 WHERE id = :id")


async def counts(connection: AsyncConnection, task_id: int) -> Sequence[Asked]:
    """By run, side (the source first) and operation."""
    rows = await connection.execute(_COUNTS, {"id": task_id})
    return [
        Asked(row.run_no, Side(row.side), row.operation, row.requests, row.sent, row.received) for row in rows
    ]


async def ceiling(connection: AsyncConnection, task_id: int) -> Ceiling:
    """That of a task which is there."""
    row = (await connection.execute(_CEILING, {"id": task_id})).one()
    return Ceiling(row.max_requests, row.run_no, row.asked)


async def set_limit(connection: AsyncConnection, task_id: int, max_requests: int | None) -> None:
    """A new ceiling for a locked task; it acts with the next requests that are counted."""
    await connection.execute(_LIMIT, {"id": task_id, "max_requests": max_requests})
