"""A sorted set of keys that takes inserts, removals and seeks in about O(sqrt n)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator

_LOAD = 1000


class SortedKeys:
    """Keys in byte order, kept in blocks of up to 2,000."""

    def __init__(self, keys: Iterable[bytes] = ()) -> None:
        ordered = sorted(keys)
        self._blocks = [ordered[i : i + _LOAD] for i in range(0, len(ordered), _LOAD)]
        self._last = [block[-1] for block in self._blocks]

    def add(self, key: bytes) -> None:
        """Insert a key that is not there yet."""
        if not self._blocks:
            self._blocks.append([key])
            self._last.append(key)
            return
        at = min(bisect_left(self._last, key), len(self._blocks) - 1)
        block = self._blocks[at]
        insort(block, key)
        if len(block) > 2 * _LOAD:
            self._blocks.insert(at + 1, block[_LOAD:])
            del block[_LOAD:]
            self._last.insert(at, block[-1])
            at += 1
        self._last[at] = self._blocks[at][-1]

    def remove(self, key: bytes) -> None:
        """Take out a key that is there."""
        at = bisect_left(self._last, key)
        block = self._blocks[at]
        del block[bisect_left(block, key)]
        if block:
            self._last[at] = block[-1]
        else:
            del self._blocks[at], self._last[at]

    def seek(self, start: bytes, *, exclusive: bool = False) -> Iterator[bytes]:
        """Keys from `start` on, or strictly after it."""
        find = bisect_right if exclusive else bisect_left
        at = find(self._last, start)
        if at == len(self._blocks):
            return
        yield from self._blocks[at][find(self._blocks[at], start) :]
        for block in self._blocks[at + 1 :]:
            yield from block
