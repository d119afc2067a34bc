"""Verifications as the HTTP edge creates and shows them: hidden tasks that look at an ended task again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.outcomes import Outcome, decode
from engine.states import TaskStatus
from ledger import tasks
from ledger.tasks import NewTask
from ledger.values import TaskId


@dataclass(frozen=True, slots=True)
class VerificationRow:
    """One verification with its figures: objects that are equal, objects that differ, and the bytes of both."""

    id: TaskId
    status: TaskStatus
    reread: bool
    error_code: str | None
    error_message: str | None
    listed: int
    equal: int
    equal_bytes: int
    different: int
    created_at: datetime
    ended_at: datetime | None


_MARK = text("UPDATE task SET verifies = :verifies, reread = :reread WHERE id = :id")
_COLUMNS = """
SELECT t.id, t.status, t.reread, t.error_code, t.error_message, t.created_at, t.ended_at,
  coalesce(sum(c.listed), 0)::bigint AS listed, coalesce(sum(c.skip), 0)::bigint AS equal,
  coalesce(sum(c.skip_bytes), 0)::bigint AS equal_bytes, coalesce(sum(c.fail), 0)::bigint AS different
FROM task t LEFT JOIN counter c ON c.task_id = t.id AND c.run_no = t.run_no
WHERE t.project_id = :project_id AND t.verifies = :verifies {more} GROUP BY t.id ORDER BY t.id DESC LIMIT 100"""
_LIST = text(_COLUMNS.format(more=""))
_SHOW = text(_COLUMNS.format(more="AND t.id = :id"))
_OPEN = text("SELECT EXISTS (SELECT FROM task WHERE verifies = :verifies AND status IN (1, 2, 6, 7))")
_FINDINGS = text(
    "SELECT s.id, s.payload FROM segment s JOIN task t ON t.id = s.task_id AND t.run_no = s.run_no"
    " WHERE t.id = :id AND s.kind = 'fail' AND s.id > :after ORDER BY s.id LIMIT :limit"
)


async def create(connection: AsyncConnection, task: NewTask, verifies: TaskId, *, reread: bool) -> None:
    """Adds a verification in status 1."""
    await tasks.create(connection, task)
    await connection.execute(_MARK, {"id": task.id, "verifies": verifies, "reread": reread})


async def is_open(connection: AsyncConnection, verifies: TaskId) -> bool:
    """Whether one of this task waits or runs."""
    return bool((await connection.execute(_OPEN, {"verifies": verifies})).scalar_one())


async def page(connection: AsyncConnection, project_id: str, verifies: TaskId) -> Sequence[VerificationRow]:
    """The newest hundred of a task."""
    rows = await connection.execute(_LIST, {"project_id": project_id, "verifies": verifies})
    return [_row(row) for row in rows]


async def show(
    connection: AsyncConnection, project_id: str, verifies: TaskId, number: int
) -> VerificationRow | None:
    """One of them."""
    names = {"project_id": project_id, "verifies": verifies, "id": number}
    row = (await connection.execute(_SHOW, names)).first()
    return None if row is None else _row(row)


async def findings(
    connection: AsyncConnection, number: TaskId, after: int, segments: int
) -> tuple[list[Outcome], int | None]:
    """What differs, from whole segments after `after` on, and where to go on (None: that was all)."""
    found = (await connection.execute(_FINDINGS, {"id": number, "after": after, "limit": segments + 1})).all()
    kept = found[:segments]
    outcomes = [outcome for row in kept for outcome in decode(row.payload)]
    return outcomes, kept[-1].id if len(found) > segments else None


def _row(row: Row[Any]) -> VerificationRow:
    return VerificationRow(
        id=TaskId(row.id),
        status=TaskStatus(row.status),
        reread=row.reread,
        error_code=row.error_code,
        error_message=row.error_message,
        listed=row.listed,
        equal=row.equal,
        equal_bytes=row.equal_bytes,
        different=row.different,
        created_at=row.created_at,
        ended_at=row.ended_at,
    )
