"""ETags that are no MD5, each from the contents in blocks of 4 MiB."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable

BLOCK = 4 << 20


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()


def qetag(blocks: Iterable[bytes]) -> str:
    """Qiniu's: the SHA-1 of the only block, or of the SHA-1s of all, behind a mark that tells which."""
    hashes = [_sha1(block) for block in blocks] or [_sha1(b"")]
    tree = b"\x16" + hashes[0] if len(hashes) == 1 else b"\x96" + _sha1(b"".join(hashes))
    return base64.urlsafe_b64encode(tree).decode()


def ufile_etag(blocks: Iterable[bytes]) -> str:
    """UCloud's: the number of blocks in little endian, and the hash in the same manner."""
    hashes = [_sha1(block) for block in blocks]
    tree = hashes[0] if len(hashes) == 1 else _sha1(b"".join(hashes)) if hashes else b""
    return base64.urlsafe_b64encode(len(hashes).to_bytes(4, "little") + tree).decode()
