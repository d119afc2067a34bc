"""What web servers answer, as errors and as facts about an object (clouds.md B11)."""

import base64
import binascii
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

from connectors.errors import (
    Changed,
    Corrupted,
    Denied,
    NotFound,
    Rejected,
    StoreError,
    Throttled,
    Unavailable,
)
from connectors.objects import ObjectHead, ObjectInfo, Properties
from connectors.wire import WireFailure
from engine.failures import Meaning, Operation
from engine.policy import UNKNOWN

_GOOG_MD5: Final = re.compile(r"(?:^|,)\s*md5=([A-Za-z0-9+/]{22}==)")
_CRC64: Final = ("x-oss-hash-crc64ecma", "x-cos-hash-crc64ecma", "x-obs-hash-crc64ecma")
_CONTENT_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_EMPTY_RANGE: Final = re.compile(r"bytes \*/(\d+)")
_CORRUPT: Final = frozenset({Meaning.CUT_SHORT, Meaning.BROKEN_ANSWER})


def refused(failure: WireFailure, operation: Operation) -> StoreError:
    """No answer came, or none that can be used. Nothing tells a closed port from a filtered one."""
    if failure.meaning is Meaning.UNAVAILABLE:
        return Unavailable(failure.meaning, operation, message="no usable answer came")
    kind = Corrupted if failure.meaning in _CORRUPT else Rejected
    return kind(failure.meaning, operation, message=failure.message)


def problem(status: int, headers: Mapping[str, str], operation: Operation) -> StoreError | None:
    """What a status other than success means; the body is nobody's business."""
    if status in (200, 206):
        return None
    kind, meaning = _kind(status)
    return kind(meaning, operation, status=status, retry_after=_seconds(headers.get("retry-after", "")))


def _kind(status: int) -> tuple[type[StoreError], Meaning]:
    if status in (404, 410):
        return NotFound, Meaning.NO_KEY
    if status in (401, 403):
        return Denied, Meaning.ACCESS_DENIED
    if status in (412, 416):
        return Changed, Meaning.CHANGED
    if status == 429:
        return Throttled, Meaning.THROTTLED
    if status >= 500 or status in (408, 425):
        return Unavailable, Meaning.UNAVAILABLE
    return Rejected, Meaning.REJECTED


def told_size(status: int, headers: Mapping[str, str]) -> int:
    """The whole object's size as an answer to GET or HEAD tells it, UNKNOWN when it does not."""
    if status in (206, 416):
        found = _CONTENT_RANGE.fullmatch(told := headers.get("content-range", "")) or _EMPTY_RANGE.fullmatch(
            told
        )
        return int(found[found.lastindex or 0]) if found else UNKNOWN
    length = headers.get("content-length", "")
    coded = "transfer-encoding" in headers
    return (
        int(length) if length.isascii() and length.isdigit() and len(length) < 19 and not coded else UNKNOWN
    )


def told_range(headers: Mapping[str, str]) -> tuple[int, int, int] | None:
    """First byte, last byte and total of a Content-Range."""
    found = _CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def object_head(key: bytes, size: int, headers: Mapping[str, str], *, ranged: bool) -> ObjectHead:
    """The facts of an object in the headers of an answer about it."""
    return ObjectHead(
        info=ObjectInfo(key, size, modified_ms(headers), etag_of(headers)),
        properties=Properties(
            content_type=headers.get("content-type", ""),
            content_encoding=headers.get("content-encoding", ""),
            content_disposition=headers.get("content-disposition", ""),
            content_language=headers.get("content-language", ""),
            cache_control=headers.get("cache-control", ""),
            expires=headers.get("expires", ""),
        ),
        crc64=_crc64(headers),
        md5=_md5(headers),
        ranged=ranged,
    )


def etag_of(headers: Mapping[str, str]) -> str:
    """The ETag: a strong one without its quotes, a weak one as it stands."""
    told = headers.get("etag", "").strip()
    return told if told.startswith("W/") else told.strip('"')


def is_strong(etag: str) -> bool:
    """Whether equal ETags mean equal bytes."""
    return bool(etag) and not etag.startswith("W/") and '"' not in etag


def modified_ms(headers: Mapping[str, str]) -> int:
    """Last-Modified, UNKNOWN without a usable one."""
    try:
        return int(parsedate_to_datetime(headers.get("last-modified", "")).timestamp() * 1000)
    except (ValueError, TypeError, OverflowError):
        return UNKNOWN


def _md5(headers: Mapping[str, str]) -> bytes | None:
    """Of the whole object: the digest of a partial answer is one of that part."""
    if "content-range" in headers:
        return None
    goog = _GOOG_MD5.search(headers.get("x-goog-hash", ""))
    told = goog[1] if goog else headers.get("content-md5", "")
    try:
        digest = base64.b64decode(told, validate=True)
    except (binascii.Error, ValueError):
        return None
    return digest if len(digest) == 16 else None


def _crc64(headers: Mapping[str, str]) -> int | None:
    told = next((headers[name] for name in _CRC64 if name in headers), "")
    return int(told) if told.isascii() and told.isdigit() and int(told) < 1 << 64 else None


def _seconds(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else None
