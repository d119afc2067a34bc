"""Two sorted listings side by side: which destination object stands at a source key."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Generic, Self, TypeVar

from engine.selection import after_for, just_after
from engine.values import value

S = TypeVar("S")
D = TypeVar("D")


def march(
    source: Sequence[S],
    destination: Sequence[D],
    *,
    source_key: Callable[[S], bytes],
    destination_key: Callable[[D], bytes],
) -> Iterator[tuple[S, D | None]]:
    """Each source object with the destination object of its key, if any. Both are sorted by those keys.

    `source_key` gives the key at the destination (with the save prefix). Source keys may repeat.
    """
    there = iter(destination)
    item = next(there, None)
    for wanted in source:
        key = source_key(wanted)
        while item is not None and destination_key(item) < key:
            item = next(there, None)
        yield wanted, item if item is not None and destination_key(item) == key else None


@value(frozen=True, slots=True)
class Present(Generic[D]):
    """The destination has the key."""

    item: D


@value(frozen=True, slots=True)
class Absent:
    """The destination was read there and has no such key."""


@value(frozen=True, slots=True)
class Unseen:
    """The destination was not read that far."""


_ABSENT = Absent()
Sight = Present[D] | Absent | Unseen


class OutOfOrder(ValueError):
    """A page that does not follow what was read before: its listing proves nothing."""


@dataclass(frozen=True, slots=True)
class DestinationWindow(Generic[D]):
    """What is known of the destination: every object in [start, end), `end` None being the bucket's end."""

    start: bytes
    end: bytes | None
    keys: tuple[bytes, ...] = ()
    items: tuple[D, ...] = ()

    @classmethod
    def opened(cls, start: bytes) -> Self:
        """Nothing read yet; the first page begins at `start`."""
        return cls(start, start)

    def look(self, key: bytes) -> Sight[D]:
        """What is at `key`, as far as it was read."""
        if key < self.start or (self.end is not None and key >= self.end):
            return Unseen()
        place = bisect_left(self.keys, key)
        if place < len(self.keys) and self.keys[place] == key:
            return Present(self.items[place])
        return Absent()

    def looks(self, keys: Sequence[bytes]) -> list[Sight[D]]:
        """What is at the first of `keys` (sorted), as far as it was read."""
        if not keys or keys[0] < self.start:
            return []
        seen = keys if self.end is None else keys[: bisect_left(keys, self.end)]
        there = dict(zip(self.keys, self.items, strict=True))
        return [Present(there[key]) if key in there else _ABSENT for key in seen]

    def covers(self, key: bytes) -> bool:
        """Whether `look(key)` has an answer."""
        return key >= self.start and (self.end is None or key < self.end)

    def after(self, prefix: bytes) -> bytes:
        """The exclusive `after` of the next page of a listing of `prefix`. ValueError when all was read."""
        if self.end is None:
            raise ValueError("the destination was read to its end")
        return after_for(self.end, prefix)

    def extended(self, keys: Sequence[bytes], items: Sequence[D], after: bytes | None) -> Self:
        """With one more page: `after` as the page says it, None at the end of the listing.

        What was read already is dropped. Raises OutOfOrder when the page is not sorted or goes back.
        """
        if any(left >= right for left, right in pairwise(keys)) or self.end is None:
            raise OutOfOrder("a page of the destination is not in order")
        known = bisect_left(keys, self.end)
        end = None if after is None else just_after(after)
        if end is not None and (end <= self.end or (keys and just_after(keys[-1]) > end)):
            raise OutOfOrder("a page of the destination goes back")
        return replace(self, end=end, keys=(*self.keys, *keys[known:]), items=(*self.items, *items[known:]))

    def moved_to(self, key: bytes) -> Self:
        """Without what lies below `key`; beyond what was read, the next page begins at `key` itself."""
        if self.end is not None and key >= self.end:
            return type(self)(key, key)
        place = bisect_left(self.keys, key)
        return replace(self, start=max(self.start, key), keys=self.keys[place:], items=self.items[place:])
