"""One bucket of QingStor: what it answers in JSON is read here, all else is the S3 connector's."""

from collections.abc import Sequence

from connectors.errors import Rejected
from connectors.objects import (
    Block,
    BucketInfo,
    Condition,
    FolderPage,
    ObjectPage,
    OpenUpload,
    Pace,
    Part,
    WalkedPage,
    WriteOptions,
    Written,
)
from connectors.qingstor import multipart
from connectors.qingstor.listing import QingPages
from connectors.s3 import walking
from connectors.s3.channel import Ask
from connectors.s3.errors import broken
from connectors.s3.json_answers import parsed
from connectors.s3.listing import Wanted
from connectors.s3.store import S3Store
from engine.failures import Meaning, Operation

_PAGES = QingPages()


class QingStore(S3Store):
    """A bucket of QingStor; see `connectors.capabilities` for what each call promises."""

    async def find_region(self) -> str:
        """See `RegionFinder`. The vendor tells it in the list of all buckets only."""
        bucket = self._channel.place.bucket
        return next((one.region for one in await self.list_buckets() if one.name == bucket), "")

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

    async def walk_page(self, prefix: bytes, marker: bytes) -> WalkedPage:
        """See `Walker`."""
        return await walking.walk_page(self._channel, prefix, marker, _PAGES)

    async def list_page(self, prefix: bytes, after: bytes, limit: int = 1000) -> ObjectPage:
        """See `Lister`."""
        page = await walking.smallest(self._channel, Wanted(prefix, after, limit), _PAGES)
        return ObjectPage(page.objects, page.last() if page.truncated else None)

    async def list_folder(self, prefix: bytes, after: bytes, limit: int = 1000) -> FolderPage:
        """See `FolderLister`."""
        page = await walking.smallest(self._channel, Wanted(prefix, after, limit, "/"), _PAGES)
        return FolderPage(page.folders, page.objects, page.last() if page.truncated else None)

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
        """See `MultipartWriter`."""
        await multipart.abort_upload(self._channel, key, upload_id)

    async def list_uploads(self, prefix: bytes) -> tuple[OpenUpload, ...]:
        """See `UploadLister`."""
        return await multipart.list_uploads(self._channel, prefix)

    async def restore(self, key: bytes, days: int, tier: str) -> None:
        """See `Restorer`. There is nothing to restore: the vendor has no archive."""
        await self.head(key)
        raise Rejected(Meaning.REJECTED, Operation.RESTORE, message="this store has no archive")
