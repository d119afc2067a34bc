"""One connection to a store: one exchange at a time, the answer's body received in place."""

import asyncio
from collections.abc import Callable

from connectors.wire.bodies import Body, body_of
from connectors.wire.failures import WireFailure
from connectors.wire.heads import Framing, Head, parse_head
from connectors.wire.request import Limits, WireAnswer, WireRequest
from engine.failures import Meaning

_HEAD_ROOM = 16 << 10
_HEAD_MAX = 32 << 10
_JOINED = 64 << 10
_PIECE = 256 << 10
_PACED_PIECE = 64 << 10


class Connection(asyncio.BufferedProtocol):
    """Used by one exchange after the other; `usable` says whether another one may begin."""

    def __init__(self, on_lost: Callable[["Connection"], object]) -> None:
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray(_HEAD_ROOM)
        self._filled = 0
        self._method = ""
        self._limits = Limits()
        self._head: Head | None = None
        self._body: Body | None = None
        self._answer: asyncio.Future[WireAnswer] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._watched_until = 0.0
        self._deadline: float | None = None
        self._active_at = 0.0
        self.idle_since = 0.0
        # Bytes of the last exchange's answer body, also of one that broke off.
        self.received = 0
        self.usable = False

    # ---- what the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's transports subclass nothing
        transport.set_write_buffer_limits(high=2 * _PIECE)  # type: ignore[attr-defined]
        self.usable = True

    def get_buffer(self, sizehint: int) -> memoryview | bytearray:
        if self._body is not None:
            return self._body.room()
        if self._filled == len(self._buffer):
            self._buffer.extend(bytes(len(self._buffer)))
        return memoryview(self._buffer)[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        self._active_at = self._loop.time()
        try:
            if self._answer is None or self._answer.done():
                self.abort()
            elif self._body is not None:
                self._body_came(self._body.came(nbytes))
            else:
                self._head_came(nbytes)
        except WireFailure as failure:
            self._fail(failure)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.usable = False
        self._unwatch()
        self._on_lost(self)
        if self._answer is not None and not self._answer.done():
            if exc is None and self._body is not None and self._body.ended():
                self._finish(self._body.result())
            else:
                self._fail(WireFailure(*self._how_it_broke(exc)))
        self._let_write()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._let_write()

    # ---- what the pool calls

    async def exchange(self, head: bytes, request: WireRequest) -> WireAnswer:
        """Send and receive. Raises WireFailure, or what the request's `pace` raises; then the connection is gone."""
        self._begin(request)
        assert self._answer is not None
        try:
            if len(request.body) <= _JOINED and request.pace is None:
                self._write(head + bytes(request.body) if len(request.body) else head)
            else:
                self._write(head)
                await self._send(request)
            return await self._answer
        except BaseException:
            self.abort()
            raise
        finally:
            self._end()

    def abort(self) -> None:
        """Close at once."""
        self.usable = False
        self._unwatch()
        if self._transport is not None:
            self._transport.abort()

    # ---- sending

    async def _send(self, request: WireRequest) -> None:
        """The body in pieces, each with a deadline of its own; waiting for `pace` has none."""
        view, pace, limits = memoryview(request.body), request.pace, request.limits
        step = _PIECE if pace is None else _PACED_PIECE
        for start in range(0, len(view), step):
            piece = view[start : start + step]
            if pace is not None:
                self._deadline = None
                await pace(len(piece))
            self._allow(limits.total(len(piece), 0))
            if self._answered():
                return
            self._write(piece)
            if self._paused:
                await self._drained()
        self._allow(limits.total(0, limits.body_max))

    def _answered(self) -> bool:
        """An answer before the whole body was sent ends the exchange, and the connection with it."""
        assert self._answer is not None
        if not self._answer.done():
            return False
        self.usable = False
        return True

    def _write(self, data: bytes | memoryview) -> None:
        if self._transport is None or not self.usable:
            raise WireFailure(Meaning.UNAVAILABLE, "the connection is closed")
        self._transport.write(data)

    async def _drained(self) -> None:
        self._writable = self._loop.create_future()
        try:
            await self._writable
        finally:
            self._writable = None

    def _let_write(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    # ---- receiving

    def _head_came(self, nbytes: int) -> None:
        start = max(0, self._filled - 3)
        self._filled += nbytes
        end = self._buffer.find(b"\r\n\r\n", start, self._filled)
        if (self._filled if end < 0 else end) > _HEAD_MAX:
            raise WireFailure(Meaning.BROKEN_ANSWER, "the head is too long")
        if end < 0:
            return
        head = parse_head(bytes(self._buffer[:end]), self._method)
        rest = self._buffer[end + 4 : self._filled]
        if head.status < 200:
            self._buffer[: len(rest)] = rest
            self._filled = 0
            if rest:
                self._head_came(len(rest))
            return
        self._head = head
        if head.framing is Framing.LENGTH and len(rest) == head.length <= self._limits.body_max:
            self._finish(rest)
            return
        self._body = body_of(head, self._limits.body_max)
        self._take_rest(rest)

    def _take_rest(self, rest: bytearray) -> None:
        """Bytes of the body that came with the head."""
        assert self._body is not None
        surplus = 0
        while rest and not self._body.whole and not surplus:
            room = self._body.room()
            count = min(len(room), len(rest))
            room[:count] = rest[:count]
            rest = rest[count:]
            room.release()
            surplus = self._body.came(count)
        self._body_came(len(rest) + surplus)

    def _body_came(self, surplus: int) -> None:
        assert self._body is not None
        if not self._body.whole:
            return
        # Bytes after the end belong to nothing that was asked for.
        if surplus:
            self.usable = False
        self._finish(self._body.result())

    def _finish(self, body: bytearray) -> None:
        head = self._head
        assert head is not None
        self.usable = self.usable and head.keeps
        answer = WireAnswer(head.status, head.headers, body, head.framing is not Framing.END)
        self.received = len(body)
        self._head = self._body = None
        self._filled = 0
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)
        self._let_write()

    def _fail(self, failure: WireFailure) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(failure)
        self.abort()
        self._let_write()

    def _how_it_broke(self, error: Exception | None) -> tuple[Meaning, str]:
        if self._body is not None:
            return Meaning.CUT_SHORT, "the body ended early"
        return Meaning.UNAVAILABLE, type(error).__name__ if error else "closed without an answer"

    # ---- time

    def _begin(self, request: WireRequest) -> None:
        self._method, self._limits = request.method, request.limits
        self._head = self._body = None
        self._filled = self.received = 0
        self._answer = self._loop.create_future()
        self._allow(request.limits.total(len(request.body), request.limits.body_max))
        if self._timer is None:
            self._watch()

    def _end(self) -> None:
        if self._answer is not None and self._answer.done() and not self._answer.cancelled():
            self._answer.exception()
        if self._body is not None:
            self.received = self._body.arrived
        self._answer = self._body = self._head = None
        self.idle_since = self._loop.time()
        if not self.usable:
            self._unwatch()
            if self._transport is not None:
                self._transport.abort()

    def _allow(self, seconds: float) -> None:
        self._active_at = self._loop.time()
        self._deadline = self._active_at + seconds
        due = min(self._deadline, self._active_at + self._limits.idle)
        if self._timer is not None and due < self._watched_until:
            self._unwatch()
            self._watch()

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _watch(self) -> None:
        """Look again when the nearer of the two limits is due. The timer outlives its exchange."""
        self._timer = None
        if self._answer is None:
            return
        now = self._loop.time()
        due = self._active_at + self._limits.idle
        if self._deadline is None:
            due = now + self._limits.idle
        elif self._deadline < due:
            due = self._deadline
        if due <= now:
            self._fail(WireFailure(Meaning.UNAVAILABLE, "the exchange took too long"))
        else:
            self._watched_until = due
            self._timer = self._loop.call_at(due, self._watch)
