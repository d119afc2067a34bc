"""One bucket of Baidu BOS: what it answers in JSON is read here, all else is the S3 connector's."""

from collections.abc import Sequence

from connectors.bos import multipart
from connectors.bos.listing import JsonPages
from connectors.objects import (
    BucketInfo,
    Condition,
    FolderPage,
    ObjectPage,
    OpenUpload,
    Part,
    WriteOptions,
    Written,
)
from connectors.s3 import folders, listing, restore
from connectors.s3.channel import Ask
from connectors.s3.errors import broken
from connectors.s3.json_answers import parsed
from connectors.s3.store import S3Store
from engine.failures import Operation

_PAGES = JsonPages()
# BOS's own word for the slowest tier.
_TIERS = {"Bulk": "LowCost"}


class BosStore(S3Store):
    """A bucket of Baidu BOS; see `connectors.capabilities` for what each call promises."""

    async def find_region(self) -> str:
        """See `RegionFinder`."""
        answer = await self._channel.call(Ask(Operation.FIND_REGION, "GET", query=(("location", None),)))
        return parsed(Operation.FIND_REGION, answer).text("locationConstraint")

    async def list_buckets(self) -> tuple[BucketInfo, ...]:
        """See `BucketLister`."""
        operation = Operation.LIST_BUCKETS
        answer = await self._channel.call(Ask(operation, "GET", service=True))
        try:
            return tuple(
                BucketInfo(one.text("name"), one.text("location"))
                for one in parsed(operation, answer).all("buckets")
            )
        except ValueError as error:
            raise broken(operation, answer, str(error)[:200]) from error

    async def list_page(self, prefix: bytes, after: bytes, limit: int = 1000) -> ObjectPage:
        """See `Lister`."""
        return await listing.list_page(self._channel, prefix, after, limit, _PAGES)

    async def list_folder(self, prefix: bytes, after: bytes, limit: int = 1000) -> FolderPage:
        """See `FolderLister`."""
        return await folders.list_folder(self._channel, prefix, after, limit, _PAGES)

    async def create_upload(self, key: bytes, options: WriteOptions) -> str:
        """See `MultipartWriter`."""
        return await multipart.create_upload(self._channel, key, options)

    async def list_parts(self, key: bytes, upload_id: str) -> tuple[Part, ...]:
        """See `MultipartWriter`."""
        return await multipart.list_parts(self._channel, key, upload_id)

    async def complete_upload(
        self, key: bytes, upload_id: str, parts: Sequence[Part], condition: Condition
    ) -> Written:
        """See `MultipartWriter`."""
        return await multipart.complete_upload(self._channel, key, upload_id, parts, condition)

    async def list_uploads(self, prefix: bytes) -> tuple[OpenUpload, ...]:
        """See `UploadLister`."""
        return await multipart.list_uploads(self._channel, prefix)

    async def restore(self, key: bytes, days: int, tier: str) -> None:
        """See `Restorer`. Days and tier are headers here."""
        headers = (("x-bce-restore-days", str(days)), ("x-bce-restore-tier", _TIERS.get(tier, tier)))
        await restore.send(self._channel, Ask(Operation.RESTORE, "POST", key, (("restore", None),), headers))
