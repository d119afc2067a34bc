"""Creating something without an agreement is refused where the operator asks for one (OMS.0092)."""

from fastapi import Request

from api.context import services
from api.errors import ApiError
from api.guard import project_of
from ledger import agreements


async def required(request: Request) -> None:
    """A dependency of the creating calls. Raises ApiError OMS.0092."""
    parts = services(request)
    if not parts.settings.agreement_required:
        return
    project_id = project_of(request).id
    if not await parts.database.read(lambda connection: agreements.agreed(connection, project_id)):
        raise ApiError("OMS.0092")
