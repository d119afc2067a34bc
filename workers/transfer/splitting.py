"""Where to cut what is left of a range, from a few listing requests of one key each (design 3.6).

The keys that a store returns to a probe are the cuts, so a cut never lies in an empty stretch. First the level is
found at which the rest of the range branches (a binary search over the length of the current key), then the
branches of that level are walked, and while they are few those of the levels below.
"""

from collections.abc import Sequence

from engine.selection import just_after
from ledger.values import RangeClaim
from workers.transfer.context import TaskContext

# Sorts above every character that keys usually have, and is legal in XML.
ABOVE = "\ufffd"


async def split_points(
    context: TaskContext, claim: RangeClaim, first: bytes, cursor: bytes, hi: bytes | None
) -> list[bytes]:
    """Inclusive lower bounds of new ranges, ascending, all above `cursor` and below `hi`; often none."""
    here, start = _text(cursor), _text(first)
    if here is None or start is None:
        return []
    probe = _Probe(context, claim.prefix, cursor, hi)
    deepest = min(_shared(here, start) + 1, len(here))
    level = await _level(probe, here, len(_text(claim.prefix) or ""), deepest)
    points: list[bytes] = []
    while 0 < level <= deepest and len(points) < context.limits.spread // 2:
        points = await _branches(probe, here, level, context.limits.spread - len(points)) + points
        probe.narrow(points)
        level += 1
    return points


async def _level(probe: "_Probe", here: str, low: int, high: int) -> int:
    """The smallest length of a beginning of `here` beyond which the range still has keys; 0 when there is none."""
    found = 0
    while low < high:
        middle = (low + high) // 2
        if middle and await probe.beyond(here[:middle]) is not None:
            found, high = middle, middle
        else:
            low = middle + 1
    if not found and high and await probe.beyond(here[:high]) is not None:
        found = high
    return found


async def _branches(probe: "_Probe", here: str, level: int, most: int) -> list[bytes]:
    points: list[bytes] = []
    branch: str | None = here[:level]
    while branch is not None and len(points) < most:
        key = await probe.beyond(branch)
        text = None if key is None else _text(key)
        if key is None or text is None or (points and just_after(key) <= points[-1]):
            break
        points.append(just_after(key))
        branch = text[:level]
    return points


class _Probe:
    def __init__(self, context: TaskContext, prefix: bytes, cursor: bytes, hi: bytes | None) -> None:
        self._context = context
        self._prefix = prefix
        self._cursor = cursor
        self._hi = hi
        self._known: dict[str, bytes | None] = {}

    async def beyond(self, beginning: str) -> bytes | None:
        """The first key of the rest of the range that sorts after everything that begins so."""
        if beginning not in self._known:
            self._known[beginning] = await self._ask(max((beginning + ABOVE).encode(), self._cursor))
        return self._known[beginning]

    def narrow(self, points: list[bytes]) -> None:
        """Look only below the first of `points` from now on."""
        if points:
            self._hi = points[0]
            self._known.clear()

    async def _ask(self, after: bytes) -> bytes | None:
        context = self._context
        if len(after) > context.pair.source.traits.max_key_bytes:
            return None
        page = await context.source(lambda: context.pair.source.list_page(self._prefix, after, 1))
        key = page.objects[0].key if page.objects else None
        inside = key is not None and (self._hi is None or just_after(key) < self._hi)
        return key if inside else None


def _shared(left: Sequence[str], right: Sequence[str]) -> int:
    pairs = enumerate(zip(left, right, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(left), len(right)))


def _text(key: bytes) -> str | None:
    try:
        text = key.decode()
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() or not text else None
