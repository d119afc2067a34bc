"""Whether the list of failed objects is still at the destination before they are tried again (oms-behaviour 2.3)."""

import asyncio
from dataclasses import dataclass

from api.context import Services
from api.errors import ApiError
from connectors.endpoints import EndpointError
from connectors.errors import NotFound, StoreError
from connectors.locations import Credentials, Location
from connectors.registry import UnsupportedCloud, open_store
from connectors.wire import Wire
from engine.failures import Side
from engine.spec import CloudType, DestinationNode

LOOK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class FailedList:
    """Where the list should be; `key` None: it was never written."""

    destination: DestinationNode
    key: str | None
    requester_pays: bool


async def check_failed_list(parts: Services, listed: FailedList, keys: Credentials) -> None:
    """Raises ApiError OMS.0167 when the list is gone, OMS.1027 when it is empty.

    A destination that does not answer is not judged here: the run's own check names the cause.
    """
    if listed.key is None:
        raise ApiError("OMS.0167")
    size = await _size(parts, listed, keys)
    if size == 0:
        raise ApiError("OMS.1027")


async def _size(parts: Services, listed: FailedList, keys: Credentials) -> int | None:
    where = listed.destination
    location = Location(
        CloudType.HEC.value, where.region, where.bucket, Side.DESTINATION, listed.requester_pays
    )
    try:
        async with asyncio.timeout(LOOK_SECONDS), Wire() as wire:
            store = open_store(location, keys, wire, parts.endpoints)
            return (await store.head((listed.key or "").encode())).info.size
    except NotFound as error:
        raise ApiError("OMS.0167") from error
    except (StoreError, TimeoutError, EndpointError, UnsupportedCloud, ValueError):
        return None
