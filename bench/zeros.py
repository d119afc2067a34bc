"""Bodies of zeros, as all objects of the measurement: compared as they come instead of hashed and kept."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from tests.storeserver.body import Body, Files, Sink

_ZEROS = bytes(1 << 20)


class ZeroSink(Sink):
    """Takes a body; from its first byte that is not zero on it is a `Sink` like any other."""

    __slots__ = ("_plain",)

    def __init__(self, files: Files, expected: int, *, sha256: bool) -> None:
        super().__init__(files, expected, sha256=sha256)
        # Nothing else has come.
        self._plain = True

    def feed(self, chunk: bytes) -> None:
        """See `Sink`."""
        if self._plain:
            if _ZEROS.startswith(chunk):
                self.size += len(chunk)
                return
            seen, self.size, self._plain = self.size, 0, False
            super().feed(bytes(seen))
        super().feed(chunk)

    def finish(self) -> Body:
        """See `Sink`."""
        return zeros(self.size) if self._plain else super().finish()

    def sha256(self) -> str:
        """See `Sink`."""
        return _sha256(self.size) if self._plain else super().sha256()


@lru_cache(maxsize=64)
def zeros(size: int) -> Body:
    """So many of them, in memory once."""
    body = bytes(size)
    return Body((body,), size, hashlib.md5(body).hexdigest())  # noqa: S324


@lru_cache(maxsize=64)
def _sha256(size: int) -> str:
    return hashlib.sha256(bytes(size)).hexdigest()
