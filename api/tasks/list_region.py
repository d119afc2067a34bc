"""Whether the list of a new task lies in the destination's region, as it must (OMS 5.2.3 ListFile)."""

import asyncio

from api.context import Services
from api.errors import ApiError
from connectors.capabilities import RegionFinder
from connectors.endpoints import EndpointError
from connectors.errors import StoreError
from connectors.locations import Credentials, Location
from connectors.registry import UnsupportedCloud, open_store
from engine.failures import Meaning, Side
from engine.spec import CloudType, TaskSpec

LOOK_SECONDS = 10.0


async def check_list_region(parts: Services, spec: TaskSpec, keys: Credentials) -> None:
    """Raises ApiError S3M.0082 when the list's bucket is in another region than the destination.

    A store that does not answer or does not say is not judged here: the run's own check names the cause.
    """
    listed, destination = spec.source.list_file, spec.destination
    if listed is None or listed.bucket == destination.bucket:
        return
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            regions = [await _region(parts, spec, name, keys) for name in (destination.bucket, listed.bucket)]
    except StoreError as error:
        if error.meaning is not Meaning.WRONG_REGION:
            return
        raise ApiError("S3M.0082", "src_node.list_file.obs_bucket") from error
    except (TimeoutError, EndpointError, UnsupportedCloud, ValueError):
        return
    if regions[0] != regions[1]:
        raise ApiError("S3M.0082", f"src_node.list_file.obs_bucket: it is in {regions[1]}")


async def _region(parts: Services, spec: TaskSpec, bucket: str, keys: Credentials) -> str:
    location = Location(
        CloudType.HEC.value, spec.destination.region, bucket, Side.DESTINATION, spec.requester_pays
    )
    store = open_store(location, keys, parts.wire, parts.endpoints)
    return await store.find_region() if isinstance(store, RegionFinder) else ""
