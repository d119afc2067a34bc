"""The calls about buckets (OMS 5.5)."""

from fastapi import APIRouter, Request, Response

from api.buckets import accounts, browsing, cdn, url_list
from api.buckets.schemas import (
    AccountBody,
    BucketPage,
    BucketRegion,
    BucketRegionBody,
    CdnInfo,
    CdnInfoBody,
    ObjectsBody,
    PrefixBody,
    PrefixFound,
    UrlListBody,
)
from api.context import services
from api.errors import responses
from api.guard import LookingRoute
from api.tasks.routes import ProjectId

router = APIRouter(
    prefix="/v2/{project_id}/objectstorage/buckets",
    route_class=LookingRoute,
    tags=["buckets"],
    responses=responses(400, 401, 403, 405, 413, 415, 501, 503),
)


@router.post("", operation_id="ShowBucketList")
async def list_buckets(request: Request, project_id: ProjectId, body: AccountBody) -> list[str]:
    """The names of an account's buckets (OMS 5.5.3)."""
    return await accounts.list_buckets(services(request), body)


@router.post("/objects", operation_id="ShowBucketObjects")
async def list_objects(request: Request, project_id: ProjectId, body: ObjectsBody) -> BucketPage:
    """Folders and objects one level below a path (OMS 5.5.1)."""
    return await browsing.list_objects(services(request), body)


@router.post("/regions", operation_id="ShowBucketRegion")
async def show_region(request: Request, project_id: ProjectId, body: BucketRegionBody) -> BucketRegion:
    """Where a bucket is (OMS 5.5.4)."""
    return await accounts.find_region(services(request), body)


@router.post("/prefix", operation_id="CheckPrefix")
async def check_prefix(request: Request, project_id: ProjectId, body: PrefixBody) -> PrefixFound:
    """Whether a bucket has objects under a prefix (OMS 5.5.5)."""
    return await browsing.find_prefix(services(request), body)


@router.post("/cdn-info", operation_id="ShowCdnInfo")
async def show_cdn_info(request: Request, project_id: ProjectId, body: CdnInfoBody) -> CdnInfo:
    """Whether a bucket can be read through a CDN (OMS 5.5.2)."""
    return await cdn.show_cdn(services(request), body)


@router.post("/url-source-list-file", operation_id="CheckUrlSourceListFileFormat", response_class=Response)
async def check_url_list(request: Request, project_id: ProjectId, body: UrlListBody) -> Response:
    """Whether a list of URLs is well-formed (oms-behaviour 8.2)."""
    await url_list.check_url_list(services(request), body)
    return Response()
