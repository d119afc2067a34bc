"""Qiniu's ETag, which proves the bytes: the SHA-1 of the only block, or of the SHA-1s of all blocks of 4 MiB."""

from base64 import urlsafe_b64decode
from binascii import Error
from hashlib import sha1

BLOCK = 4 << 20
_LENGTH = 28
_ONE, _MANY = 0x16, 0x96


def denies(etag: str, data: bytes | bytearray) -> bool:
    """True when `etag` is made by this rule, and of other bytes; ETags of other rules deny nothing."""
    told = _decoded(etag)
    if told is None or told[0] not in (_ONE, _MANY):
        return False
    view = memoryview(data)
    hashes = [_sha1(view[start : start + BLOCK]) for start in range(0, len(view), BLOCK)] or [_sha1(b"")]
    if told[0] == _ONE:
        return len(hashes) != 1 or hashes[0] != told[1:]
    return _sha1(b"".join(hashes)) != told[1:]


def _decoded(etag: str) -> bytes | None:
    if len(etag) != _LENGTH or not etag.isascii():
        return None
    try:
        return urlsafe_b64decode(etag)
    except (Error, ValueError):
        return None


def _sha1(data: bytes | memoryview) -> bytes:
    return sha1(data, usedforsecurity=False).digest()
