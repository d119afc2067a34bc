"""The bytes of an object of any size: one block over and over, so long that no two parts nearby are equal."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from functools import cache

MIB = 1 << 20
PART = 7 * MIB
# A part is 256 of these, the block 257: a part begins where the one before it began, less one.
_STEP = PART // 256
PERIOD = 257 * _STEP


@cache
def block() -> bytes:
    """What is repeated."""
    return random.Random(2027).randbytes(PERIOD)


@dataclass(frozen=True, slots=True)
class Pattern:
    """`size` bytes, uploaded in parts of 7 MiB."""

    size: int

    @property
    def parts(self) -> int:
        """How many there are."""
        return -(-self.size // PART)

    def length(self, number: int) -> int:
        """Bytes of a part, numbered from 1."""
        return min(PART, self.size - (number - 1) * PART)

    def md5(self, number: int) -> str:
        """Of a part, in hex."""
        return _md5((number - 1) * PART % PERIOD, self.length(number))

    def etag(self) -> str:
        """As S3 makes it of an upload in parts."""
        together = b"".join(bytes.fromhex(self.md5(number)) for number in range(1, self.parts + 1))
        return f"{hashlib.md5(together).hexdigest()}-{self.parts}"

    def segments(self) -> tuple[bytes, ...]:
        """All bytes, in the memory of one block."""
        whole, rest = divmod(self.size, PERIOD)
        return (*(block(),) * whole, block()[:rest])


@cache
def _md5(start: int, length: int) -> str:
    first = memoryview(block())[start : start + length]
    digest = hashlib.md5(first)
    digest.update(memoryview(block())[: length - len(first)])
    return digest.hexdigest()
