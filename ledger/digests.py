"""Sums of stored coverage digests."""

from collections.abc import Iterable

from engine.digest import Digest


def merged(digests: Iterable[bytes]) -> bytes:
    """The digest of all objects of these digests together."""
    total = Digest()
    for digest in digests:
        total.merge(Digest.from_bytes(digest))
    return total.to_bytes()
