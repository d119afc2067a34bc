"""Pieces of the key space that are listed on their own, and where they can be cut."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from engine.keys import MAX_KEY_BYTES
from engine.selection import after_for, just_after

# Digits of a key that count for the width of a gap, and the base that they are read in.
_DIGITS: Final = 12
_BASE: Final = 128
_TOP: Final = 0x10FFFF


@dataclass(frozen=True, slots=True)
class KeyRange:
    """The keys of [lo, hi) below `prefix`, `hi` None being an open end. `cursor`: the last key done."""

    lo: bytes
    hi: bytes | None
    prefix: bytes = b""
    cursor: bytes | None = None

    def __contains__(self, key: bytes) -> bool:
        """Whether the range has the key, done or not."""
        return self.lo <= key and (self.hi is None or key < self.hi)

    @property
    def next_lo(self) -> bytes:
        """The smallest key that is not done."""
        return self.lo if self.cursor is None else just_after(self.cursor)

    @property
    def after(self) -> bytes:
        """The exclusive `after` that the listing goes on from."""
        return after_for(self.lo, self.prefix) if self.cursor is None else self.cursor


def split(whole: KeyRange, probe_key: bytes) -> tuple[KeyRange, KeyRange]:
    """Cuts right after `probe_key`, a key that a listing showed. The left half keeps the cursor.

    Raises ValueError when `probe_key` is not among the keys to do, or nothing would be left on the right.
    """
    cut = just_after(probe_key)
    if probe_key not in whole or probe_key < whole.next_lo or (whole.hi is not None and cut >= whole.hi):
        raise ValueError(f"{probe_key!r} does not cut the range")
    return replace(whole, hi=cut), replace(whole, lo=cut, cursor=None)


def probe_points(lo: bytes, hi: bytes | None, sample_keys: Sequence[bytes], n: int) -> list[bytes]:
    """Up to `n` keys strictly inside (lo, hi), sorted, spread over the gaps between the keys known so far.

    Each is valid UTF-8 without control characters, of at most 1,024 bytes: fit to be sent as a marker.
    """
    bounds: list[bytes | None] = [lo, *sorted({key for key in sample_keys if _inside(lo, key, hi)}), hi]
    gaps = [gap for gap in map(_Gap.between, bounds, bounds[1:]) if gap is not None]
    found: list[bytes] = []
    while gaps and len(found) < n:
        widest = max(gaps, key=lambda gap: gap.width)
        gaps.remove(widest)
        found.append(widest.middle)
        gaps += [gap for gap in widest.halves() if gap is not None]
    return sorted(found)


@dataclass(frozen=True, slots=True)
class _Gap:
    """Two neighbouring keys and one between them."""

    left: bytes
    middle: bytes
    right: bytes | None

    @classmethod
    def between(cls, left: bytes | None, right: bytes | None) -> "_Gap | None":
        """None when no usable key lies between the two."""
        assert left is not None
        middle = _middle(left, right)
        return None if middle is None else cls(left, middle, right)

    @property
    def width(self) -> int:
        top = _BASE**_DIGITS if self.right is None else _number(self.right)
        return top - _number(self.left)

    def halves(self) -> tuple["_Gap | None", "_Gap | None"]:
        return _Gap.between(self.left, self.middle), _Gap.between(self.middle, self.right)


def _inside(lo: bytes, key: bytes, hi: bytes | None) -> bool:
    return lo < key and (hi is None or key < hi)


def _number(key: bytes) -> int:
    digits = [min(ord(char), _BASE - 1) for char in key.decode(errors="ignore")[:_DIGITS]]
    return sum(digit * _BASE ** (_DIGITS - 1 - place) for place, digit in enumerate(digits))


def _middle(left: bytes, right: bytes | None) -> bytes | None:
    low = left.decode(errors="ignore")
    high = None if right is None else right.decode(errors="ignore")
    stem, place = "", 0
    while len(stem) < MAX_KEY_BYTES:
        floor = ord(low[place]) if place < len(low) else -1
        ceiling = ord(high[place]) if high is not None and place < len(high) else _TOP + 1
        char = _char_between(floor, ceiling)
        if char is not None:
            candidate = (stem + char).encode()
            return candidate if _usable(candidate) and _inside(left, candidate, right) else None
        if floor < 0 or not _printable(floor):
            return None
        stem += chr(floor)
        # Below a smaller character nothing bounds the key from above any more.
        high = high if floor == ceiling else None
        place += 1
    return None


def _char_between(floor: int, ceiling: int) -> str | None:
    """The middle one of the printable characters strictly between two code points, ASCII ones first."""
    if ceiling > _TOP and floor < _ASCII[-1]:
        ceiling = 0x7F
    known = _ASCII[bisect_right(_ASCII, floor) : bisect_left(_ASCII, ceiling)]
    if known:
        return chr(known[len(known) // 2])
    middle = (floor + ceiling) // 2
    return chr(middle) if floor < middle < ceiling and _printable(middle) else None


_ASCII: Final = tuple(range(0x20, 0x7F))


def _printable(code: int) -> bool:
    return (0x20 <= code < 0x7F or code >= 0xA0) and not 0xD800 <= code < 0xE000 and code & 0xFFFE != 0xFFFE


def _usable(candidate: bytes) -> bool:
    return 0 < len(candidate) <= MAX_KEY_BYTES
