"""The values that cross the border between engine and store. Keys are bytes, sizes in bytes, instants ms UTC."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum

from engine.values import value

# Names and values, in the order the store tells them.
Tags = tuple[tuple[str, str], ...]

# Awaited with a number of body bytes before they are written to a socket (design.md 3.4).
Pace = Callable[[int], Awaitable[None]]


class Availability(StrEnum):
    """Whether an object can be read now (clouds.md C2)."""

    READABLE = "readable"
    ARCHIVED = "archived"
    RESTORING = "restoring"


class StorageClass(StrEnum):
    """The destination classes of OMS (dst_storage_policy without SRC_STORAGE_MAPPING)."""

    STANDARD = "STANDARD"
    IA = "IA"
    ARCHIVE = "ARCHIVE"
    DEEP_ARCHIVE = "DEEP_ARCHIVE"


class Encryption(StrEnum):
    """How a store says an object is encrypted at rest."""

    NONE = "none"
    AES256 = "aes256"
    KMS = "kms"
    CUSTOMER_KEY = "customer_key"


@value(frozen=True, slots=True)
class ObjectInfo:
    """One object as a listing shows it. `storage_class` is the vendor's own word, "" when the store names none."""

    key: bytes
    size: int
    modified_ms: int
    etag: str
    storage_class: str = ""
    availability: Availability = Availability.READABLE
    version: str = ""


@value(frozen=True, slots=True)
class ObjectPage:
    """One parsed page in UTF-8 byte order; the listing goes on after the last key while `truncated`.

    `after` is what to hand to the next `list_page` (None at the end). A page may be empty and truncated
    only when the store gave a marker that is greater than the one sent.
    """

    objects: tuple[ObjectInfo, ...]
    after: bytes | None

    @property
    def truncated(self) -> bool:
        """True while the store says there is more."""
        return self.after is not None


@dataclass(frozen=True, slots=True)
class WalkedPage:
    """One parsed page in the store's own order; `marker` is what to hand to the next `walk_page` (None at the end)."""

    objects: tuple[ObjectInfo, ...]
    marker: bytes | None


@dataclass(frozen=True, slots=True)
class FolderPage:
    """One page of one level: the folders (whole keys up to and with their slash) and the objects, each in order.

    `after` is what to hand to the next `list_folder` (None at the end).
    """

    folders: tuple[bytes, ...]
    objects: tuple[ObjectInfo, ...]
    after: bytes | None


@value(frozen=True, slots=True)
class Properties:
    """Headers that travel with an object; metadata names are lower case, without the vendor's prefix."""

    content_type: str = ""
    content_encoding: str = ""
    content_disposition: str = ""
    content_language: str = ""
    cache_control: str = ""
    expires: str = ""
    metadata: tuple[tuple[str, str], ...] = ()


@value(frozen=True, slots=True)
class ObjectHead:
    """What HEAD (or the headers of a GET) tells of one object. `crc64` is CRC-64/XZ where the store gives it; `md5`
    the raw digest where the store tells one beside the ETag; `tag_count` how many tags it has, as far as the store
    says so without being asked.

    `ranged` False: only the whole can be read, piece by piece.
    """

    info: ObjectInfo
    properties: Properties
    encryption: Encryption = Encryption.NONE
    crc64: int | None = None
    upload_id: str = ""
    md5: bytes | None = None
    tag_count: int = 0
    ranged: bool = True


@value(frozen=True, slots=True)
class ByteRange:
    """`length` bytes from `start`; never empty."""

    start: int
    length: int

    @property
    def last(self) -> int:
        """The inclusive end, as the Range header wants it."""
        return self.start + self.length - 1


@value(frozen=True, slots=True)
class Guard:
    """What a read must still find: the version that was listed. `size` is the whole object's."""

    etag: str
    size: int
    version: str = ""


@value(frozen=True, slots=True)
class Block:
    """Bytes in memory, at most one part, with their hashes: `md5` raw 16 bytes, `crc64` CRC-64/XZ."""

    data: bytes | bytearray | memoryview
    md5: bytes
    crc64: int

    def __len__(self) -> int:
        """Bytes."""
        return len(self.data)


@value(frozen=True, slots=True)
class ReadAnswer:
    """The exact bytes that were asked for, and the headers of that answer (no HEAD needed)."""

    data: bytes | bytearray
    head: ObjectHead


@value(frozen=True, slots=True)
class Condition:
    """What must hold at the destination key for a write to take effect: nothing, no object, or this ETag."""

    absent: bool = False
    etag: str = ""

    @property
    def bound(self) -> bool:
        """True when the write is conditional."""
        return self.absent or bool(self.etag)


ANY = Condition()
ABSENT = Condition(absent=True)


@value(frozen=True, slots=True)
class WriteOptions:
    """How an object is to be stored. `kms` asks for SSE-KMS; False leaves it to the bucket.

    `left` names what of the source object could not be taken along; it is for the record, not for the store.
    """

    properties: Properties = field(default_factory=Properties)
    storage_class: StorageClass = StorageClass.STANDARD
    kms: bool = False
    tags: Tags = ()
    left: str = ""


@value(frozen=True, slots=True)
class Written:
    """The headers of the answer that made an object visible; "" and None where the store says nothing.

    `answered_ms` is the answer's Date. `encryption` is what the answer claims.
    """

    etag: str
    version: str = ""
    crc64: int | None = None
    encryption: Encryption = Encryption.NONE
    answered_ms: int = 0


@value(frozen=True, slots=True)
class Part:
    """One stored part of an upload."""

    number: int
    etag: str
    size: int
    crc64: int | None = None


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """An unfinished multipart upload as the store lists it."""

    key: bytes
    upload_id: str
    initiated_ms: int


@dataclass(frozen=True, slots=True)
class BucketInfo:
    """A bucket of an account."""

    name: str
    region: str = ""
