"""The eight task calls (OMS 5.2)."""

import hashlib
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Header, HTTPException, Path, Query, Request, Response

from api.context import Services, services
from api.errors import ApiError, responses
from api.guard import ProjectRoute, actor_of
from api.privacy import agreement
from api.tasks import actions
from api.tasks.answers import CreatedTask, TaskAnswer, TaskList
from api.tasks.creation import Repeatable, create_task
from api.tasks.schemas import BandwidthPolicyBody, BatchUpdateBody, CreateTaskBody, StartTaskBody
from api.tasks.views import figures_of, task_answer
from api.validation import QueryNumber
from ledger import tasks
from ledger.tasks import Filter, TaskRow

router = APIRouter(
    prefix="/v2/{project_id}/tasks",
    route_class=ProjectRoute,
    tags=["tasks"],
    responses=responses(400, 401, 403, 404, 405, 503),
)
_WITH_BODY = responses(413, 415, 501)

ProjectId = Annotated[str, Path(min_length=1, max_length=1024)]
TaskPath = Annotated[str, Path(min_length=1, max_length=1024, pattern=r"^[0-9]{1,15}$")]


@router.get("", operation_id="ListTasks")
async def list_tasks(
    request: Request,
    project_id: ProjectId,
    group_id: Annotated[str | None, Query(min_length=1, max_length=100)] = None,
    limit: Annotated[QueryNumber, Query(ge=1, le=100)] = 10,
    offset: Annotated[QueryNumber, Query(ge=0, le=2_147_483_647)] = 0,
    status: Annotated[
        QueryNumber | None, Query(ge=1, le=7, json_schema_extra={"minimum": 1, "maximum": 7})
    ] = None,
    task_name: Annotated[str | None, Query(max_length=255)] = None,
) -> TaskList:
    """Tasks of the project, the newest first (OMS 5.2.1); `task_name` is a part of the name."""
    parts = services(request)
    chosen = Filter(group_id, status, task_name or None)
    rows, count = await parts.database.read(
        lambda connection: tasks.page(connection, project_id, chosen, offset=offset, limit=limit)
    )
    return TaskList(tasks=[_shown(parts, row) for row in rows], count=count)


@router.post(
    "",
    operation_id="CreateTask",
    responses={**_WITH_BODY, **responses(409)},
    dependencies=[Depends(agreement.required)],
)
async def create(
    request: Request,
    project_id: ProjectId,
    body: CreateTaskBody,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255)] = None,
) -> CreatedTask:
    """Creates a task, which starts by itself (OMS 5.2.3)."""
    repeatable = None
    if idempotency_key is not None:
        # One key stands for one request: the same body sent elsewhere is another one.
        asked = b"tasks\n" + await request.body()
        repeatable = Repeatable(idempotency_key, hashlib.sha256(asked).digest())
    return await create_task(services(request), actor_of(request), body, repeatable)


@router.post("/batch-update", operation_id="BatchUpdateTasks", responses=_WITH_BODY, response_class=Response)
async def batch_update(request: Request, project_id: ProjectId, body: BatchUpdateBody) -> Response:
    """New limits and priority for several tasks, all or none (OMS 5.2.8)."""
    await actions.update_tasks(services(request), actor_of(request), body)
    return Response()


@router.api_route("/batch-update", methods=["GET", "PUT", "DELETE"], include_in_schema=False)
async def batch_update_otherwise() -> Response:
    """`batch-update` is no task: no other method reaches it."""
    raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED)


@router.get("/{task_id}", operation_id="ShowTask")
async def show(request: Request, project_id: ProjectId, task_id: TaskPath) -> TaskAnswer:
    """One task (OMS 5.2.2)."""
    parts = services(request)
    row = await parts.database.read(lambda connection: tasks.show(connection, project_id, int(task_id)))
    if row is None:
        raise ApiError("OMS.1009", "task_id")
    return _shown(parts, row)


@router.post("/{task_id}/stop", operation_id="StopTask", response_class=Response)
async def stop(request: Request, project_id: ProjectId, task_id: TaskPath) -> Response:
    """Pauses a task (OMS 5.2.4)."""
    await actions.stop_task(services(request), actor_of(request), int(task_id))
    return Response()


@router.post("/{task_id}/start", operation_id="StartTask", responses=_WITH_BODY, response_class=Response)
async def start(request: Request, project_id: ProjectId, task_id: TaskPath, body: StartTaskBody) -> Response:
    """Starts a paused or failed task again (OMS 5.2.5)."""
    await actions.start_task(services(request), actor_of(request), int(task_id), body)
    return Response()


@router.delete("/{task_id}", operation_id="DeleteTask", response_class=Response)
async def delete(request: Request, project_id: ProjectId, task_id: TaskPath) -> Response:
    """Deletes a task that is not in progress (OMS 5.2.6)."""
    await actions.delete_task(services(request), actor_of(request), int(task_id))
    return Response()


@router.put(
    "/{task_id}/bandwidth-policy",
    operation_id="UpdateBandwidthPolicy",
    responses=_WITH_BODY,
    response_class=Response,
)
async def update_bandwidth(
    request: Request, project_id: ProjectId, task_id: TaskPath, body: BandwidthPolicyBody
) -> Response:
    """New traffic limits for a task that is not complete (OMS 5.2.7)."""
    await actions.limit_task(services(request), actor_of(request), int(task_id), body.bandwidth_policy)
    return Response()


def _shown(parts: Services, row: TaskRow) -> TaskAnswer:
    size = figures_of(row, 0).complete_size
    average = size * 1000 // row.running_ms if row.running_ms else 0
    sample = (int(row.now.timestamp() * 1000), size)
    shown = figures_of(row, parts.speeds.measure(row.id, row.run_no, sample, average))
    furthest = parts.speeds.furthest(row.id, row.run_no, shown.progress)
    return task_answer(row, replace(shown, progress=furthest), parts.settings.since_unit)
