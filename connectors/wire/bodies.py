"""Bodies as they come in: a buffer that the socket writes into, and the moment they are whole."""

from connectors.wire.failures import TooLong, WireFailure
from connectors.wire.heads import Framing, Head
from engine.failures import Meaning

_ROOM = 256 << 10
_LINE_MAX = 4 << 10


class FixedBody:
    """A body of a known length, received in place."""

    def __init__(self, length: int) -> None:
        self._whole = bytearray(length)
        self._view = memoryview(self._whole)
        self._filled = 0

    def room(self) -> memoryview:
        """Where the next bytes go; never empty before the body is whole."""
        return self._view[self._filled :]

    def came(self, count: int) -> int:
        """`count` bytes were written into `room`; how many of them were too many (always 0 here)."""
        self._filled += count
        return 0

    @property
    def whole(self) -> bool:
        """True when nothing more belongs to it."""
        return self._filled == len(self._whole)

    @property
    def arrived(self) -> int:
        """How many bytes of it have come."""
        return self._filled

    def ended(self) -> bool:
        """The connection is over: is the body whole, as far as anybody can tell?"""
        return self.whole

    def result(self) -> bytearray:
        """The body."""
        self._view.release()
        return self._whole


class OpenBody:
    """A body that ends with the connection."""

    whole = False

    def __init__(self, most: int) -> None:
        self._most = most
        self._together = bytearray()
        self._buffer = bytearray(_ROOM)

    def room(self) -> memoryview:
        return memoryview(self._buffer)

    def came(self, count: int) -> int:
        self._together += self._buffer[:count]
        if len(self._together) > self._most:
            raise _too_long(self._most)
        return 0

    def ended(self) -> bool:
        return True

    @property
    def arrived(self) -> int:
        return len(self._together)

    def result(self) -> bytearray:
        return self._together


class ChunkedBody:
    """A body in chunks (RFC 9112 7.1); trailers are read and dropped."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._raw = bytearray()
        self._together = bytearray()
        self._buffer = bytearray(_ROOM)
        self._left = -1  # bytes of the chunk that are to come, -1: a size line is next
        self._last = False
        self.whole = False

    def room(self) -> memoryview:
        return memoryview(self._buffer)

    def came(self, count: int) -> int:
        self._raw += self._buffer[:count]
        while not self.whole and self._step():
            pass
        return len(self._raw) if self.whole else 0

    def ended(self) -> bool:
        return self.whole

    @property
    def arrived(self) -> int:
        return len(self._together)

    def result(self) -> bytearray:
        return self._together

    def _step(self) -> bool:
        if self._left >= 0 and not self._last:
            return self._chunk()
        line = self._line()
        if line is None:
            return False
        if self._last:
            self.whole = not line
        else:
            self._left = _size(line)
            self._last = self._left == 0
        return True

    def _chunk(self) -> bool:
        """Chunk data and the line end after it."""
        taken = self._raw[: self._left]
        self._together += taken
        del self._raw[: len(taken)]
        self._left -= len(taken)
        if len(self._together) > self._most:
            raise _too_long(self._most)
        if self._left or len(self._raw) < 2:
            return False
        if self._raw[:2] != b"\r\n":
            raise WireFailure(Meaning.BROKEN_ANSWER, "a chunk of another length")
        del self._raw[:2]
        self._left = -1
        return True

    def _line(self) -> bytes | None:
        end = self._raw.find(b"\r\n")
        if end < 0:
            if len(self._raw) > _LINE_MAX:
                raise WireFailure(Meaning.BROKEN_ANSWER, "a chunk line without an end")
            return None
        line = bytes(self._raw[:end])
        del self._raw[: end + 2]
        return line


Body = FixedBody | OpenBody | ChunkedBody


def body_of(head: Head, most: int) -> Body:
    """The buffer for the body that `head` announces. Raises WireFailure for one over `most` bytes."""
    match head.framing:
        case Framing.CHUNKED:
            return ChunkedBody(most)
        case Framing.END:
            return OpenBody(most)
        case Framing.LENGTH | Framing.NONE:
            if head.length > most:
                raise _too_long(most)
            return FixedBody(head.length)


def _size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    try:
        if not digits or len(digits) > 16 or digits[:1] in b"+-" or b"_" in digits:
            raise ValueError
        return int(digits, 16)
    except ValueError:
        raise WireFailure(Meaning.BROKEN_ANSWER, "no chunk size") from None


def _too_long(most: int) -> WireFailure:
    return TooLong(f"the answer is longer than {most} bytes")
