"""The privacy statement (oms-behaviour 8.2)."""

from fastapi import APIRouter, Request, Response

from api.context import services
from api.errors import responses
from api.guard import ProjectRoute, actor_of
from api.tasks.routes import ProjectId
from ledger import agreements

router = APIRouter(
    prefix="/v2/{project_id}/privacy-agreements",
    route_class=ProjectRoute,
    tags=["privacy"],
    responses=responses(400, 401, 403, 405, 503),
)


@router.post("", operation_id="UpdatePrivacyAgreementRecord", response_class=Response)
async def agree(request: Request, project_id: ProjectId) -> Response:
    """Keeps that the project agrees to the privacy statement."""
    actor = actor_of(request)
    await services(request).database.write(lambda connection: agreements.agree(connection, actor))
    return Response()
