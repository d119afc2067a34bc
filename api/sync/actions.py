"""Create, stop, start, delete, and what events ask for: each one transaction (OMS 5.3)."""

import re
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from api.context import Services
from api.errors import ApiError
from api.sync import checks
from api.sync.schemas import CreateSyncTaskBody, StartSyncTaskBody
from api.tasks.checks import check_cdn_key
from api.tasks.creation import Repeatable
from engine.sync_batches import event_key
from ledger import audit, idempotency, sync_events, sync_tasks
from ledger.audit import Actor, Entry
from ledger.idempotency import Reply
from ledger.sync_events import Backlog
from ledger.sync_tasks import SyncStatus, SyncTask

UNKNOWN: Final = "OMS.2002"
_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


async def create_sync_task(
    parts: Services, actor: Actor, body: CreateSyncTaskBody, repeatable: Repeatable | None
) -> str:
    """Checks and stores a task, which synchronises at once; its id. Raises ApiError."""
    spec = checks.sync_spec(body)
    checks.check(body, spec, parts.settings.region, parts.endpoints)
    keys = checks.keys_of(body)

    async def work(connection: AsyncConnection) -> Mapping[str, Any]:
        existing = await sync_tasks.lock_quota(connection, actor.project_id)
        if existing.there >= parts.settings.sync_tasks:
            raise ApiError("S3M.0091", f"at most {parts.settings.sync_tasks}")
        sync_id = str(uuid.uuid4())
        await sync_tasks.create(connection, sync_id, actor.project_id, spec)
        await parts.vault.keep_sync(connection, sync_id, actor.project_id, keys)
        detail = {"source": spec.source.bucket, "destination": spec.destination.bucket}
        await audit.record(connection, actor, Entry("createSyncTask", sync_id, detail))
        return {"sync_task_id": sync_id}

    created = await parts.database.write(_once(actor.project_id, repeatable, work))
    return str(created["sync_task_id"])


async def stop_sync_task(parts: Services, actor: Actor, sync_id: str) -> None:
    """Stopped when this returns, its keys wiped; what waits is kept for the next start. Raises ApiError."""

    async def work(connection: AsyncConnection) -> None:
        task = await _locked(connection, actor, sync_id)
        if task.status is not SyncStatus.SYNCHRONIZING:
            raise ApiError("OMS.0094")
        await sync_tasks.stop(connection, task.id)
        await audit.record(connection, actor, Entry("stopSyncTask", task.id))

    await parts.database.write(work)


async def start_sync_task(parts: Services, actor: Actor, sync_id: str, body: StartSyncTaskBody) -> None:
    """Synchronising again with new keys. Raises ApiError."""
    keys = checks.check_start(body)

    async def work(connection: AsyncConnection) -> None:
        existing = await sync_tasks.lock_quota(connection, actor.project_id)
        task = await _locked(connection, actor, sync_id)
        if task.status is not SyncStatus.STOPPED:
            raise ApiError("OMS.0065")
        if existing.running >= parts.settings.sync_tasks:
            raise ApiError("S3M.0091", f"at most {parts.settings.sync_tasks}")
        check_cdn_key(task.spec.cdn, body.source_cdn_authentication_key)
        await sync_tasks.start(connection, task.id)
        await parts.vault.keep_sync(connection, task.id, actor.project_id, keys)
        await audit.record(connection, actor, Entry("startSyncTask", task.id))

    await parts.database.write(work)
    await parts.bells.wake()


async def delete_sync_task(parts: Services, actor: Actor, sync_id: str) -> None:
    """Removes a stopped task with its statistics and all that waits. Raises ApiError."""

    async def work(connection: AsyncConnection) -> None:
        task = await _locked(connection, actor, sync_id)
        if task.status is not SyncStatus.STOPPED:
            raise ApiError("OMS.0063")
        await sync_tasks.delete(connection, task.id)
        await audit.record(connection, actor, Entry("deleteSyncTask", task.id))

    await parts.database.write(work)


async def accept_events(
    parts: Services, actor: Actor, sync_id: str, encoded: Sequence[str], repeatable: Repeatable | None
) -> None:
    """The keys are in the ledger when this returns. Raises ApiError, OMS.2004 when too much waits already."""
    settings = parts.settings
    if not 1 <= len(encoded) <= settings.sync_event_keys:
        raise ApiError("OMS.0001", f"object_keys: 1 to {settings.sync_event_keys}")
    keys = [event_key(one) for one in encoded]
    if not is_id(sync_id):
        raise ApiError(UNKNOWN)
    most = Backlog(keys=settings.sync_backlog)

    async def work(connection: AsyncConnection) -> Mapping[str, Any]:
        if not await sync_events.accept(connection, actor.project_id, sync_id, keys, most):
            raise _refusal(await sync_tasks.find(connection, actor.project_id, sync_id))
        return {}

    await parts.database.write(_once(actor.project_id, repeatable, work))


async def find(parts: Services, project_id: str, sync_id: str) -> SyncTask:
    """The task. Raises ApiError when there is none, or no longer."""
    found = None
    if is_id(sync_id):
        found = await parts.database.read(lambda connection: sync_tasks.find(connection, project_id, sync_id))
    if found is None or found.deleted:
        raise ApiError(UNKNOWN)
    return found


def is_id(text: str) -> bool:
    """Whether it could be the id of a synchronisation task at all."""
    return _ID.fullmatch(text) is not None


def _refusal(task: SyncTask | None) -> ApiError:
    if task is None:
        return ApiError(UNKNOWN)
    if task.deleted:
        return ApiError("OMS.0093")
    if task.status is SyncStatus.STOPPED:
        return ApiError("OMS.0094")
    return ApiError("OMS.2004")


async def _locked(connection: AsyncConnection, actor: Actor, sync_id: str) -> SyncTask:
    found = await sync_tasks.lock(connection, actor.project_id, sync_id) if is_id(sync_id) else None
    if found is None:
        raise ApiError(UNKNOWN)
    return found


Work = Callable[[AsyncConnection], Awaitable[Mapping[str, Any]]]


def _once(project_id: str, repeatable: Repeatable | None, work: Work) -> Work:
    """Done once for each Idempotency-Key; a repetition gets the first answer."""
    if repeatable is None:
        return work

    async def once(connection: AsyncConnection) -> Mapping[str, Any]:
        try:
            earlier = await idempotency.claim(connection, project_id, repeatable.key, repeatable.body_sha256)
        except idempotency.KeyReused as reused:
            raise ApiError("OMS.0001", "Idempotency-Key was used for another request", status=409) from reused
        if earlier is not None:
            return earlier.body
        answer = await work(connection)
        await idempotency.keep(connection, project_id, repeatable.key, Reply(200, answer))
        return answer

    return once
