"""Which buckets an account has, and where one of them is (OMS 5.5.3, 5.5.4). A request names no region for these."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from api.buckets.opening import (
    REGION_FAILED,
    answered,
    check_account,
    check_name,
    credentials_of,
    location_of,
    open_bucket,
    opened,
)
from api.buckets.schemas import AccountBody, BucketRegion, BucketRegionBody
from api.context import Services
from connectors.errors import StoreError
from connectors.registry import open_account
from engine.regions import region_name
from engine.spec import CloudType

T = TypeVar("T")


async def list_buckets(parts: Services, body: AccountBody) -> list[str]:
    """The names of all buckets that the keys show, in order. Raises ApiError."""
    check_account(body, parts.endpoints)

    async def ask(region: str) -> list[str]:
        with opened():
            account = open_account(
                body.cloud_type.value, region, credentials_of(body), parts.wire, parts.endpoints
            )
        return [bucket.name for bucket in await account.list_buckets()]

    async with answered():
        found = await _ask_all(_regions(parts, body.cloud_type), ask)
    return sorted({name for names in found for name in names})


async def find_region(parts: Services, body: BucketRegionBody) -> BucketRegion:
    """Where the bucket is and whether it can be migrated from there. Raises ApiError."""
    check_account(body, parts.endpoints)
    check_name("bucket_name", body.bucket_name)
    cloud = body.cloud_type.value

    async def ask(region: str) -> str:
        store = open_bucket(parts, location_of(body, region, body.bucket_name), credentials_of(body))
        told = await store.find_region()
        return region_name(cloud, told, region)

    async with answered(REGION_FAILED):
        found = await _ask_all(_regions(parts, body.cloud_type), ask)
    return _described(parts, cloud, found[0])


def _described(parts: Services, cloud: str, region: str) -> BucketRegion:
    description = parts.regions.description(cloud, region)
    supported = description is not None or parts.endpoints.has_line(cloud, region)
    return BucketRegion(id=region, name=description or region, support=supported)


def _regions(parts: Services, cloud: CloudType) -> tuple[str, ...]:
    own = parts.settings.region if cloud in (CloudType.HUAWEI_CLOUD, CloudType.HEC) else None
    return parts.endpoints.home_regions(cloud.value, parts.regions.home(cloud.value, own))


async def _ask_all(regions: tuple[str, ...], ask: Callable[[str], Awaitable[T]]) -> list[T]:
    """What those answer that take the keys. Raises the first StoreError when none does."""
    answers, refusals = list[T](), list[StoreError]()
    for region in regions:
        try:
            answers.append(await ask(region))
        except StoreError as error:
            refusals.append(error)
    if not answers:
        raise refusals[0]
    return answers
