"""Tasks as the HTTP edge creates and shows them. Every statement is bound to a project."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import orjson
from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from engine import spec as specs
from engine.spec import TaskSpec
from engine.states import TaskStatus
from ledger.notifications import Told
from ledger.values import Tally, TaskId


@dataclass(frozen=True, slots=True)
class NewTask:
    """What a task row holds from the start. `priority` 0 goes first; `bandwidth` as the API shows it."""

    id: TaskId
    name: str
    project_id: str
    region: str
    spec: TaskSpec
    bandwidth: Sequence[Mapping[str, Any]]
    priority: int
    group_id: str | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts over all runs that belong together, and what has been listed."""

    listed: int
    listed_bytes: int
    outcomes: Tally


@dataclass(frozen=True, slots=True)
class RecordState:
    """How the lists under `oms/` fared; codes are "" when nothing went wrong."""

    failed_list_key: str | None
    failed_error: str
    success_error: str
    skip_error: str


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One task with the figures of its present run. `scanned`: nothing is left to list. Durations in ms."""

    id: TaskId
    name: str
    project_id: str
    group_id: str | None
    region: str
    spec: TaskSpec
    bandwidth: Sequence[Mapping[str, Any]]
    priority: int
    status: TaskStatus
    error_code: str | None
    error_message: str | None
    run_no: int
    created_at: datetime
    first_started_at: datetime | None
    ended_at: datetime | None
    running_ms: int
    scanned: bool
    ended: bool
    figures: Figures
    records: RecordState
    now: datetime
    told: Told | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """How many tasks a project has begun within a day and how many still wait."""

    within_a_day: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list of tasks is narrowed down to; None leaves a criterion out. `name`: a part of the name."""

    group_id: str | None = None
    status: int | None = None
    name: str | None = None


_LOCK_PROJECT = text("SELECT pg_advisory_xact_lock(hashtextextended(:project_id, 0))")
_CREATED = text(
    "SELECT (SELECT count(*) FROM audit WHERE project_id = :project_id AND action = 'createTask'"
    " AND at > clock_timestamp() - interval '24 hours') AS created,"
    " (SELECT count(*) FROM task WHERE project_id = :project_id AND status = 1 AND group_id IS NULL"
    " AND verifies IS NULL) AS waiting"
)
_INSERT_TASK = text(
    "INSERT INTO task (id, project_id, group_id, name, description, task_type, region, spec, bandwidth, priority)"
    " VALUES (:id, :project_id, CAST(:group_id AS uuid), :name, :description, :task_type, :region,"
    " CAST(:spec AS jsonb), CAST(:bandwidth AS jsonb), :priority)"
)
_INSERT_RUN = text("INSERT INTO run (task_id, run_no) VALUES (:id, 1)")

_COLUMNS = """
SELECT t.id, t.name, t.project_id, t.group_id, t.region, t.spec, t.bandwidth, t.priority, t.status, t.error_code,
  t.error_message, t.run_no, t.created_at, t.first_started_at, t.ended_at, n.now,
  t.running_ms + coalesce(extract(epoch FROM n.now - t.running_since) * 1000, 0)::bigint AS running_ms,
  r.phase = 'ended' AS ended,
  r.phase <> 'prepare' AND NOT EXISTS (SELECT FROM key_range k
    WHERE k.task_id = t.id AND k.run_no = t.run_no AND k.state <> 'done') AS scanned,
  r.base_listed + c.listed AS listed, r.base_listed_bytes + c.listed_bytes AS listed_bytes,
  r.base_ok + c.ok AS ok, r.base_ok_bytes + c.ok_bytes AS ok_bytes,
  r.base_skip + c.skip AS skip, r.base_skip_bytes + c.skip_bytes AS skip_bytes, c.fail, c.fail_bytes,
  r.success_record_error, r.skip_record_error, r.failed_record_error,
  (SELECT object_key FROM record o WHERE o.task_id = t.id AND o.run_no = t.run_no AND o.kind = 'fail'
     AND o.state = 'written' ORDER BY o.id DESC LIMIT 1) AS failed_list_key,
  (SELECT result FROM notification n WHERE n.kind = 'task' AND n.owner = t.id::text) AS told
FROM task t JOIN run r ON r.task_id = t.id AND r.run_no = t.run_no
CROSS JOIN (SELECT clock_timestamp() AS now) n
CROSS JOIN LATERAL (SELECT coalesce(sum(listed), 0)::bigint AS listed,
  coalesce(sum(listed_bytes), 0)::bigint AS listed_bytes, coalesce(sum(ok), 0)::bigint AS ok,
  coalesce(sum(ok_bytes), 0)::bigint AS ok_bytes, coalesce(sum(skip), 0)::bigint AS skip,
  coalesce(sum(skip_bytes), 0)::bigint AS skip_bytes, coalesce(sum(fail), 0)::bigint AS fail,
  coalesce(sum(fail_bytes), 0)::bigint AS fail_bytes
  FROM counter k WHERE k.task_id = t.id AND k.run_no = t.run_no) c
"""
PLAIN = "NOT t.scanner AND t.sync_id IS NULL AND t.verifies IS NULL"
_SHOW = text(f"{_COLUMNS} WHERE t.project_id = :project_id AND t.id = :id AND {PLAIN}")
# One statement for each set of criteria: a plan for all of them could not count by an index alone.
_SHOWN = f"t.project_id = :project_id AND {PLAIN}"
_CRITERIA = {
    "group_id": "t.group_id::text = :group_id",
    "status": "t.status = :status",
    "name": "strpos(lower(t.name), lower(:name)) > 0",
}


@cache
def _chosen(criteria: tuple[str, ...]) -> tuple[TextClause, TextClause]:
    """The statements that list and count tasks by these criteria."""
    where = " AND ".join((_SHOWN, *(_CRITERIA[name] for name in criteria)))
    order = "ORDER BY t.created_at DESC, t.id DESC"
    inner = f"SELECT t.id FROM task t WHERE {where} {order} OFFSET :offset LIMIT :limit"
    return text(f"{_COLUMNS} WHERE t.id IN ({inner}) {order}"), text(
        f"SELECT count(*) FROM task t WHERE {where}"
    )


async def next_serial(connection: AsyncConnection) -> int:
    """A number of 1 to 999 that tells tasks of one instant apart."""
    return int(await _scalar(connection, text("SELECT nextval('task_serial')"), {}))


async def lock_quota(connection: AsyncConnection, project_id: str) -> Created:
    """Makes creations of one project wait for each other until the transaction ends, and counts them."""
    await connection.execute(_LOCK_PROJECT, {"project_id": project_id})
    row = (await connection.execute(_CREATED, {"project_id": project_id})).one()
    return Created(row.created, row.waiting)


async def create(connection: AsyncConnection, task: NewTask) -> None:
    """Adds the task in status 1 with its first run."""
    await connection.execute(
        _INSERT_TASK,
        {
            "id": task.id,
            "project_id": task.project_id,
            "group_id": task.group_id,
            "name": task.name,
            "description": task.spec.description,
            "task_type": task.spec.task_type.value,
            "region": task.region,
            "spec": orjson.dumps(specs.to_json(task.spec)).decode(),
            "bandwidth": orjson.dumps([dict(window) for window in task.bandwidth]).decode(),
            "priority": task.priority,
        },
    )
    await connection.execute(_INSERT_RUN, {"id": task.id})


async def show(connection: AsyncConnection, project_id: str, task_id: int) -> TaskRow | None:
    """The task, or None when this project has none of that id."""
    row = (await connection.execute(_SHOW, {"project_id": project_id, "id": task_id})).first()
    return None if row is None else _task_row(row)


async def page(
    connection: AsyncConnection, project_id: str, chosen: Filter, *, offset: int, limit: int
) -> tuple[Sequence[TaskRow], int]:
    """Tasks from the newest on, and how many there are in all."""
    asked = {"group_id": chosen.group_id, "status": chosen.status, "name": chosen.name}
    criteria = {name: value for name, value in asked.items() if value is not None}
    listing, counting = _chosen(tuple(criteria))
    names = {"project_id": project_id, **criteria}
    rows = await connection.execute(listing, {**names, "offset": offset, "limit": limit})
    return [_task_row(row) for row in rows], int(await _scalar(connection, counting, names))


async def _scalar(connection: AsyncConnection, statement: TextClause, names: Mapping[str, Any]) -> Any:
    return (await connection.execute(statement, names)).scalar_one()


def _task_row(row: Row[Any]) -> TaskRow:
    return TaskRow(
        id=TaskId(row.id),
        name=row.name,
        project_id=row.project_id,
        group_id=None if row.group_id is None else str(row.group_id),
        region=row.region,
        spec=specs.from_json(row.spec),
        bandwidth=row.bandwidth,
        priority=row.priority,
        status=TaskStatus(row.status),
        error_code=row.error_code,
        error_message=row.error_message,
        run_no=row.run_no,
        created_at=row.created_at,
        first_started_at=row.first_started_at,
        ended_at=row.ended_at,
        running_ms=max(row.running_ms, 0),
        scanned=row.scanned,
        ended=row.ended,
        figures=_figures(row),
        records=_records(row),
        now=row.now,
        told=None if row.told is None else Told(**row.told),
    )


def _figures(row: Row[Any]) -> Figures:
    outcomes = Tally(row.ok, row.ok_bytes, row.skip, row.skip_bytes, row.fail, row.fail_bytes)
    return Figures(row.listed, row.listed_bytes, outcomes)


def _records(row: Row[Any]) -> RecordState:
    return RecordState(
        failed_list_key=row.failed_list_key,
        failed_error=row.failed_record_error or "",
        success_error=row.success_record_error or "",
        skip_error=row.skip_record_error or "",
    )
