"""What a bucket of the destination holds."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

from tests.chaos.plain import StorePages


class Contents:
    """SHA-256 of every object of one bucket, read once."""

    def __init__(self, store: StorePages, bucket: str) -> None:
        self._store = store
        self._bucket = bucket
        keys = store.keys(bucket)
        with ThreadPoolExecutor(4) as threads:
            self.hashes = dict(zip(keys, threads.map(self._hash, keys), strict=True))

    def body(self, key: bytes) -> bytes:
        """An object's bytes."""
        return self._store.get(self._bucket, key)

    def below(self, folder: bytes) -> list[bytes]:
        """The keys that begin so."""
        return [key for key in self.hashes if key.startswith(folder)]

    def _hash(self, key: bytes) -> str:
        return hashlib.sha256(self.body(key)).hexdigest()
