"""What the owner does to a group: stop, start, retry, new limits, delete; each one transaction over all its tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from engine import spec as specs
from engine.group_states import Children, GroupEvent, GroupStatus, advance, parked, resumed
from engine.spec import TaskSpec
from engine.states import TaskStatus
from ledger import task_actions
from ledger.lazily import lazily
from ledger.task_actions import LockedTask
from ledger.values import Desired, TaskId

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class LockedGroup:
    """A group whose row is ours until the transaction ends, and what its tasks are at."""

    id: str
    scanner_id: TaskId
    status: GroupStatus
    spec: TaskSpec
    version: int
    children: Children

    @property
    def draining(self) -> bool:
        """Whether a task of it waits, runs or stops still."""
        return bool(self.children.waiting or self.children.executing)


def _becoming(after: TaskStatus) -> str:
    """The statuses of tasks that become `after` when their group stops."""
    return ", ".join(str(one.value) for one in TaskStatus if one is not after and parked(one) is after)


# What stops each task of a group; `{group}` stands for the parameter of either driver.
PARK = (
    "UPDATE task SET status = 3, desired = 'run', version = version + 1"
    f" WHERE group_id = {{group}} AND status IN ({_becoming(TaskStatus.PAUSED)})"
)
PARK_KEYS = (
    "DELETE FROM credential WHERE task_id IN (SELECT id FROM task WHERE group_id = {group} AND status = 3)"
)
DRAIN = (
    "UPDATE task SET status = 7, desired = CASE desired WHEN 'run' THEN 'pause' ELSE desired END, version = version + 1"
    f" WHERE group_id = {{group}} AND status IN ({_becoming(TaskStatus.PAUSING)})"
)
CHILDREN = (
    "SELECT max(status) FILTER (WHERE scanner) AS scanner,"
    " count(*) FILTER (WHERE NOT scanner AND status = 1) AS waiting,"
    " count(*) FILTER (WHERE NOT scanner AND status IN (2, 6, 7)) AS executing,"
    " count(*) FILTER (WHERE NOT scanner AND status = 3) AS paused,"
    " count(*) FILTER (WHERE NOT scanner AND status = 4) AS failed,"
    " count(*) FILTER (WHERE NOT scanner AND status = 5) AS complete FROM task WHERE group_id = {group}"
)

_GROUP = "CAST(:group AS uuid)"
_LOCK = lazily(
    "SELECT id::text AS id, scanner_id, status, spec, version FROM task_group"
    " WHERE project_id = :project_id AND id::text = :id FOR UPDATE"
)
_CHILDREN = lazily(CHILDREN.format(group=_GROUP))
_STOPPING = tuple(lazily(sql.format(group=_GROUP)) for sql in (PARK, PARK_KEYS, DRAIN))
_MOVE = lazily(
    "UPDATE task_group SET status = :after, version = version + 1,"
    " error_code = CASE WHEN :after IN (1, 2) THEN NULL ELSE error_code END,"
    " error_message = CASE WHEN :after IN (1, 2) THEN NULL ELSE error_message END,"
    " running_since = CASE WHEN :after IN (1, 2) THEN coalesce(running_since, clock_timestamp())"
    "  WHEN :after = 7 THEN running_since END,"
    " running_ms = running_ms + CASE WHEN :after IN (1, 2, 7) THEN 0"
    "  ELSE coalesce(extract(epoch FROM clock_timestamp() - running_since) * 1000, 0)::bigint END"
    f" WHERE id = {_GROUP} AND status = :before"
)
# As task_actions.resume does for one task.
_RESUME_RUNS = lazily(
    "UPDATE run r SET phase = CASE WHEN r.phase = 'ended' THEN 'active' ELSE r.phase END, ended_at = NULL FROM task t"
    f" WHERE t.group_id = {_GROUP} AND t.status = 3 AND r.task_id = t.id AND r.run_no = t.run_no"
)
_RESUME = lazily(
    "UPDATE task SET status = 1, desired = 'run', version = version + 1, starts = starts + 1,"
    " fatal_code = NULL, fatal_message = NULL, error_code = NULL, error_message = NULL,"
    " queued_at = clock_timestamp(), running_since = NULL, ended_at = NULL"
    f" WHERE group_id = {_GROUP} AND status = 3"
)
_FAILED = lazily(
    "SELECT id, status, run_no, version, spec, name, desired FROM task"
    f" WHERE group_id = {_GROUP} AND status = 4 ORDER BY id FOR UPDATE"
)
# Everybody who is queued now works with the keys that were sealed for the scanner.
_SHARE_KEYS = lazily(
    "INSERT INTO credential (task_id, side, sealed, key_version, sealed_for)"
    " SELECT t.id, c.side, c.sealed, c.key_version, c.task_id FROM task t, credential c"
    f" WHERE c.task_id = :scanner AND t.group_id = {_GROUP} AND t.status = 1 AND t.id <> :scanner"
    " ON CONFLICT (task_id, side) DO UPDATE SET sealed = excluded.sealed, key_version = excluded.key_version,"
    " sealed_for = excluded.sealed_for"
)
_WIPE_IDLE = lazily(
    "DELETE FROM credential c USING task t WHERE c.task_id = :scanner AND t.id = c.task_id AND t.status IN (3, 4, 5)"
)
_WIPE = lazily(f"DELETE FROM credential WHERE task_id IN (SELECT id FROM task WHERE group_id = {_GROUP})")
_LIMIT = lazily(
    f"UPDATE task_group SET bandwidth = CAST(:bandwidth AS jsonb), version = version + 1 WHERE id = {_GROUP}"
)
_LIMIT_TASKS = lazily(
    "UPDATE task SET bandwidth = CAST(:bandwidth AS jsonb), version = version + 1"
    f" WHERE group_id = {_GROUP} AND status <> 5"
)
_STATUS_OF = lazily(
    "SELECT g.status FROM task t JOIN task_group g ON g.id = t.group_id WHERE t.id = :id FOR SHARE OF g"
)


async def lock(connection: AsyncConnection, project_id: str, group_id: str) -> LockedGroup | None:
    """The group, or None when this project has none of that id."""
    row = (await connection.execute(_LOCK(), {"project_id": project_id, "id": group_id})).first()
    if row is None:
        return None
    found = (await connection.execute(_CHILDREN(), {"group": group_id})).one()._asdict()
    return LockedGroup(
        id=row.id,
        scanner_id=TaskId(row.scanner_id),
        status=GroupStatus(row.status),
        spec=specs.from_json(row.spec),
        version=row.version,
        children=children_of(found),
    )


def children_of(row: Mapping[str, Any]) -> Children:
    """What CHILDREN counts; a group without its scanner is on its way out."""
    scanner = TaskStatus.PAUSED if row["scanner"] is None else TaskStatus(row["scanner"])
    names = ("waiting", "executing", "paused", "failed", "complete")
    return Children(scanner, **{name: row[name] for name in names})


async def stop(connection: AsyncConnection, group: LockedGroup) -> GroupStatus:
    """Stops creation and all tasks; those that run drain first. Raises GroupRefused."""
    after = await _move(connection, group, GroupEvent.STOPPED)
    for statement in _STOPPING:
        await connection.execute(statement(), {"group": group.id})
    return after


async def start(connection: AsyncConnection, group: LockedGroup) -> GroupStatus:
    """Queues all that was paused, creation included. The keys must be kept for the scanner. Raises GroupRefused."""
    after = await _move(connection, group, resumed(group.children))
    await _resume(connection, group)
    await _share_keys(connection, group)
    return after


async def retry(connection: AsyncConnection, group: LockedGroup, *, failed_only: bool) -> GroupStatus:
    """Queues all that failed or was paused; what has nothing left to do begins anew.

    `failed_only` narrows that to the objects that failed. Raises GroupRefused.
    """
    after = await _move(connection, group, GroupEvent.RETRIED)
    await _resume(connection, group)
    for task in await _failed(connection, group):
        run = await task_actions.run_state(connection, task)
        if run.resumable:
            await task_actions.resume(connection, task)
        else:
            await task_actions.begin_run(connection, task, failed_only=failed_only and run.failed > 0)
    await _share_keys(connection, group)
    return after


async def delete(connection: AsyncConnection, group: LockedGroup) -> None:
    """Marks the group; the dispatcher removes its tasks and then itself. Raises GroupRefused."""
    await _move(connection, group, GroupEvent.DELETED)
    for statement in (*_STOPPING, _WIPE):
        await connection.execute(statement(), {"group": group.id})


async def limit(
    connection: AsyncConnection, group: LockedGroup, bandwidth: Sequence[Mapping[str, Any]]
) -> None:
    """New traffic limits for all its tasks, those to come included. Raises GroupRefused."""
    advance(group.status, GroupEvent.LIMITED)
    await set_bandwidth(connection, group.id, bandwidth)


async def set_bandwidth(
    connection: AsyncConnection, group_id: str, bandwidth: Sequence[Mapping[str, Any]]
) -> None:
    """New traffic limits for a group's tasks that are not complete, and for those to come."""
    names = {"group": group_id, "bandwidth": orjson.dumps([dict(window) for window in bandwidth]).decode()}
    await connection.execute(_LIMIT(), names)
    await connection.execute(_LIMIT_TASKS(), names)


async def status_of(connection: AsyncConnection, task_id: TaskId) -> GroupStatus | None:
    """The status of the group that a task belongs to, unchanged until the transaction ends; None: to none."""
    row = (await connection.execute(_STATUS_OF(), {"id": task_id})).first()
    return None if row is None else GroupStatus(row.status)


async def _move(connection: AsyncConnection, group: LockedGroup, event: GroupEvent) -> GroupStatus:
    after = advance(group.status, event)
    names = {"group": group.id, "before": group.status.value, "after": after.value}
    await connection.execute(_MOVE(), names)
    return after


async def _resume(connection: AsyncConnection, group: LockedGroup) -> None:
    for statement in (_RESUME_RUNS, _RESUME):
        await connection.execute(statement(), {"group": group.id})


async def _failed(connection: AsyncConnection, group: LockedGroup) -> Sequence[LockedTask]:
    rows = await connection.execute(_FAILED(), {"group": group.id})
    return [
        LockedTask(
            TaskId(row.id),
            TaskStatus(row.status),
            row.run_no,
            row.version,
            specs.from_json(row.spec),
            row.name,
            Desired(row.desired),
        )
        for row in rows
    ]


async def _share_keys(connection: AsyncConnection, group: LockedGroup) -> None:
    names = {"group": group.id, "scanner": group.scanner_id}
    await connection.execute(_SHARE_KEYS(), names)
    await connection.execute(_WIPE_IDLE(), names)
