"""An answer whose body is read piece by piece in constant memory: for lengths that nobody tells (clouds.md B11)."""

import asyncio
from typing import Final

from connectors.wire.dialling import Dialler
from connectors.wire.failures import WireFailure
from connectors.wire.heads import Framing, Head, parse_head
from connectors.wire.meter import Meter
from connectors.wire.request import WireRequest
from engine.failures import Meaning

# The reader stops the socket at twice this many bytes.
_AHEAD: Final = 256 << 10
_HEAD_MAX: Final = 32 << 10
_SIZE_LINE_MAX: Final = 4 << 10


class WireStream:
    """One answer on a connection of its own; whoever opened it closes it."""

    def __init__(
        self, reader: asyncio.StreamReader, transport: asyncio.Transport, request: WireRequest, meter: Meter
    ) -> None:
        self._reader = reader
        self._transport = transport
        self._request = request
        self._meter = meter
        self._head: Head | None = None
        self._left = 0
        self._received = 0
        self._waited = 0.0

    @property
    def head(self) -> Head:
        """Status and headers."""
        assert self._head is not None, "an open stream has its head"
        return self._head

    async def read(self, most: int) -> bytes:
        """Up to `most` bytes as they come, b"" at the proper end. Raises WireFailure, CUT_SHORT for any other end."""
        match self.head.framing:
            case Framing.NONE:
                return b""
            case Framing.END:
                data = await self._timed(most)
            case Framing.LENGTH:
                data = await self._counted(most)
            case Framing.CHUNKED:
                data = await self._of_chunk(most)
        self._received += len(data)
        return data

    def close(self) -> None:
        """Let go of the connection; counted as one request."""
        if not self._transport.is_closing():
            request, status = self._request, self._head.status if self._head else 0
            self._meter.count(request.store, request.operation, status, 0, self._received)
        self._transport.abort()

    async def begin(self, head: bytes) -> None:
        """Send the request and wait for the head of its answer. Raises WireFailure."""
        self._transport.write(head)
        self._head = await self._next_head()
        while self._head.status < 200:
            self._head = await self._next_head()
        self._left = self._head.length if self._head.framing is Framing.LENGTH else 0

    async def _next_head(self) -> Head:
        raw = await self._until(b"\r\n\r\n", _HEAD_MAX)
        return parse_head(raw[:-4], self._request.method)

    async def _counted(self, most: int) -> bytes:
        if not self._left:
            return b""
        data = await self._timed(min(most, self._left))
        if not data:
            raise WireFailure(Meaning.CUT_SHORT, "the body ended early")
        self._left -= len(data)
        return data

    async def _of_chunk(self, most: int) -> bytes:
        """`_left` is what is to come of a chunk, -1 after the last one."""
        if self._left == 0:
            self._left = await self._next_chunk()
        if self._left < 0:
            return b""
        data = await self._counted(most)
        if not self._left and await self._until(b"\r\n", 2) != b"\r\n":
            raise WireFailure(Meaning.BROKEN_ANSWER, "a chunk of another length")
        return data

    async def _next_chunk(self) -> int:
        line = await self._until(b"\r\n", _SIZE_LINE_MAX)
        digits = line.partition(b";")[0].strip()
        if not digits or len(digits) > 15 or not set(digits) <= set(b"0123456789abcdefABCDEF"):
            raise WireFailure(Meaning.BROKEN_ANSWER, "no chunk size")
        size = int(digits, 16)
        if size:
            return size
        # Trailers are read and dropped.
        while await self._until(b"\r\n", _SIZE_LINE_MAX) != b"\r\n":
            pass
        return -1

    async def _until(self, end: bytes, most: int) -> bytes:
        try:
            async with self._within():
                found = await self._reader.readuntil(end)
        except asyncio.IncompleteReadError as error:
            meaning = Meaning.CUT_SHORT if self._head else Meaning.UNAVAILABLE
            raise WireFailure(meaning, "closed without an end") from error
        except asyncio.LimitOverrunError as error:
            raise WireFailure(Meaning.BROKEN_ANSWER, "a line without an end") from error
        except (OSError, TimeoutError) as error:
            raise self._broke(error) from error
        if len(found) > most:
            raise WireFailure(Meaning.BROKEN_ANSWER, "a line without an end")
        return found

    async def _timed(self, most: int) -> bytes:
        """A peer that drips bytes does not hold the stream for ever: only the time spent waiting for it counts."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with self._within():
                data = await self._reader.read(most)
        except (OSError, TimeoutError) as error:
            raise self._broke(error) from error
        self._waited += loop.time() - began
        if self._waited > self._request.limits.total(0, self._received + len(data)):
            raise WireFailure(Meaning.UNAVAILABLE, "the answer comes too slowly")
        return data

    def _within(self) -> asyncio.Timeout:
        return asyncio.timeout(self._request.limits.idle)

    def _broke(self, error: Exception) -> WireFailure:
        meaning = Meaning.CUT_SHORT if self._received else Meaning.UNAVAILABLE
        return WireFailure(meaning, type(error).__name__)


async def open_stream(dialler: Dialler, head: bytes, request: WireRequest, meter: Meter) -> WireStream:
    """Send a request without a body and hand back its answer as soon as the head is there. Raises WireFailure."""
    reader = asyncio.StreamReader(limit=_AHEAD)
    transport, _ = await dialler.open(lambda: asyncio.StreamReaderProtocol(reader), request.limits.connect)
    stream = WireStream(reader, transport, request, meter)
    try:
        await stream.begin(head)
    except BaseException:
        stream.close()
        raise
    return stream
