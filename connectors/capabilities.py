"""What a store can do, each ability a small Protocol. Ask for the smallest that will do.

Every method is one logical request: no retries inside (the one retry layer is workers/transfer/calls.py), except
a single re-signed repeat where a store names its right region, host or clock (clouds.md A4, D2).
Every method raises only `connectors.errors.StoreError`s.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

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
    WalkedPage,
    WriteOptions,
    Written,
)
from connectors.traits import Traits


class Described(Protocol):
    """Every store: its limits, and a stable name (`endpoint/bucket@account`) that shares one window and counters."""

    @property
    def traits(self) -> Traits: ...
    @property
    def name(self) -> str: ...


class BucketChecker(Protocol):
    async def check_bucket(self) -> None:
        """Return when the bucket exists and the keys may reach it; else Fatal (NO_BUCKET, ACCESS_DENIED, ...)."""
        ...


class BucketLister(Protocol):
    async def list_buckets(self) -> tuple[BucketInfo, ...]: ...


@runtime_checkable
class RegionFinder(Protocol):
    async def find_region(self) -> str:
        """The region name the vendor gives for the bucket, "" when it does not say."""
        ...


class Lister(Protocol):
    async def list_page(self, prefix: bytes, after: bytes, limit: int = 1000) -> ObjectPage:
        """Keys under `prefix` that are greater than `after` (b"": from the start), at most `limit`.

        Order, progress of the marker and completeness are checked (P-14, P-15): a repeated token, a page out of
        order, a truncated page without a way on, or XML that is not one whole document raises Corrupted
        (BROKEN_LISTING), never an end. Keys that the store repeats at or below `after` are dropped.
        """
        ...


@runtime_checkable
class Walker(Protocol):
    """A store whose listing is in an order of its own (`Traits.ordered` is False)."""

    async def walk_page(self, prefix: bytes, marker: bytes) -> WalkedPage:
        """One page of the keys under `prefix`, in no order that can be relied on; `marker` b"" is the start.

        A page that is truncated and names no new marker, or holds a key outside the prefix, raises Corrupted
        (BROKEN_LISTING). Whether a marker comes twice is for the caller to watch, who walks. `list_page` of such a
        store keeps its promise too, by a walk over everything for each page.
        """
        ...


class FolderLister(Protocol):
    async def list_folder(self, prefix: bytes, after: bytes, limit: int = 1000) -> FolderPage:
        """One level below `prefix`: what is greater than `after`, at most `limit` folders and objects together.

        Keys with a slash after the prefix show as one folder. An object that is the prefix itself is listed.
        Checked as `Lister.list_page` is.
        """
        ...


class Reader(Protocol):
    async def head(self, key: bytes) -> ObjectHead: ...

    async def read(self, key: bytes, guard: Guard, part: ByteRange | None = None) -> ReadAnswer:
        """Exactly the bytes of `part` (None: the whole object, of `guard.size` bytes), stored bytes, of that version.

        Changed when the version differs (412, other ETag, size or Content-Range total); Corrupted when the body is
        short or long; a 200 to a ranged request is taken only if the range was the whole object.
        """
        ...


class ReadStream(Protocol):
    """An object that is read from front to back, once. `head` is as the answer told it, `start` its first byte.

    `framed` False: only the end of the connection will end it, so that nobody can tell a whole from a cut one.
    """

    @property
    def head(self) -> ObjectHead: ...
    @property
    def start(self) -> int: ...
    @property
    def framed(self) -> bool: ...

    async def read(self, most: int) -> bytes:
        """Up to `most` bytes; b"" at the end, which is proven. Raises Corrupted for any other end."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class Streamer(Protocol):
    async def stream(self, key: bytes, guard: Guard, start: int = 0) -> ReadStream:
        """The object from `start` on, or from 0 when the source does not go on there; closed by the caller.

        `guard.size` -1: nobody knows it. Changed when the version differs.
        """
        ...


class Writer(Protocol):
    async def put(
        self, key: bytes, block: Block, options: WriteOptions, condition: Condition, pace: Pace | None = None
    ) -> Written:
        """Store one whole object with Content-MD5; visible completely or not at all.

        `pace` is awaited before each piece of the body. PreconditionFailed when `condition` does not hold.
        """
        ...


class MultipartWriter(Protocol):
    async def create_upload(self, key: bytes, options: WriteOptions) -> str: ...

    async def put_part(
        self, key: bytes, upload_id: str, number: int, block: Block, pace: Pace | None = None
    ) -> Part: ...

    async def list_parts(self, key: bytes, upload_id: str) -> tuple[Part, ...]: ...

    async def complete_upload(
        self, key: bytes, upload_id: str, parts: Sequence[Part], condition: Condition
    ) -> Written:
        """A 200 counts only with the result element and its ETag. NotFound(NO_UPLOAD) when the upload is gone."""
        ...

    async def abort_upload(self, key: bytes, upload_id: str) -> None:
        """Idempotent: an upload that is gone is no error."""
        ...


class UploadLister(Protocol):
    async def list_uploads(self, prefix: bytes) -> tuple[OpenUpload, ...]: ...


class Deleter(Protocol):
    async def delete(self, key: bytes) -> None:
        """Idempotent."""
        ...


@runtime_checkable
class Restorer(Protocol):
    async def restore(self, key: bytes, days: int, tier: str) -> None:
        """Ask an archived object back for `days` (0: as the store has it); `head` shows when it can be read.

        `tier` is Expedited, Standard, Bulk or "" for a class that has one speed (clouds.md C2). Idempotent: a restore
        that runs, or has ended, is no error. Rejected when the object is not archived or the tier does not fit its
        class. What it does to the source is `Traits.restore`.
        """
        ...


@runtime_checkable
class TagReader(Protocol):
    async def tags(self, key: bytes) -> Tags:
        """The tags of an object; a write takes them with `WriteOptions.tags` where `Traits.tags` holds."""
        ...


@runtime_checkable
class DefaultEncryption(Protocol):
    async def default_encryption(self) -> Encryption:
        """What the bucket does to objects that ask for nothing. Denied to who may not know."""
        ...


@runtime_checkable
class FileSystemTeller(Protocol):
    async def is_file_system(self) -> bool:
        """Whether the bucket is a parallel file system, whose names are paths."""
        ...


class ServerSideCopier(Protocol):
    async def copy(
        self, source_bucket: str, source_key: bytes, key: bytes, options: WriteOptions
    ) -> Written: ...


class BrowsableStore(BucketChecker, RegionFinder, Lister, FolderLister, Reader, Protocol):
    """What a person looks into before a migration (OMS 5.5)."""


class SourceStore(Described, BucketChecker, Lister, Reader, Protocol):
    """What a migration reads from."""


class DestinationStore(
    Described, BucketChecker, Lister, Reader, Writer, MultipartWriter, UploadLister, Deleter, Protocol
):
    """What a migration writes to."""
