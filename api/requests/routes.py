"""What has a task asked of its stores so far, and how much may it ask? Clouds charge for requests and bytes."""

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection

from api.context import services
from api.errors import ApiError, responses
from api.guard import ProjectRoute, actor_of
from api.requests.schemas import RequestLimitBody, RequestsAnswer
from api.requests.views import answer
from api.tasks.routes import ProjectId, TaskPath
from engine.states import TaskStatus
from ledger import audit, requests, task_actions, tasks
from ledger.audit import Entry

router = APIRouter(
    prefix="/v2/{project_id}/tasks/{task_id}/requests",
    route_class=ProjectRoute,
    tags=["requests"],
    responses=responses(400, 401, 403, 404, 405, 503),
)


@router.get("", operation_id="ShowRequests")
async def show(request: Request, project_id: ProjectId, task_id: TaskPath) -> RequestsAnswer:
    """Requests and bytes by side and operation, as the workers last told: half a second ago."""
    number = int(task_id)

    async def look(connection: AsyncConnection) -> RequestsAnswer:
        if await tasks.show(connection, project_id, number) is None:
            raise ApiError("OMS.1009", "task_id")
        return await _shown(connection, number)

    return await services(request).database.read(look)


@router.put("/limit", operation_id="UpdateRequestLimit", responses=responses(413, 415, 501))
async def limit(
    request: Request, project_id: ProjectId, task_id: TaskPath, body: RequestLimitBody
) -> RequestsAnswer:
    """The most requests that a run may make: when they are made, the task pauses as by a stop."""
    actor, number = actor_of(request), int(task_id)

    async def work(connection: AsyncConnection) -> RequestsAnswer:
        found = await task_actions.lock(connection, project_id, [number])
        if not found:
            raise ApiError("OMS.1009", "task_id", action=True)
        if found[0].status is TaskStatus.SUCCEEDED:
            raise ApiError("OMS.0070", "it makes no more requests")
        await requests.set_limit(connection, number, body.max_requests)
        detail = {"max_requests": body.max_requests}
        await audit.record(connection, actor, Entry("updateTask", str(number), detail))
        return await _shown(connection, number)

    return await services(request).database.write(work)


async def _shown(connection: AsyncConnection, number: int) -> RequestsAnswer:
    counted = await requests.counts(connection, number)
    return answer(number, counted, await requests.ceiling(connection, number))
