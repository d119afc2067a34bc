"""Task groups as the HTTP edge creates and shows them. Every statement is bound to a project."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from engine import spec as specs
from engine.group_states import GroupStatus, GroupType
from engine.spec import TaskSpec
from ledger import tasks
from ledger.tasks import NewTask
from ledger.values import Tally, TaskId


@dataclass(frozen=True, slots=True)
class NewGroup:
    """What a group holds from the start. `scanner` is the hidden task that lists; sizes bound each of its tasks."""

    id: str
    group_type: GroupType
    scanner: NewTask
    task_objects: int
    task_bytes: int


@dataclass(frozen=True, slots=True)
class Members:
    """How many tasks of a group there are, by what they are at."""

    waiting: int
    executing: int
    paused: int
    failed: int
    complete: int

    @property
    def created(self) -> int:
        """All of them."""
        return self.waiting + self.executing + self.paused + self.failed + self.complete


@dataclass(frozen=True, slots=True)
class Sums:
    """Figures of all tasks of a group; `listed` counts what its scanner still holds, `created` does not."""

    listed: int
    listed_bytes: int
    created: int
    created_bytes: int
    outcomes: Tally


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group with the figures of its tasks' present runs. Durations in ms."""

    id: str
    scanner_id: TaskId
    group_type: GroupType
    spec: TaskSpec
    bandwidth: Sequence[Mapping[str, Any]]
    status: GroupStatus
    error_code: str | None
    error_message: str | None
    created_at: datetime
    first_started_at: datetime | None
    running_ms: int
    members: Members
    sums: Sums
    failures_listed: bool
    failed_record_error: str
    now: datetime
    version: int


_CREATED = text(
    "SELECT count(*) FROM audit WHERE project_id = :project_id AND action = 'createTaskGroup'"
    " AND at > clock_timestamp() - interval '24 hours'"
)
_INSERT = text(
    "INSERT INTO task_group (id, project_id, scanner_id, task_type, region, spec, bandwidth, task_objects, task_bytes)"
    " SELECT CAST(:id AS uuid), t.project_id, t.id, :task_type, t.region, t.spec, t.bandwidth, :task_objects,"
    " :task_bytes FROM task t WHERE t.id = :scanner"
)
_HIDE = text("UPDATE task SET scanner = true WHERE id = :scanner")

_COLUMNS = """
SELECT g.id::text AS id, g.scanner_id, g.task_type, g.spec, g.bandwidth, g.status, g.error_code, g.error_message,
  g.created_at, g.first_started_at, g.version, n.now,
  g.running_ms + coalesce(extract(epoch FROM n.now - g.running_since) * 1000, 0)::bigint AS running_ms, m.*, c.*
FROM task_group g CROSS JOIN (SELECT clock_timestamp() AS now) n
CROSS JOIN LATERAL (
  SELECT count(*) FILTER (WHERE t.status = 1) AS waiting, count(*) FILTER (WHERE t.status IN (2, 6, 7)) AS executing,
    count(*) FILTER (WHERE t.status = 3) AS paused, count(*) FILTER (WHERE t.status = 4) AS failed,
    count(*) FILTER (WHERE t.status = 5) AS complete,
    coalesce(sum(r.base_listed), 0)::bigint AS base_listed,
    coalesce(sum(r.base_listed_bytes), 0)::bigint AS base_listed_bytes,
    coalesce(sum(r.base_ok), 0)::bigint AS base_ok, coalesce(sum(r.base_ok_bytes), 0)::bigint AS base_ok_bytes,
    coalesce(sum(r.base_skip), 0)::bigint AS base_skip,
    coalesce(sum(r.base_skip_bytes), 0)::bigint AS base_skip_bytes,
    coalesce(max(r.failed_record_error), '') AS failed_record_error,
    coalesce(bool_or(r.phase = 'ended' AND EXISTS (SELECT FROM record o WHERE o.task_id = r.task_id
      AND o.run_no = r.run_no AND o.kind = 'fail' AND o.state = 'written')), false) AS failures_listed
  FROM task t JOIN run r ON r.task_id = t.id AND r.run_no = t.run_no WHERE t.group_id = g.id AND NOT t.scanner) m
CROSS JOIN LATERAL (
  SELECT coalesce(sum(k.listed), 0)::bigint AS listed, coalesce(sum(k.listed_bytes), 0)::bigint AS listed_bytes,
    coalesce(sum(k.listed) FILTER (WHERE NOT t.scanner), 0)::bigint AS created,
    coalesce(sum(k.listed_bytes) FILTER (WHERE NOT t.scanner), 0)::bigint AS created_bytes,
    coalesce(sum(k.ok), 0)::bigint AS ok, coalesce(sum(k.ok_bytes), 0)::bigint AS ok_bytes,
    coalesce(sum(k.skip), 0)::bigint AS skip, coalesce(sum(k.skip_bytes), 0)::bigint AS skip_bytes,
    coalesce(sum(k.fail), 0)::bigint AS fail, coalesce(sum(k.fail_bytes), 0)::bigint AS fail_bytes
  FROM task t JOIN counter k ON k.task_id = t.id AND k.run_no = t.run_no WHERE t.group_id = g.id) c
"""
_SHOW = text(f"{_COLUMNS} WHERE g.project_id = :project_id AND g.id::text = :id")
_CHOSEN = "g.project_id = :project_id AND (CAST(:status AS integer) IS NULL OR g.status = :status)"
_LIST = text(
    f"{_COLUMNS} WHERE g.id IN (SELECT g.id FROM task_group g WHERE {_CHOSEN} ORDER BY g.created_at DESC, g.id DESC"
    " OFFSET :offset LIMIT :limit) ORDER BY g.created_at DESC, g.id DESC"
)
_COUNT = text(f"SELECT count(*) FROM task_group g WHERE {_CHOSEN}")


async def created_within_a_day(connection: AsyncConnection, project_id: str) -> int:
    """How many groups a project has begun; its creations wait for each other until the transaction ends."""
    await tasks.lock_quota(connection, project_id)
    return int((await connection.execute(_CREATED, {"project_id": project_id})).scalar_one())


async def create(connection: AsyncConnection, group: NewGroup) -> None:
    """Adds the group in status 0, and its scanner waiting for a slot."""
    await tasks.create(connection, group.scanner)
    await connection.execute(_HIDE, {"scanner": group.scanner.id})
    names = {
        "id": group.id,
        "task_type": group.group_type.value,
        "task_objects": group.task_objects,
        "task_bytes": group.task_bytes,
        "scanner": group.scanner.id,
    }
    await connection.execute(_INSERT, names)


async def show(connection: AsyncConnection, project_id: str, group_id: str) -> GroupRow | None:
    """The group, or None when this project has none of that id."""
    row = (await connection.execute(_SHOW, {"project_id": project_id, "id": group_id})).first()
    return None if row is None else _group_row(row)


async def page(
    connection: AsyncConnection, project_id: str, status: int | None, *, offset: int, limit: int
) -> tuple[Sequence[GroupRow], int]:
    """Groups from the newest on, and how many there are in all."""
    names: dict[str, Any] = {"project_id": project_id, "status": status}
    rows = await connection.execute(_LIST, {**names, "offset": offset, "limit": limit})
    count = (await connection.execute(_COUNT, names)).scalar_one()
    return [_group_row(row) for row in rows], int(count)


def _group_row(row: Row[Any]) -> GroupRow:
    return GroupRow(
        id=row.id,
        scanner_id=TaskId(row.scanner_id),
        group_type=GroupType(row.task_type),
        spec=specs.from_json(row.spec),
        bandwidth=row.bandwidth,
        status=GroupStatus(row.status),
        error_code=row.error_code,
        error_message=row.error_message,
        created_at=row.created_at,
        first_started_at=row.first_started_at,
        running_ms=max(row.running_ms, 0),
        members=Members(row.waiting, row.executing, row.paused, row.failed, row.complete),
        sums=_sums(row),
        failures_listed=row.failures_listed,
        failed_record_error=row.failed_record_error,
        now=row.now,
        version=row.version,
    )


def _sums(row: Row[Any]) -> Sums:
    return Sums(
        listed=row.base_listed + row.listed,
        listed_bytes=row.base_listed_bytes + row.listed_bytes,
        created=row.base_listed + row.created,
        created_bytes=row.base_listed_bytes + row.created_bytes,
        outcomes=Tally(
            row.base_ok + row.ok,
            row.base_ok_bytes + row.ok_bytes,
            row.base_skip + row.skip,
            row.base_skip_bytes + row.skip_bytes,
            row.fail,
            row.fail_bytes,
        ),
    )
