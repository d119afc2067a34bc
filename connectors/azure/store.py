"""One container of an Azure account: reads are the S3 connector's, all else has a form of its own."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from connectors.azure import buckets, multipart, writes
from connectors.azure.channel import AzureChannel
from connectors.azure.listing import Listing
from connectors.objects import (
    Block,
    BucketInfo,
    ByteRange,
    Condition,
    FolderPage,
    Guard,
    ObjectHead,
    ObjectPage,
    OpenUpload,
    Pace,
    Part,
    ReadAnswer,
    Tags,
    WriteOptions,
    Written,
)
from connectors.s3 import tags
from connectors.s3.listing import Wanted
from connectors.s3.store import S3Store
from engine.failures import Operation

_DIRECTORY = "hdi_isfolder"


class AzureStore(S3Store):
    """A container of Azure Blob Storage; see `connectors.capabilities` for what each call promises."""

    def __init__(self, channel: AzureChannel, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(channel)
        self._listing = Listing(channel, clock)

    async def check_bucket(self) -> None:
        """See `BucketChecker`."""
        await buckets.check_container(self._channel)

    async def find_region(self) -> str:
        """See `RegionFinder`: never told, but the container must be there."""
        await buckets.check_container(self._channel, Operation.FIND_REGION)
        return ""

    async def list_buckets(self) -> tuple[BucketInfo, ...]:
        """See `BucketLister`."""
        return await buckets.list_containers(self._channel)

    async def list_page(self, prefix: bytes, after: bytes, limit: int = 1000) -> ObjectPage:
        """See `Lister`."""
        page = await self._listing.fetch(Wanted(prefix, after, limit))
        return ObjectPage(page.objects, page.last() if page.truncated else None)

    async def list_folder(self, prefix: bytes, after: bytes, limit: int = 1000) -> FolderPage:
        """See `FolderLister`."""
        page = await self._listing.fetch(Wanted(prefix, after, limit, "/"))
        return FolderPage(page.folders, page.objects, page.last() if page.truncated else None)

    async def read(self, key: bytes, guard: Guard, part: ByteRange | None = None) -> ReadAnswer:
        """See `Reader`. The ETag is that of one version, and listings name no other."""
        answer = await super().read(key, replace(guard, version=""), part)
        return replace(answer, head=_plain(answer.head))

    async def head(self, key: bytes) -> ObjectHead:
        """See `Reader`."""
        return _plain(await super().head(key))

    async def tags(self, key: bytes) -> Tags:
        """See `TagReader`."""
        return await tags.tags(self._channel, key, (("comp", "tags"),), "Tags")

    async def put(
        self, key: bytes, block: Block, options: WriteOptions, condition: Condition, pace: Pace | None = None
    ) -> Written:
        """See `Writer`."""
        return await writes.put(self._channel, key, block, options, condition, pace)

    async def create_upload(self, key: bytes, options: WriteOptions) -> str:
        """See `MultipartWriter`."""
        return await multipart.create_upload(self._channel, key, options)

    async def put_part(
        self, key: bytes, upload_id: str, number: int, block: Block, pace: Pace | None = None
    ) -> Part:
        """See `MultipartWriter`."""
        return await multipart.put_part(self._channel, key, upload_id, number, block, pace)

    async def list_parts(self, key: bytes, upload_id: str) -> tuple[Part, ...]:
        """See `MultipartWriter`."""
        return await multipart.list_parts(self._channel, key, upload_id)

    async def complete_upload(
        self, key: bytes, upload_id: str, parts: Sequence[Part], condition: Condition
    ) -> Written:
        """See `MultipartWriter`."""
        return await multipart.complete_upload(self._channel, key, upload_id, parts, condition)

    async def abort_upload(self, key: bytes, upload_id: str) -> None:
        """See `MultipartWriter`: nothing is sent, as the store drops blocks by itself."""

    async def list_uploads(self, prefix: bytes) -> tuple[OpenUpload, ...]:
        """See `UploadLister`."""
        return await multipart.list_uploads(self._channel, prefix)

    async def delete(self, key: bytes) -> None:
        """See `Deleter`."""
        await writes.delete(self._channel, key)

    async def restore(self, key: bytes, days: int, tier: str) -> None:
        """See `Restorer`: permanent, `days` have no meaning here."""
        await writes.restore(self._channel, key, tier)


def _plain(head: ObjectHead) -> ObjectHead:
    """Without the mark of a directory, which is no metadata of anybody's and could be kept nowhere else."""
    kept = tuple(pair for pair in head.properties.metadata if pair[0] != _DIRECTORY)
    return replace(head, properties=replace(head.properties, metadata=kept))
