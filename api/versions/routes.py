"""`GET /` and `GET /{version}` (OMS 5.1.1, 5.1.2)."""

from fastapi import APIRouter, Request

from api.context import services
from api.errors import ApiError, responses
from api.guard import GuardedRoute
from api.versions.schemas import Link, Version, Versions

router = APIRouter(
    route_class=GuardedRoute, tags=["versions"], responses=responses(400, 401, 403, 404, 405, 503)
)

_UPDATED = {"v2": "2020-04-01T12:00:00Z"}


@router.get("/", operation_id="ListApiVersions")
async def list_api_versions(request: Request) -> Versions:
    """All versions of the API."""
    return Versions(versions=[_version(request, name) for name in _UPDATED])


@router.get("/{version}", operation_id="ShowApiInfo")
async def show_api_info(request: Request, version: str) -> Version:
    """One version of the API."""
    if version not in _UPDATED:
        raise ApiError("OMS.1009", "version")
    return _version(request, version)


def _version(request: Request, name: str) -> Version:
    base = services(request).settings.public_url or str(request.base_url)
    return Version(
        id=name, links=[Link(href=f"{base.rstrip('/')}/{name}/")], status="CURRENT", updated=_UPDATED[name]
    )
