"""Rows as compressed columns: what outcomes and manifests are stored as. A format byte, then zlib level 1."""

import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

FORMAT: Final = 1
_LEVEL: Final = 1


class Damaged(ValueError):
    """The bytes are not what was encoded."""


@dataclass(slots=True)
class Writer:
    """Collects columns; read back in the same order."""

    pieces: list[bytes] = field(default_factory=list)

    def _put(self, piece: bytes) -> None:
        self.pieces.append(len(piece).to_bytes(4, "little"))
        self.pieces.append(piece)

    def numbers(self, values: Iterable[int]) -> None:
        """Any 64-bit numbers; those close to each other cost little."""
        column = list(values)
        first = column[0] if column else 0
        if column.count(first) == len(column):
            self._put(b"B" + first.to_bytes(8, "little", signed=True))
            self._put(bytes(len(column)))
            return
        least = min(column)
        span = max(column) - least
        code = next(code for code, top in _WIDTHS if span <= top)
        self._put(code.encode() + least.to_bytes(8, "little", signed=True))
        self._put(array(code, [value - least for value in column] if least else column).tobytes())

    def blobs(self, values: Sequence[bytes]) -> None:
        """Any bytes."""
        self.numbers(map(len, values))
        self._put(b"".join(values))

    def texts(self, values: Sequence[str]) -> None:
        """Texts that mostly differ."""
        self.numbers(map(len, values))
        self._put("".join(values).encode("utf-8", "surrogatepass"))

    def words(self, values: Iterable[str]) -> None:
        """Texts that mostly repeat."""
        rows = list(values)
        if rows and rows.count(rows[0]) == len(rows):
            self.texts([rows[0]])
            self.numbers([0] * len(rows))
            return
        known = {value: place for place, value in enumerate(dict.fromkeys(rows))}
        self.texts(list(known))
        self.numbers([known[value] for value in rows] if len(known) > 1 else [0] * len(rows))

    def sealed(self) -> bytes:
        """All columns."""
        return bytes([FORMAT]) + zlib.compress(b"".join(self.pieces), _LEVEL)


_WIDTHS: Final = (("B", 0xFF), ("H", 0xFFFF), ("I", 0xFFFFFFFF), ("Q", 0xFFFFFFFFFFFFFFFF))


class Reader:
    """Takes the columns out again. Raises Damaged wherever the bytes do not fit."""

    __slots__ = ("_at", "_bytes")

    def __init__(self, sealed: bytes) -> None:
        if sealed[:1] != bytes([FORMAT]):
            raise Damaged(f"unknown format {sealed[:1]!r}")
        try:
            self._bytes = zlib.decompress(memoryview(sealed)[1:])
        except zlib.error as error:
            raise Damaged(str(error)) from error
        self._at = 0

    def _take(self) -> bytes:
        begin = self._at + 4
        end = begin + int.from_bytes(self._bytes[self._at : begin], "little")
        if end > len(self._bytes):
            raise Damaged("cut short")
        self._at = end
        return self._bytes[begin:end]

    @property
    def more(self) -> bool:
        """True while a column is left."""
        return self._at < len(self._bytes)

    def numbers(self) -> list[int]:
        """A column of numbers."""
        head = self._take()
        least = int.from_bytes(head[1:9], "little", signed=True)
        try:
            column = array(head[:1].decode("latin-1"))
            column.frombytes(self._take())
        except ValueError as error:
            raise Damaged(str(error)) from error
        return [value + least for value in column] if least else column.tolist()

    def blobs(self) -> list[bytes]:
        """A column of bytes."""
        lengths = self.numbers()
        joined = self._take()
        return [joined[begin:end] for begin, end in _bounds(lengths, len(joined))]

    def texts(self) -> list[str]:
        """A column of texts."""
        lengths = self.numbers()
        joined = self._take().decode("utf-8", "surrogatepass")
        return [joined[begin:end] for begin, end in _bounds(lengths, len(joined))]

    def words(self) -> list[str]:
        """A column of repeating texts."""
        known, places = self.texts(), self.numbers()
        return (
            known * len(places) if len(known) == 1 and not any(places) else [known[place] for place in places]
        )


def _bounds(lengths: list[int], total: int) -> Iterator[tuple[int, int]]:
    ends = list(accumulate(lengths))
    if (ends[-1] if ends else 0) != total:
        raise Damaged("lengths do not add up")
    return zip([0, *ends], ends, strict=False)
