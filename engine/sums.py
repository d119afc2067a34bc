"""The CRC-64/XZ of a whole object from those of its parts, in any order of arrival (clouds.md H)."""

from collections.abc import Iterable

import anycrc

_CRC64 = anycrc.Model("CRC64-XZ")


def combine_crc64(parts: Iterable[tuple[int | None, int]]) -> int | None:
    """`parts` are (CRC-64/XZ, length in bytes) in the order of the object; None when one of them is not known."""
    whole = 0
    for crc, length in parts:
        if crc is None:
            return None
        whole = _CRC64.combine(whole, crc, length)
    return whole
