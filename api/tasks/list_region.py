"""Whether a list file lies in the destination's region, asked of OBS before the task is taken (OMS 5.2.3 ListFile)."""

import asyncio

from api.context import Services
from api.errors import ApiError
from connectors.capabilities import RegionFinder
from connectors.endpoints import EndpointError
from connectors.errors import StoreError
from connectors.locations import Credentials, Location
from connectors.registry import UnsupportedCloud, open_store
from connectors.wire import Wire
from engine.failures import Side
from engine.spec import CloudType, TaskSpec

LOOK_SECONDS = 5.0


async def check_list_region(parts: Services, spec: TaskSpec, keys: Credentials) -> None:
    """Raises ApiError S3M.0082 when the list's bucket is in another region than the destination.

    Only OBS names its regions as tasks do; other stores, and those that do not answer, are judged by the run.
    """
    listed, region = spec.source.list_file, spec.destination.region
    if listed is None:
        return
    location = Location(CloudType.HEC.value, region, listed.bucket, Side.DESTINATION)
    try:
        if parts.endpoints.find(CloudType.HEC.value, region).dialect.name != "obs":
            return
        async with asyncio.timeout(LOOK_SECONDS), Wire() as wire:
            store = open_store(location, keys, wire, parts.endpoints)
            found = await store.find_region() if isinstance(store, RegionFinder) else ""
    except (StoreError, TimeoutError, EndpointError, UnsupportedCloud, ValueError):
        return
    if found and found != region:
        raise ApiError("S3M.0082", f"src_node.list_file.obs_bucket is in {found}")
