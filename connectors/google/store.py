"""One bucket of Google Cloud Storage. Uploads in parts are those of the XML interface, and so the S3 connector's."""

from connectors.endpoints import Endpoints
from connectors.errors import Rejected
from connectors.google import buckets, listing, reads, writes
from connectors.google.accounts import ServiceAccount
from connectors.google.channel import GoogleChannel
from connectors.google.tokens import Tokens, token_url
from connectors.objects import (
    Block,
    BucketInfo,
    ByteRange,
    Condition,
    FolderPage,
    Guard,
    ObjectHead,
    ObjectPage,
    Pace,
    ReadAnswer,
    WriteOptions,
    Written,
)
from connectors.s3.place import Place
from connectors.s3.store import S3Store
from connectors.wire import Wire
from engine.failures import Meaning, Operation, Side

_SCOPE = "https://www.googleapis.com/auth/devstorage."


class GoogleStore(S3Store):
    """A bucket of Google Cloud Storage; see `connectors.capabilities` for what each call promises."""

    _channel: GoogleChannel

    @classmethod
    def opened(
        cls, wire: Wire, place: Place, account: ServiceAccount, name: str, side: Side, endpoints: Endpoints
    ) -> "GoogleStore":
        """The store; a source's tokens can only read. Raises KeyFileError for a token URL that may not be dialled."""
        scope = _SCOPE + ("read_only" if side is Side.SOURCE else "read_write")
        tokens = Tokens(wire, account, token_url(account.token_url, endpoints), scope)
        return cls(GoogleChannel(wire, place, name, tokens, account.project))

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
        return await listing.list_folder(self._channel, prefix, after, limit)

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

    async def delete(self, key: bytes) -> None:
        """See `Deleter`."""
        await writes.delete(self._channel, key)

    async def restore(self, key: bytes, days: int, tier: str) -> None:
        """See `Restorer`. All classes can be read at once, so there is nothing to restore."""
        raise Rejected(Meaning.REJECTED, Operation.RESTORE, message="no class of this store is archived")
