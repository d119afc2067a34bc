"""Which clouds and regions there are (OMS 5.6, 5.7)."""

from typing import Final

from fastapi import APIRouter, Request

from api.clouds.schemas import CloudRegions, End, RegionInfo
from api.context import services
from api.errors import responses
from api.guard import ProjectRoute
from api.tasks.routes import ProjectId
from engine.regions import Regions
from engine.spec import CloudType

router = APIRouter(
    prefix="/v2/{project_id}/objectstorage",
    route_class=ProjectRoute,
    tags=["clouds"],
    responses=responses(400, 401, 403, 405, 503),
)

# In the order of the reference's example (OMS 5.6.1).
_SOURCES: Final = (
    CloudType.AWS,
    CloudType.ALIYUN,
    CloudType.QINIU,
    CloudType.QING_CLOUD,
    CloudType.TENCENT,
    CloudType.BAIDU,
    CloudType.KINGSOFT_CLOUD,
    CloudType.AZURE,
    CloudType.UCLOUD,
    CloudType.HUAWEI_CLOUD,
    CloudType.GOOGLE,
    CloudType.URL_SOURCE,
)


@router.get("/cloud-type", operation_id="ShowCloudType")
async def list_clouds(project_id: ProjectId, type: End) -> list[str]:  # noqa: A002 - the reference's name
    """What may be migrated from, or to (OMS 5.6.1)."""
    return [cloud.value for cloud in (_SOURCES if type is End.SOURCE else (CloudType.HEC,))]


@router.get("/data-center", operation_id="ShowRegionInfo")
async def list_regions(
    request: Request, project_id: ProjectId, cloud_type: CloudType | None = None
) -> list[CloudRegions]:
    """The regions of every cloud, or of one (OMS 5.7.1)."""
    regions = services(request).regions
    names = regions.clouds if cloud_type is None else [cloud_type.value]
    return [_listed(regions, name) for name in names if name in regions.clouds]


def _listed(regions: Regions, name: str) -> CloudRegions:
    found = regions.clouds[name]
    return CloudRegions(
        service_name=name,
        region_list=[
            RegionInfo(cloud_type=name, value=region.value, description=region.description)
            for region in found
        ],
    )
