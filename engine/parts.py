"""How an object is cut: parts of a multipart upload, and pieces of a body under a bandwidth limit."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

MIB: Final = 1 << 20
SINGLE_MAX: Final = 16 * MIB
MIN_PIECE: Final = 64 << 10

# Room below the usual 10,000 for an object that grows between listing and reading.
_AIMED_PARTS: Final = 9000
_SMALL_STREAM_PARTS: Final = 1000

# Part sizes that uploaders choose by default, the usual ones first; what was uploaded so is cut so again.
_USUAL: Final = tuple(n * MIB for n in (8, 16, 5, 64, 50, 10, 15, 32, 20, 25, 9, 6, 7, 12, 48))


_COMPOSITE: Final = re.compile(r"[0-9a-f]{32}-([1-9][0-9]{0,4})")


class TooLarge(ValueError):
    """No plan within the store's limits holds the object."""


@dataclass(frozen=True, slots=True)
class PartPlan:
    """`count` parts of `part_size` bytes, the last one with what is left; parts are numbered from 1."""

    size: int
    part_size: int
    count: int

    def range(self, number: int) -> tuple[int, int]:
        """(start, length) of a part. Raises IndexError for a number outside the plan."""
        if not 1 <= number <= self.count:
            raise IndexError(number)
        start = (number - 1) * self.part_size
        return start, min(self.part_size, self.size - start)


def plan_parts(size: int, *, min_part: int, max_part: int, max_parts: int, uploaded: int = 0) -> PartPlan:
    """Parts of 16 MiB, or as much more as keeps them near 9,000, in whole MiB, within the store's limits.

    What was `uploaded` in so many parts is cut as it probably was: then the two ETags agree if all bytes do.
    Raises TooLarge when no plan exists, ValueError for a negative size.
    """
    if size < 0:
        raise ValueError(f"size {size}")
    wanted = max(SINGLE_MAX, min_part, _up_to_mib(_divided(size, min(_AIMED_PARTS, max_parts))))
    likely = (
        one for one in _USUAL if min_part <= one <= max_part and _divided(size, one) == uploaded <= max_parts
    )
    part_size = next(likely, min(wanted, max_part))
    plan = plan_of(size, part_size)
    if plan.count > max_parts:
        raise TooLarge(f"{size} bytes are more than {max_parts} parts of {max_part} bytes")
    return plan


def plan_of(size: int, part_size: int) -> PartPlan:
    """So many bytes in parts of this size."""
    return PartPlan(size, part_size, max(1, _divided(size, part_size)))


def spans_to_share(missing: Iterable[int], count: int, per_span: int) -> tuple[tuple[int, int], ...]:
    """(first, last) of the spans in which parts are missing, but for the first of them: that one is kept.

    `count` parts are cut into spans of `per_span` from part 1 on, so what is offered twice is the same span.
    """
    places = sorted({(number - 1) // per_span for number in missing})
    return tuple((place * per_span + 1, min((place + 1) * per_span, count)) for place in places[1:])


def parts_of_etag(etag: str) -> int:
    """How many parts an object was uploaded in, 0 when its ETag does not say."""
    found = _COMPOSITE.fullmatch(etag)
    return int(found[1]) if found else 0


def stream_part(number: int, *, min_part: int, max_part: int, max_parts: int) -> int:
    """The size of part `number` (from 1) of an object whose length nobody knows: 16 MiB, from 1,001 on 64 MiB.

    10,000 parts hold 578 GiB. Raises TooLarge when there are no more parts.
    """
    if number > max_parts:
        raise TooLarge(f"an object of unknown length is larger than {max_parts} parts")
    wanted = SINGLE_MAX if number <= _SMALL_STREAM_PARTS else 4 * SINGLE_MAX
    return min(max(wanted, min_part), max_part)


def quarter_second_piece(rate: int) -> int:
    """The most bytes that are asked for or written at once under a limit of `rate` bytes a second."""
    return max(MIN_PIECE, rate // 4)


def pieces(length: int, piece: int) -> Iterator[tuple[int, int]]:
    """(start, length) of the pieces that make up `length` bytes. ValueError unless `piece` is positive."""
    if piece <= 0:
        raise ValueError(f"piece {piece}")
    return ((start, min(piece, length - start)) for start in range(0, length, piece))


def _divided(size: int, by: int) -> int:
    return -(-size // by)


def _up_to_mib(size: int) -> int:
    return _divided(size, MIB) * MIB
