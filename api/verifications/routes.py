"""Is what arrived still what the source holds? Asked at any time after a task's end, answered by a new look at both."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request
from sqlalchemy.ext.asyncio import AsyncConnection

from api.context import Services, services
from api.errors import ApiError, responses
from api.guard import ProjectRoute, actor_of
from api.tasks.routes import ProjectId, TaskPath
from api.validation import QueryNumber
from api.verifications.creation import create_verification
from api.verifications.schemas import (
    Finding,
    FindingList,
    VerificationAnswer,
    VerificationList,
    VerificationState,
    VerifyBody,
)
from engine.states import TaskStatus
from ledger import tasks, verifications
from ledger.values import TaskId
from ledger.verifications import VerificationRow

router = APIRouter(
    prefix="/v2/{project_id}/tasks/{task_id}/verifications",
    route_class=ProjectRoute,
    tags=["verifications"],
    responses=responses(400, 401, 403, 404, 405, 503),
)
Number = Annotated[str, Path(min_length=1, max_length=1024, pattern=r"^[0-9]{1,15}$")]
_SEGMENTS = 20
_STATES = {
    TaskStatus.WAITING: VerificationState.WAITING,
    TaskStatus.SUCCEEDED: VerificationState.EQUAL,
    TaskStatus.FAILED: VerificationState.FAILED,
}


@router.post("", operation_id="CreateVerification", responses=responses(413, 415, 501))
async def create(
    request: Request, project_id: ProjectId, task_id: TaskPath, body: VerifyBody
) -> VerificationAnswer:
    """Begins a verification of a task that is at rest."""
    parts, actor = services(request), actor_of(request)
    number = await create_verification(parts, actor, int(task_id), body)
    return _answer(int(task_id), await _row(parts, project_id, int(task_id), number))


@router.get("", operation_id="ListVerifications")
async def list_verifications(request: Request, project_id: ProjectId, task_id: TaskPath) -> VerificationList:
    """The newest hundred of a task."""
    verified = TaskId(int(task_id))

    async def look(connection: AsyncConnection) -> VerificationList:
        if await tasks.show(connection, project_id, verified) is None:
            raise ApiError("OMS.1009", "task_id")
        rows = await verifications.page(connection, project_id, verified)
        return VerificationList(verifications=[_answer(verified, row) for row in rows])

    return await services(request).database.read(look)


@router.get("/{number}", operation_id="ShowVerification")
async def show(
    request: Request, project_id: ProjectId, task_id: TaskPath, number: Number
) -> VerificationAnswer:
    """One verification with its figures."""
    return _answer(int(task_id), await _row(services(request), project_id, int(task_id), int(number)))


@router.get("/{number}/findings", operation_id="ListFindings")
async def list_findings(
    request: Request,
    project_id: ProjectId,
    task_id: TaskPath,
    number: Number,
    marker: Annotated[QueryNumber, Query(ge=0, le=9_223_372_036_854_775_807)] = 0,
) -> FindingList:
    """What differs, in pages of a few thousand."""
    parts = services(request)
    row = await _row(parts, project_id, int(task_id), int(number))
    found, following = await parts.database.read(
        lambda connection: verifications.findings(connection, row.id, marker, _SEGMENTS)
    )
    shown = [Finding(key=quote(one.key), size=one.size, code=one.code, detail=one.detail) for one in found]
    return FindingList(findings=shown, next_marker=following)


async def _row(parts: Services, project_id: str, task_id: int, number: int) -> VerificationRow:
    row = await parts.database.read(
        lambda connection: verifications.show(connection, project_id, TaskId(task_id), number)
    )
    if row is None:
        raise ApiError("OMS.1009", "verification")
    return row


def _answer(task_id: int, row: VerificationRow) -> VerificationAnswer:
    state = _STATES.get(row.status, VerificationState.RUNNING)
    if state is VerificationState.FAILED and row.error_code == "TRF.0004":
        state = VerificationState.DIFFERENT
    differs = state is VerificationState.DIFFERENT
    return VerificationAnswer(
        id=row.id,
        task_id=task_id,
        status=state,
        reread=row.reread,
        listed=row.listed,
        equal=row.equal,
        equal_bytes=row.equal_bytes,
        different=row.different,
        error_code=None if differs else row.error_code,
        error_msg=None if differs else row.error_message,
        created_at=int(row.created_at.timestamp() * 1000),
        ended_at=None if row.ended_at is None else int(row.ended_at.timestamp() * 1000),
    )
