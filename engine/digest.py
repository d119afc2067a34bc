"""A fingerprint of a set of objects that does not depend on their order, so that ranges can be added up."""

import struct
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Final, Self, TypeAlias

# Key, size and ETag of an object.
Entry: TypeAlias = tuple[bytes, int, str]

SIZE: Final = 32
_MODULUS: Final = 1 << 128
_PREFIX: Final = struct.Struct(">Iq")


class Digest:
    """Sums mod 2^128 of BLAKE2b-128 over length-prefixed key, size and ETag; a second one without the ETag.

    The first proves that what was listed is what was decided, the second compares two stores.
    """

    __slots__ = ("exact", "loose")

    def __init__(self, exact: int = 0, loose: int = 0) -> None:
        self.exact = exact
        self.loose = loose

    def add(self, key: bytes, size: int, etag: str) -> None:
        """One object; twice counts twice. What no listing showed has no ETag, and counts without its size."""
        named = _PREFIX.pack(len(key), size if etag else 0) + key
        self.loose = (self.loose + _hash(named)) % _MODULUS
        self.exact = (self.exact + _hash(named + etag.encode())) % _MODULUS

    def add_all(self, entries: Iterable[Entry]) -> Self:
        """Many (key, size, ETag) at once, which costs half of one by one."""
        exact: list[bytes] = []
        loose: list[bytes] = []
        # A copy of an empty hash is half as dear as a new one, and goes on from the key to the ETag.
        begun, prefix = blake2b(digest_size=16).copy, _PREFIX.pack
        for key, size, etag in entries:
            named = begun()
            named.update(prefix(len(key), size if etag else 0) + key)
            loose.append(named.digest())
            named.update(etag.encode())
            exact.append(named.digest())
        self.loose = (self.loose + _sum(loose)) % _MODULUS
        self.exact = (self.exact + _sum(exact)) % _MODULUS
        return self

    def merge(self, other: "Digest") -> Self:
        """Adds the objects of `other`."""
        self.exact = (self.exact + other.exact) % _MODULUS
        self.loose = (self.loose + other.loose) % _MODULUS
        return self

    def to_bytes(self) -> bytes:
        """32 bytes: with ETag, then without."""
        return self.exact.to_bytes(16, "big") + self.loose.to_bytes(16, "big")

    @classmethod
    def from_bytes(cls, stored: bytes) -> Self:
        """What `to_bytes` wrote. Raises ValueError for another length."""
        if len(stored) != SIZE:
            raise ValueError(f"a digest of {len(stored)} bytes")
        return cls(int.from_bytes(stored[:16], "big"), int.from_bytes(stored[16:], "big"))

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Self:
        """The digest of (key, size, ETag) entries."""
        return cls().add_all(entries)

    def __eq__(self, other: object) -> bool:
        """Whether both sums agree."""
        if not isinstance(other, Digest):
            return NotImplemented
        return (self.exact, self.loose) == (other.exact, other.loose)

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"Digest({self.to_bytes().hex()})"


class Digested:
    """Entries and their digest, which need not be taken again of the very same ones."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries
        self.digest = Digest.of(entries)

    def again(self, entries: Sequence[Entry]) -> Digest:
        """The digest of `entries`, which may be others."""
        return self.digest if entries == self._entries else Digest.of(entries)


def _sum(hashes: list[bytes]) -> int:
    words: tuple[int, ...] = struct.unpack(f">{2 * len(hashes)}Q", b"".join(hashes))
    return (sum(words[::2]) << 64) + sum(words[1::2])


def _hash(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=16).digest(), "big")


NOTHING: Final = Digested(())
