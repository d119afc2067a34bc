"""The eight synchronisation calls (OMS 5.3)."""

import hashlib
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Header, Path, Query, Request, Response

from api.context import services
from api.errors import BUSY_CODE, ApiError, error_answer, responses
from api.guard import ProjectRoute, actor_of
from api.sync import actions, views
from api.sync.answers import CreatedSyncTask, StatisticAnswer, SyncTaskAnswer, SyncTaskList
from api.sync.schemas import CreateSyncTaskBody, StartSyncTaskBody, SyncEventBody
from api.sync.views import StatisticType
from api.tasks.creation import Repeatable
from api.validation import QueryNumber
from engine.sync_time import LATEST_MS, SpanRefused, interval_of, month_of
from ledger import sync_statistics, sync_tasks
from ledger.sync_tasks import SyncStatus

router = APIRouter(
    prefix="/v2/{project_id}/sync-tasks",
    route_class=ProjectRoute,
    tags=["sync"],
    responses=responses(400, 401, 403, 404, 405, 503),
)
_WITH_BODY = responses(413, 415, 501)
_REPEATABLE = {**_WITH_BODY, **responses(409)}

ProjectId = Annotated[str, Path(min_length=1, max_length=1024)]
SyncPath = Annotated[str, Path(min_length=1, max_length=1024)]
IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=255)]
Instant = Annotated[QueryNumber, Query(ge=0, lt=LATEST_MS)]


@router.post("", operation_id="CreateSyncTask", responses=_REPEATABLE)
async def create(
    request: Request, project_id: ProjectId, body: CreateSyncTaskBody, idempotency_key: IdempotencyKey = None
) -> CreatedSyncTask:
    """Creates a task, which synchronises at once (OMS 5.3.3)."""
    repeatable = await _repeatable(request, idempotency_key)
    created = await actions.create_sync_task(services(request), actor_of(request), body, repeatable)
    return CreatedSyncTask(sync_task_id=created)


@router.get("", operation_id="ListSyncTasks")
async def list_sync_tasks(
    request: Request,
    project_id: ProjectId,
    limit: Annotated[QueryNumber, Query(ge=1, le=100)] = 10,
    offset: Annotated[QueryNumber, Query(ge=0, le=10_000)] = 0,
    status: Annotated[str | None, Query(max_length=255)] = None,
) -> SyncTaskList:
    """Tasks of the project, the newest first (OMS 5.3.2)."""
    chosen = _status(status)
    rows, count = await services(request).database.read(
        lambda connection: sync_tasks.page(connection, project_id, chosen, offset=offset, limit=limit)
    )
    return SyncTaskList(tasks=[views.listed(row) for row in rows], count=count)


@router.get("/{sync_task_id}", operation_id="ShowSyncTask")
async def show(
    request: Request, project_id: ProjectId, sync_task_id: SyncPath, query_time: Instant
) -> SyncTaskAnswer:
    """One task with the figures of the month that `query_time` (ms) lies in (OMS 5.3.4)."""
    parts = services(request)
    first, following = month_of(query_time, ZoneInfo(parts.settings.timezone))
    task = await actions.find(parts, project_id, sync_task_id)
    month = await parts.database.read(
        lambda connection: sync_statistics.total(connection, task.id, first, following)
    )
    return views.shown(task, month)


@router.get("/{sync_task_id}/statistics", operation_id="ListSyncTaskStatistic")
async def statistics(
    request: Request,
    project_id: ProjectId,
    sync_task_id: SyncPath,
    data_type: Annotated[str, Query(min_length=1, max_length=255)],
    start_time: Instant,
    end_time: Instant,
) -> StatisticAnswer:
    """Figures of [start_time, end_time) in buckets of five minutes or an hour (OMS 5.3.5)."""
    parts = services(request)
    kinds = _kinds(data_type)
    try:
        interval = interval_of(start_time, end_time)
    except SpanRefused as refused:
        raise ApiError("OMS.0001", str(refused)) from refused
    task = await actions.find(parts, project_id, sync_task_id)
    buckets = await parts.database.read(
        lambda connection: sync_statistics.series(
            connection, task.id, start_time, end_time, interval.width_ms
        )
    )
    return views.statistics(task, interval, kinds, buckets)


@router.post(
    "/{sync_task_id}/events", operation_id="CreateSyncEvents", responses=_REPEATABLE, response_class=Response
)
async def events(
    request: Request,
    project_id: ProjectId,
    sync_task_id: SyncPath,
    body: SyncEventBody,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Accepts keys of objects that are to be synchronised; nothing of a 200 is ever lost (OMS 5.3.1)."""
    repeatable = await _repeatable(request, idempotency_key)
    try:
        await actions.accept_events(
            services(request), actor_of(request), sync_task_id, body.object_keys, repeatable
        )
    except ApiError as refused:
        if refused.code != BUSY_CODE:
            raise
        answer = error_answer(refused.code, refused.message, refused.status)
        answer.headers["Retry-After"] = "1"
        return answer
    return Response()


@router.post("/{sync_task_id}/stop", operation_id="StopSyncTask", response_class=Response)
async def stop(request: Request, project_id: ProjectId, sync_task_id: SyncPath) -> Response:
    """Stops a task; it is stopped when this answers (OMS 5.3.7)."""
    await actions.stop_sync_task(services(request), actor_of(request), sync_task_id)
    return Response()


@router.post(
    "/{sync_task_id}/start", operation_id="StartSyncTask", responses=_WITH_BODY, response_class=Response
)
async def start(
    request: Request, project_id: ProjectId, sync_task_id: SyncPath, body: StartSyncTaskBody
) -> Response:
    """Starts a stopped task with new keys (OMS 5.3.8)."""
    await actions.start_sync_task(services(request), actor_of(request), sync_task_id, body)
    return Response()


@router.delete("/{sync_task_id}", operation_id="DeleteSyncTask", response_class=Response)
async def delete(request: Request, project_id: ProjectId, sync_task_id: SyncPath) -> Response:
    """Deletes a stopped task (OMS 5.3.6)."""
    await actions.delete_sync_task(services(request), actor_of(request), sync_task_id)
    return Response()


async def _repeatable(request: Request, key: str | None) -> Repeatable | None:
    if key is None:
        return None
    # The key may come again for another call or task: then it is another request.
    named = request.url.path.encode() + b"\n" + await request.body()
    return Repeatable(key, hashlib.sha256(named).digest())


def _status(text: str | None) -> SyncStatus | None:
    if not text:
        return None
    try:
        return SyncStatus(text)
    except ValueError as error:
        raise ApiError("OMS.0001", "status: SYNCHRONIZING or STOPPED") from error


def _kinds(text: str) -> list[StatisticType]:
    try:
        return [StatisticType(one) for one in dict.fromkeys(text.split(","))]
    except ValueError as error:
        raise ApiError("OMS.0001", f"data_type: {', '.join(StatisticType)}") from error
