"""One bucket of an S3-compatible store, with every ability that a migration needs."""

from collections.abc import Sequence

from connectors.objects import (
    Block,
    BucketInfo,
    ByteRange,
    Condition,
    Encryption,
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
from connectors.s3 import buckets, folders, listing, multipart, reads, restore, tags, writes
from connectors.s3.channel import Channel
from connectors.traits import Traits


class S3Store:
    """Satisfies `SourceStore` and `DestinationStore`; see `connectors.capabilities` for what each call promises."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    @property
    def traits(self) -> Traits:
        """The dialect's limits."""
        return self._channel.dialect.traits

    @property
    def name(self) -> str:
        """`endpoint/bucket@account`; the account is a digest of the access key, never the key."""
        return self._channel.name

    async def check_bucket(self) -> None:
        """See `BucketChecker`."""
        await buckets.check_bucket(self._channel)

    async def find_region(self) -> str:
        """See `RegionFinder`."""
        return await buckets.find_region(self._channel)

    async def list_buckets(self) -> tuple[BucketInfo, ...]:
        """See `BucketLister`."""
        return await buckets.list_buckets(self._channel)

    async def list_page(self, prefix: bytes, after: bytes, limit: int = 1000) -> ObjectPage:
        """See `Lister`."""
        return await listing.list_page(self._channel, prefix, after, limit)

    async def list_folder(self, prefix: bytes, after: bytes, limit: int = 1000) -> FolderPage:
        """See `FolderLister`."""
        return await folders.list_folder(self._channel, prefix, after, limit)

    async def head(self, key: bytes) -> ObjectHead:
        """See `Reader`."""
        return await reads.head(self._channel, key)

    async def read(self, key: bytes, guard: Guard, part: ByteRange | None = None) -> ReadAnswer:
        """See `Reader`."""
        return await reads.read(self._channel, key, guard, part)

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
        """See `MultipartWriter`."""
        await multipart.abort_upload(self._channel, key, upload_id)

    async def list_uploads(self, prefix: bytes) -> tuple[OpenUpload, ...]:
        """See `UploadLister`."""
        return await multipart.list_uploads(self._channel, prefix)

    async def delete(self, key: bytes) -> None:
        """See `Deleter`."""
        await writes.delete(self._channel, key)

    async def restore(self, key: bytes, days: int, tier: str) -> None:
        """See `Restorer`."""
        await restore.restore(self._channel, key, days, tier)

    async def tags(self, key: bytes) -> Tags:
        """See `TagReader`."""
        return await tags.tags(self._channel, key)

    async def is_file_system(self) -> bool:
        """See `FileSystemTeller`; nothing is asked where the vendor has none."""
        return self._channel.dialect.file_systems and await buckets.is_file_system(self._channel)

    async def default_encryption(self) -> Encryption:
        """See `DefaultEncryption`."""
        return await tags.default_encryption(self._channel)
