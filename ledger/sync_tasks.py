"""Synchronisation tasks as the HTTP edge creates, shows, stops, starts and deletes them; each bound to a project."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from engine import spec as specs
from engine.spec import TaskSpec


class SyncStatus(StrEnum):
    """The two states of OMS 5.3."""

    SYNCHRONIZING = "SYNCHRONIZING"
    STOPPED = "STOPPED"


@dataclass(frozen=True, slots=True)
class SyncTask:
    """One synchronisation task, without its keys."""

    id: str
    project_id: str
    spec: TaskSpec
    status: SyncStatus
    created_at: datetime
    last_started_at: datetime
    deleted: bool


@dataclass(frozen=True, slots=True)
class Existing:
    """How many a project has, and how many of them run."""

    there: int
    running: int


_LOCK_PROJECT = text("SELECT pg_advisory_xact_lock(hashtextextended('sync:' || :project_id, 0))")
_EXISTING = text(
    "SELECT count(*) AS there, count(*) FILTER (WHERE status = 'SYNCHRONIZING') AS running FROM sync_task"
    " WHERE project_id = :project_id AND deleted_at IS NULL"
)
_INSERT = text(
    "INSERT INTO sync_task (id, project_id, spec) VALUES (CAST(:id AS uuid), :project_id, CAST(:spec AS jsonb))"
)
_COLUMNS = "SELECT id, project_id, spec, status, created_at, last_started_at, deleted_at FROM sync_task"
_FIND = text(f"{_COLUMNS} WHERE project_id = :project_id AND id = CAST(:id AS uuid)")
# Event rows refer to it while it is locked: only its key must stay free.
_LOCK = text(f"{_FIND.text} AND deleted_at IS NULL FOR NO KEY UPDATE")
_CHOSEN = (
    "project_id = :project_id AND deleted_at IS NULL AND (CAST(:status AS text) IS NULL OR status = :status)"
)
_PAGE = text(f"{_COLUMNS} WHERE {_CHOSEN} ORDER BY created_at DESC, id DESC OFFSET :offset LIMIT :limit")
_COUNT = text(f"SELECT count(*) FROM sync_task WHERE {_CHOSEN}")

_STOP = text("UPDATE sync_task SET status = 'STOPPED' WHERE id = CAST(:id AS uuid)")
_WIPE = text("DELETE FROM sync_credential WHERE sync_id = CAST(:id AS uuid)")
# Nothing more is claimed; what is in the air ends or is given back, and a batch that is finishing still finishes.
_PAUSE_BATCHES = text(
    "UPDATE task SET status = 7, desired = 'pause', version = version + 1"
    " WHERE sync_id = CAST(:id AS uuid) AND status = 2 AND desired = 'run'"
)
_START = text(
    "UPDATE sync_task SET status = 'SYNCHRONIZING', last_started_at = now() WHERE id = CAST(:id AS uuid)"
)
_GO_ON = text(
    "UPDATE task SET status = 2, desired = 'run', version = version + 1, starts = starts + 1"
    " WHERE sync_id = CAST(:id AS uuid) AND status = 7 AND desired = 'pause'"
)

_OF_SYNC = "(SELECT id FROM task WHERE sync_id = CAST(:id AS uuid))"
# Units first, as those who journal do: otherwise the two wait for each other.
_DELETION = (
    text(f"SELECT FROM unit WHERE task_id IN {_OF_SYNC} ORDER BY id FOR UPDATE"),
    text(f"UPDATE upload SET state = 'leaked' WHERE task_id IN {_OF_SYNC} AND state IN ('intent', 'open')"),
    text("DELETE FROM task WHERE sync_id = CAST(:id AS uuid)"),
    text("DELETE FROM sync_event WHERE sync_id = CAST(:id AS uuid)"),
    text("DELETE FROM sync_statistic WHERE sync_id = CAST(:id AS uuid)"),
    _WIPE,
    text("UPDATE sync_task SET deleted_at = clock_timestamp() WHERE id = CAST(:id AS uuid)"),
)


async def lock_quota(connection: AsyncConnection, project_id: str) -> Existing:
    """Makes creations and starts of one project wait for each other until the transaction ends, and counts."""
    await connection.execute(_LOCK_PROJECT, {"project_id": project_id})
    row = (await connection.execute(_EXISTING, {"project_id": project_id})).one()
    return Existing(row.there, row.running)


async def create(connection: AsyncConnection, sync_id: str, project_id: str, spec: TaskSpec) -> None:
    """Adds it, synchronising."""
    stored = orjson.dumps(specs.to_json(spec)).decode()
    await connection.execute(_INSERT, {"id": sync_id, "project_id": project_id, "spec": stored})


async def find(connection: AsyncConnection, project_id: str, sync_id: str) -> SyncTask | None:
    """The task, deleted ones too; None when this project never had one of that id."""
    row = (await connection.execute(_FIND, {"project_id": project_id, "id": sync_id})).first()
    return None if row is None else _sync_task(row)


async def lock(connection: AsyncConnection, project_id: str, sync_id: str) -> SyncTask | None:
    """The task, ours until the transaction ends; None when there is none."""
    row = (await connection.execute(_LOCK, {"project_id": project_id, "id": sync_id})).first()
    return None if row is None else _sync_task(row)


async def page(
    connection: AsyncConnection, project_id: str, status: SyncStatus | None, *, offset: int, limit: int
) -> tuple[Sequence[SyncTask], int]:
    """Tasks from the newest on, and how many there are in all."""
    names: Mapping[str, Any] = {"project_id": project_id, "status": status}
    rows = await connection.execute(_PAGE, {**names, "offset": offset, "limit": limit})
    count = (await connection.execute(_COUNT, names)).scalar_one()
    return [_sync_task(row) for row in rows], int(count)


async def stop(connection: AsyncConnection, sync_id: str) -> None:
    """Stopped at once, without keys; what waits goes on waiting for the next start. The task is locked."""
    for statement in (_STOP, _WIPE, _PAUSE_BATCHES):
        await connection.execute(statement, {"id": sync_id})


async def start(connection: AsyncConnection, sync_id: str) -> None:
    """Synchronising again, with all that waited. The task is locked."""
    for statement in (_START, _GO_ON):
        await connection.execute(statement, {"id": sync_id})


async def delete(connection: AsyncConnection, sync_id: str) -> None:
    """Removes all that belongs to it; open multipart uploads are kept as leaked. The task is locked and stopped."""
    for statement in _DELETION:
        await connection.execute(statement, {"id": sync_id})


def _sync_task(row: Row[Any]) -> SyncTask:
    return SyncTask(
        id=str(row.id),
        project_id=row.project_id,
        spec=specs.from_json(row.spec),
        status=SyncStatus(row.status),
        created_at=row.created_at,
        last_started_at=row.last_started_at,
        deleted=row.deleted_at is not None,
    )
