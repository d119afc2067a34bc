"""The eight group calls (OMS 5.4)."""

import hashlib
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from api.context import Services, services
from api.errors import ApiError, responses
from api.groups import actions
from api.groups.answers import CreatedGroup, GroupAnswer, GroupList
from api.groups.creation import create_group
from api.groups.schemas import CreateGroupBody, RetryGroupBody, StartGroupBody
from api.groups.views import group_answer, moved, running
from api.guard import ProjectRoute, actor_of
from api.privacy import agreement
from api.tasks.creation import Repeatable
from api.tasks.schemas import BandwidthPolicyBody
from api.validation import QueryNumber
from ledger import groups, notifications
from ledger.groups import GroupRow
from ledger.notifications import Kind, Told

router = APIRouter(
    prefix="/v2/{project_id}/taskgroups",
    route_class=ProjectRoute,
    tags=["groups"],
    responses=responses(400, 401, 403, 404, 405, 503),
)
_WITH_BODY = responses(413, 415, 501)

ProjectId = Annotated[str, Path(min_length=1, max_length=1024)]
GroupPath = Annotated[str, Path(min_length=1, max_length=1024)]


@router.get("", operation_id="ListTaskGroup")
async def list_groups(
    request: Request,
    project_id: ProjectId,
    limit: Annotated[QueryNumber, Query(ge=1, le=100)] = 10,
    offset: Annotated[QueryNumber, Query(ge=0, le=2_147_483_647)] = 0,
    status: Annotated[
        QueryNumber | None, Query(ge=0, le=9, json_schema_extra={"minimum": 0, "maximum": 9})
    ] = None,
) -> GroupList:
    """Groups of the project, the newest first (OMS 5.4.1)."""
    parts = services(request)
    rows, count = await parts.database.read(
        lambda connection: groups.page(connection, project_id, status, offset=offset, limit=limit)
    )
    told = await parts.database.read(
        lambda connection: notifications.told(connection, Kind.GROUP, [row.id for row in rows])
    )
    return GroupList(count=count, taskgroups=[_shown(parts, row, told.get(row.id)) for row in rows])


@router.post(
    "",
    operation_id="CreateTaskGroup",
    responses={**_WITH_BODY, **responses(409)},
    dependencies=[Depends(agreement.required)],
)
async def create(
    request: Request,
    project_id: ProjectId,
    body: CreateGroupBody,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255)] = None,
) -> CreatedGroup:
    """Creates a group, which starts by itself (OMS 5.4.2)."""
    repeatable = None
    if idempotency_key is not None:
        repeatable = Repeatable(idempotency_key, hashlib.sha256(await request.body()).digest())
    return await create_group(services(request), actor_of(request), body, repeatable)


@router.get("/{group_id}", operation_id="ShowTaskGroup")
async def show(request: Request, project_id: ProjectId, group_id: GroupPath) -> GroupAnswer:
    """One group (OMS 5.4.3)."""
    parts = services(request)
    row = await parts.database.read(lambda connection: groups.show(connection, project_id, group_id))
    if row is None:
        raise ApiError("OMS.1009", "group_id")
    told = await parts.database.read(lambda connection: notifications.told(connection, Kind.GROUP, [row.id]))
    return _shown(parts, row, told.get(row.id))


@router.delete("/{group_id}", operation_id="DeleteTaskGroup", response_class=Response)
async def delete(request: Request, project_id: ProjectId, group_id: GroupPath) -> Response:
    """Deletes a group that is not at work (OMS 5.4.4)."""
    await actions.delete_group(services(request), actor_of(request), group_id)
    return Response()


@router.put("/{group_id}/stop", operation_id="StopTaskGroup", response_class=Response)
async def stop(request: Request, project_id: ProjectId, group_id: GroupPath) -> Response:
    """Pauses a group (OMS 5.4.5)."""
    await actions.stop_group(services(request), actor_of(request), group_id)
    return Response()


@router.put("/{group_id}/start", operation_id="StartTaskGroup", responses=_WITH_BODY, response_class=Response)
async def start(
    request: Request, project_id: ProjectId, group_id: GroupPath, body: StartGroupBody
) -> Response:
    """Goes on with a paused group (OMS 5.4.6)."""
    await actions.start_group(services(request), actor_of(request), group_id, body)
    return Response()


@router.put("/{group_id}/retry", operation_id="RetryTaskGroup", responses=_WITH_BODY, response_class=Response)
async def retry(
    request: Request, project_id: ProjectId, group_id: GroupPath, body: RetryGroupBody
) -> Response:
    """Tries a failed group again (OMS 5.4.7)."""
    await actions.retry_group(services(request), actor_of(request), group_id, body)
    return Response()


@router.put(
    "/{group_id}/update", operation_id="UpdateTaskGroup", responses=_WITH_BODY, response_class=Response
)
async def update(
    request: Request, project_id: ProjectId, group_id: GroupPath, body: BandwidthPolicyBody
) -> Response:
    """New traffic limits for a group that is not complete (OMS 5.4.8)."""
    await actions.limit_group(services(request), actor_of(request), group_id, body.bandwidth_policy)
    return Response()


def _shown(parts: Services, row: GroupRow, told: Told | None) -> GroupAnswer:
    size = moved(row)
    average = size * 1000 // row.running_ms if row.running_ms else 0
    sample = (int(row.now.timestamp() * 1000), size)
    # The scanner is never shown itself, so its number stands for the group.
    speed = parts.speeds.measure(row.scanner_id, 0, sample, average) if running(row) else 0
    return group_answer(row, speed, told, parts.settings.since_unit)
