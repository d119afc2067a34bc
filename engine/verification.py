"""Is what the destination holds what the source holds? Decided from two listings, two HEADs, or the bytes (P-08)."""

import re
from dataclasses import dataclass
from enum import StrEnum

from engine.policy import UNKNOWN

_MD5 = re.compile(r"[0-9a-f]{32}")


class Same(StrEnum):
    """What shows that two objects are equal, the weakest first."""

    SIZE = "size"
    ETAG = "etag"
    CRC64 = "crc64"
    READBACK = "readback"


class Different(StrEnum):
    """How an object differs; the code of a finding."""

    MISSING = "DST_OBJ_MISSING"
    SIZE = "SIZE_DIFFERS"
    CONTENT = "CONTENT_DIFFERS"
    SOURCE_GONE = "SRC_OBJ_MISSING"


class Unsettled(StrEnum):
    """What must be looked at before anything can be said."""

    HEADS = "heads"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class Seen:
    """One side's object. `etag_is_md5`: its store gives an MD5 unless the object is `opaque` (SSE-KMS, SSE-C).

    `headed`: it was asked for by itself, so what is missing stays so; a listing does not tell `opaque` and `crc64`.
    """

    size: int
    modified_ms: int
    etag: str
    etag_is_md5: bool
    crc64: int | None = None
    opaque: bool = False
    headed: bool = False

    @property
    def md5(self) -> str:
        """The MD5 that the ETag is, "" when it is none."""
        known = self.etag_is_md5 and not self.opaque
        return self.etag if known and _MD5.fullmatch(self.etag) else ""


def compare(source: Seen, destination: Seen | None) -> Same | Different | Unsettled:
    """What the facts of both sides say. Times are compared in whole seconds.

    An equal size with a source that is newer than the copy is settled by the bytes alone.
    """
    if destination is None:
        return Different.MISSING
    if source.size == UNKNOWN:
        return Unsettled.HEADS
    if source.size != destination.size:
        return Different.SIZE
    if source.crc64 is not None and destination.crc64 is not None:
        return Same.CRC64 if source.crc64 == destination.crc64 else Different.CONTENT
    if source.etag and source.etag == destination.etag:
        return Same.ETAG
    if source.md5 and destination.md5:
        return Different.CONTENT if source.headed and destination.headed else Unsettled.HEADS
    if source.modified_ms // 1000 > destination.modified_ms // 1000:
        return Unsettled.BYTES
    return Same.SIZE
