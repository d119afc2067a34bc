"""Whether a bucket can be read through its CDN (OMS 5.5.2)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from api.buckets.browsing import key_text
from api.buckets.opening import answered, source_bucket
from api.buckets.schemas import CdnInfo, CdnInfoBody, CheckedKey
from api.context import Services
from api.errors import ApiError
from api.tasks.checks import check_cdn, refuse_unbuilt
from api.tasks.schemas import CdnBody
from connectors.capabilities import BrowsableStore
from connectors.cdn import CdnProbe, CdnSight, cdn_target
from connectors.objects import ObjectInfo
from connectors.wire import Target, WireFailure
from engine.cdn import CdnAccess
from engine.cdn_vendors import cdn_vendor, same_vendor

SAMPLE: Final = 5
_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class _Seen:
    """A key that was asked for, the bucket's object of that name, and the CDN's."""

    key: bytes
    info: ObjectInfo | None
    sight: CdnSight

    @property
    def downloadable(self) -> bool:
        return self.info is not None and self.sight.found and self.sight.size in (None, self.info.size)

    def checked(self) -> CheckedKey:
        etag = "" if self.info is None else self.info.etag
        return CheckedKey(
            key=key_text(self.key),
            is_etag_matching=bool(etag) and self.sight.found and self.sight.etag == etag,
            is_object_existing=self.sight.found,
        )


async def show_cdn(parts: Services, body: CdnInfoBody) -> CdnInfo:
    """Fetches a sample through the CDN: the keys asked for, else the bucket's first five. Raises ApiError."""
    check_cdn(body.source_cdn)
    target = _target(parts, body.source_cdn)
    store = source_bucket(parts, body, body.region, body.bucket)
    if body.source_cdn.crypto_type == "KMS":
        refuse_unbuilt(["source_cdn.crypto_type"])
    probe = CdnProbe(parts.wire, target, _access(body, target))
    async with answered():
        wanted = await _sample(store, body.prefix.keys if body.prefix else [""])
        seen = await _look_at_all(probe, wanted)
    headers = frozenset[str]().union(*(one.sight.headers for one in seen))
    vendor = cdn_vendor(body.source_cdn.authentication_type, target.host, headers)
    return CdnInfo(
        is_same_cloud_type=same_vendor(body.cloud_type, vendor),
        is_download_available=bool(seen) and all(one.downloadable for one in seen),
        checked_keys=[one.checked() for one in seen],
    )


def _target(parts: Services, cdn: CdnBody) -> Target:
    try:
        return cdn_target(parts.endpoints, cdn.protocol.value, cdn.domain)
    except ValueError as error:
        raise ApiError("OMS.0001", f"source_cdn.domain: {error}") from error


def _access(body: CdnInfoBody, target: Target) -> CdnAccess:
    cdn = body.source_cdn
    return CdnAccess(
        origin=f"{target.scheme}://{target.authority}",
        kind=cdn.authentication_type,
        key=cdn.authentication_key.get_secret_value() if cdn.authentication_key else "",
        access_key=body.ak.get_secret_value() if body.ak else "",
        secret_key=body.sk.get_secret_value() if body.sk else "",
        bucket=body.bucket,
    )


async def _sample(store: BrowsableStore, keys: Sequence[str]) -> dict[bytes, ObjectInfo | None]:
    """The objects to look at by key; None for a key that names nothing in the bucket."""
    turns = asyncio.Semaphore(_AT_ONCE)

    async def some(key: bytes) -> dict[bytes, ObjectInfo | None]:
        async with turns:
            page = await store.list_page(key, b"", 100)
        infos = {info.key: info for info in page.objects if not info.key.endswith(b"/")}
        if key and key in infos:
            return {key: infos[key]}
        sample: dict[bytes, ObjectInfo | None] = dict(list(infos.items())[:SAMPLE])
        return sample or ({key: None} if key else {})

    found: dict[bytes, ObjectInfo | None] = {}
    for one in await asyncio.gather(*(some(key.encode()) for key in dict.fromkeys(keys))):
        found |= one
    return found


async def _look_at_all(probe: CdnProbe, wanted: dict[bytes, ObjectInfo | None]) -> list[_Seen]:
    turns = asyncio.Semaphore(_AT_ONCE)

    async def look(key: bytes, info: ObjectInfo | None) -> _Seen:
        if info is None:
            return _Seen(key, None, CdnSight())
        async with turns:
            return _Seen(key, info, await probe.look(key, info.size))

    try:
        return await asyncio.gather(*(look(key, info) for key, info in wanted.items()))
    except WireFailure as failure:
        raise ApiError("OMS.0151", "source_cdn.domain: this address may not be dialled") from failure
