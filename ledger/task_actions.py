"""What the owner does to a task: start, stop, delete, new limits. Each is one compare-and-set in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from engine import spec as specs
from engine.spec import TaskSpec
from engine.states import TaskEvent, TaskStatus, advance
from ledger import notifications
from ledger.lazily import lazily
from ledger.notifications import Kind
from ledger.values import Desired, TaskId
from ledger.voiding import VOID_EXPIRED

if TYPE_CHECKING:
    from sqlalchemy import TextClause
    from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class LockedTask:
    """A task whose row is ours until the transaction ends."""

    id: TaskId
    status: TaskStatus
    run_no: int
    version: int
    spec: TaskSpec
    name: str
    desired: Desired


@dataclass(frozen=True, slots=True)
class RunState:
    """Where the present run stands. `resumable`: it has something left to do. `failed`: objects that failed in it."""

    resumable: bool
    failed: int
    failed_list_key: str | None


_LOCK = lazily(
    "SELECT id, status, run_no, version, spec, name, desired FROM task"
    " WHERE project_id = :project_id AND id = ANY(:ids) AND NOT scanner AND sync_id IS NULL AND verifies IS NULL"
    " ORDER BY id FOR UPDATE"
)
_LOCK_GROUP = lazily(
    "SELECT id, status, run_no, version, spec, name, desired FROM task WHERE project_id = :project_id"
    " AND group_id::text = :group_id AND NOT scanner ORDER BY id FOR UPDATE"
)
_LEASED = lazily(
    "SELECT EXISTS (SELECT FROM run WHERE task_id = :id AND claim_id IS NOT NULL AND lease_until > clock_timestamp())"
    " OR EXISTS (SELECT FROM key_range WHERE task_id = :id AND state = 'leased' AND lease_until > clock_timestamp())"
    " OR EXISTS (SELECT FROM unit WHERE task_id = :id AND state = 'leased' AND lease_until > clock_timestamp())"
    " OR EXISTS (SELECT FROM part_span WHERE task_id = :id AND state = 'leased' AND lease_until > clock_timestamp())"
    " OR EXISTS (SELECT FROM record WHERE task_id = :id AND claim_id IS NOT NULL AND lease_until > clock_timestamp())"
)
# Who comes back after his lease has run out must not find it again in a task that is shown as paused.
_VOID_EXPIRED = lazily(VOID_EXPIRED.replace("%(task)s", ":id"))
_PAUSE = lazily(
    "UPDATE task SET status = :status, desired = :desired, version = version + 1,"
    " running_ms = running_ms + CASE WHEN :status = 3"
    "  THEN coalesce(extract(epoch FROM clock_timestamp() - running_since) * 1000, 0)::bigint ELSE 0 END,"
    " running_since = CASE WHEN :status = 3 THEN NULL ELSE running_since END"
    " WHERE id = :id AND status = :before"
)
_WIPE = lazily("DELETE FROM credential WHERE task_id = :id")
_RUN = lazily(
    "SELECT r.phase <> 'ended'"
    " OR EXISTS (SELECT FROM key_range WHERE task_id = :id AND run_no = :run_no AND state <> 'done')"
    " OR EXISTS (SELECT FROM unit WHERE task_id = :id AND run_no = :run_no AND state <> 'done') AS resumable,"
    " (SELECT coalesce(sum(fail), 0)::bigint FROM counter WHERE task_id = :id AND run_no = :run_no) AS failed,"
    " (SELECT object_key FROM record WHERE task_id = :id AND run_no = :run_no AND kind = 'fail'"
    "  AND state = 'written' ORDER BY id DESC LIMIT 1) AS failed_list_key"
    " FROM run r WHERE r.task_id = :id AND r.run_no = :run_no"
)
_RESUME = lazily(
    "UPDATE run SET phase = CASE WHEN phase = 'ended' THEN 'active' ELSE phase END, ended_at = NULL"
    " WHERE task_id = :id AND run_no = :run_no"
)
_ADD_RUN = lazily(
    "INSERT INTO run (task_id, run_no, failed_only, base_listed, base_listed_bytes, base_ok, base_ok_bytes,"
    " base_skip, base_skip_bytes)"
    " SELECT r.task_id, r.run_no + 1, :failed_only,"
    "  f * (r.base_listed + c.listed - c.fail), f * (r.base_listed_bytes + c.listed_bytes - c.fail_bytes),"
    "  f * (r.base_ok + c.ok), f * (r.base_ok_bytes + c.ok_bytes),"
    "  f * (r.base_skip + c.skip), f * (r.base_skip_bytes + c.skip_bytes)"
    " FROM run r CROSS JOIN (SELECT CASE WHEN :failed_only THEN 1 ELSE 0 END AS f) s"
    " CROSS JOIN (SELECT coalesce(sum(listed), 0)::bigint AS listed,"
    "  coalesce(sum(listed_bytes), 0)::bigint AS listed_bytes,"
    "  coalesce(sum(ok), 0)::bigint AS ok, coalesce(sum(ok_bytes), 0)::bigint AS ok_bytes,"
    "  coalesce(sum(skip), 0)::bigint AS skip, coalesce(sum(skip_bytes), 0)::bigint AS skip_bytes,"
    "  coalesce(sum(fail), 0)::bigint AS fail, coalesce(sum(fail_bytes), 0)::bigint AS fail_bytes"
    "  FROM counter WHERE task_id = :id AND run_no = :run_no) c"
    " WHERE r.task_id = :id AND r.run_no = :run_no"
)
_DROP_RUNS = lazily("DELETE FROM run WHERE task_id = :id AND run_no < :keep_from")
_QUEUE = lazily(
    "UPDATE task SET status = :status, desired = 'run', version = version + 1, starts = starts + 1, run_no = :run_no,"
    " fatal_code = NULL, fatal_message = NULL, error_code = NULL, error_message = NULL,"
    " queued_at = clock_timestamp(), running_since = NULL, ended_at = NULL,"
    " running_ms = CASE WHEN :afresh THEN 0 ELSE running_ms END,"
    " first_started_at = CASE WHEN :afresh THEN NULL ELSE first_started_at END"
    " WHERE id = :id AND status = :before"
)
# A billion objects leave millions of rows; the session's limit is meant for single looks.
_PATIENCE = lazily("SET LOCAL statement_timeout = '15min'")
_LEAK = lazily("UPDATE upload SET state = 'leaked' WHERE task_id = :id AND state IN ('intent', 'open')")
_DELETE = lazily("DELETE FROM task WHERE id = :id AND status = :before")
_LIMIT = lazily(
    "UPDATE task SET bandwidth = CAST(:bandwidth AS jsonb), version = version + 1 WHERE id = ANY(:ids)"
)
_PRIORITISE = lazily("UPDATE task SET priority = :priority, version = version + 1 WHERE id = ANY(:ids)")


async def lock(connection: AsyncConnection, project_id: str, ids: Sequence[int]) -> Sequence[LockedTask]:
    """Those of the ids that this project has, in order of id, locked."""
    return await _locked(connection, _LOCK(), {"project_id": project_id, "ids": list(ids)})


async def lock_group(connection: AsyncConnection, project_id: str, group_id: str) -> Sequence[LockedTask]:
    """The tasks of a group, in order of id, locked."""
    return await _locked(connection, _LOCK_GROUP(), {"project_id": project_id, "group_id": group_id})


async def stop(connection: AsyncConnection, task: LockedTask) -> TaskStatus:
    """Asks the workers to pause; at once paused, without credentials, when nobody works on it. Raises Refused."""
    status = advance(task.status, TaskEvent.STOPPED)
    desired = Desired.PAUSE
    await connection.execute(_VOID_EXPIRED(), {"id": task.id})
    if task.desired is Desired.HALT:
        # A fatal error drains it already: the task ends in 4, and its cause must not be lost.
        desired = Desired.HALT
    elif not (await connection.execute(_LEASED(), {"id": task.id})).scalar_one():
        status, desired = advance(status, TaskEvent.DRAINED), Desired.RUN
        await connection.execute(_WIPE(), {"id": task.id})
    names = {"id": task.id, "before": task.status.value, "status": status.value, "desired": desired.value}
    await _one(connection, _PAUSE(), names)
    return status


async def run_state(connection: AsyncConnection, task: LockedTask) -> RunState:
    """Where the present run of a task stands."""
    row = (await connection.execute(_RUN(), {"id": task.id, "run_no": task.run_no})).one()
    return RunState(row.resumable, row.failed, row.failed_list_key)


async def resume(connection: AsyncConnection, task: LockedTask) -> None:
    """Queues the task to go on with its present run. Raises Refused."""
    status = advance(task.status, TaskEvent.STARTED)
    await connection.execute(_RESUME(), {"id": task.id, "run_no": task.run_no})
    await _queue(connection, task, status, run_no=task.run_no, afresh=False)


async def begin_run(connection: AsyncConnection, task: LockedTask, *, failed_only: bool) -> None:
    """Queues the task with a new run, over all objects or over those that failed. Raises Refused.

    The run before stays only as long as the new one reads its failures.
    """
    status = advance(task.status, TaskEvent.STARTED)
    names = {"id": task.id, "run_no": task.run_no, "failed_only": failed_only}
    await connection.execute(_ADD_RUN(), names)
    await _queue(connection, task, status, run_no=task.run_no + 1, afresh=not failed_only)
    keep_from = task.run_no if failed_only else task.run_no + 1
    await connection.execute(_PATIENCE())
    await connection.execute(_DROP_RUNS(), {"id": task.id, "keep_from": keep_from})


async def delete(connection: AsyncConnection, task: LockedTask) -> None:
    """Removes the task and all its rows; multipart uploads that it leaves open are kept as leaked. Raises Refused."""
    advance(task.status, TaskEvent.DELETED)
    await connection.execute(_LEAK(), {"id": task.id})
    await connection.execute(_PATIENCE())
    await notifications.forget(connection, Kind.TASK, str(task.id))
    await _one(connection, _DELETE(), {"id": task.id, "before": task.status.value})


async def set_bandwidth(
    connection: AsyncConnection, ids: Sequence[int], bandwidth: Sequence[Mapping[str, Any]]
) -> None:
    """New traffic limits for locked tasks; workers see them within half a second."""
    body = orjson.dumps([dict(window) for window in bandwidth]).decode()
    await connection.execute(_LIMIT(), {"ids": list(ids), "bandwidth": body})


async def set_priority(connection: AsyncConnection, ids: Sequence[int], priority: int) -> None:
    """A new place in the queue for locked tasks; 0 goes first."""
    await connection.execute(_PRIORITISE(), {"ids": list(ids), "priority": priority})


async def _queue(
    connection: AsyncConnection, task: LockedTask, status: TaskStatus, *, run_no: int, afresh: bool
) -> None:
    names = {"id": task.id, "before": task.status.value, "status": status.value}
    await _one(connection, _QUEUE(), {**names, "run_no": run_no, "afresh": afresh})


async def _one(connection: AsyncConnection, statement: TextClause, names: Mapping[str, Any]) -> None:
    changed = (await connection.execute(statement, names)).rowcount
    if changed != 1:
        raise RuntimeError(f"a locked task changed under our hands: {changed} rows")


async def _locked(
    connection: AsyncConnection, statement: TextClause, names: Mapping[str, Any]
) -> Sequence[LockedTask]:
    rows = await connection.execute(statement, names)
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
