"""HTTP/1.1 on raw bytes: the request target reaches the operations exactly as it was sent."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, cast

from tests.storeserver.chunked import ChunkedDecoder, Malformed
from tests.storeserver.message import Request, Response
from tests.storeserver.sending import Sender, head_bytes, reset, simple

if TYPE_CHECKING:
    from tests.storeserver.dispatch import Dispatcher

_MAX_HEAD = 64 * 1024
_MAX_WAITING = 1024 * 1024


def parse_head(head: bytes) -> Request:
    """A request from its head, without the blank line; raises Malformed."""
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise Malformed("request line")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not name or name[-1] == " ":
            raise Malformed("header line")
        name, value = name.lower(), value.strip(" \t")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    path, _, query = words[1].encode("latin-1").partition(b"?")
    return Request(words[0], path, query, headers, words[2].encode(), started=time.monotonic())


class Connection(asyncio.Protocol):
    """One client connection; requests are answered one after the other."""

    def __init__(self, dispatcher: Dispatcher, connections: set[Connection]) -> None:
        self._dispatcher = dispatcher
        self._recorder = dispatcher.service.recorder
        self._connections = connections
        self._waiting = bytearray()
        self._request: Request | None = None
        self._missing = 0
        self._chunks: ChunkedDecoder | None = None
        self._busy = False
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._sender: Sender | None = None
        self.transport: asyncio.Transport

    # --- transport events ----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the interface of asyncio.Transport without being subclasses of it.
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=256 * 1024, low=64 * 1024)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        if self._timer is not None:
            return  # the request has come whole, so its work is done although nobody hears the answer
        if self._sender is not None:
            self._sender.cancel()
        elif self._request is not None:
            if self._request.sink is not None:
                self._request.sink.discard()
            self._done(self._request, 0, 0)
        self._busy = True

    def cut(self) -> None:
        """End the connection at once; work that waits for its time is not done."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.transport.abort()

    @property
    def idle(self) -> bool:
        """Whether no request is under way."""
        return self._request is None and not self._waiting

    def data_received(self, data: bytes) -> None:
        if self._missing and not self._busy and not self._waiting and len(data) <= self._missing:
            self._take(data)
        else:
            self._waiting += data
        if self._busy:
            self._hold_back()
        else:
            self._advance()

    def pause_writing(self) -> None:
        if self._sender is not None:
            self._sender.pause()

    def resume_writing(self) -> None:
        if self._sender is not None:
            self._sender.resume()

    # --- reading -------------------------------------------------------------------------------------

    def _hold_back(self) -> None:
        if len(self._waiting) > _MAX_WAITING and not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def _advance(self) -> None:
        """Go on with what has come, until more is needed or an answer is under way."""
        try:
            while not self._busy and (self._read_body() if self._request is not None else self._read_head()):
                pass
        except Malformed as problem:
            self._refuse_malformed(str(problem))

    def _refuse_malformed(self, problem: str) -> None:
        self._busy = True
        body = f"<Error><Code>BadRequest</Code><Message>malformed {problem}</Message></Error>".encode()
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        self.transport.close()

    def _read_head(self) -> bool:
        while self._waiting.startswith(b"\r\n"):
            del self._waiting[:2]
        end = self._waiting.find(b"\r\n\r\n")
        if end < 0:
            if len(self._waiting) > _MAX_HEAD:
                raise Malformed("head: too long")
            return False
        request = parse_head(bytes(self._waiting[:end]))
        del self._waiting[: end + 4]
        self._begin(request)
        return True

    def _begin(self, request: Request) -> None:
        headers = request.headers
        chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        length = headers.get("content-length", "0")
        if not length.isdigit():
            raise Malformed("Content-Length")
        self._missing = 0 if chunked else int(length)
        self._chunks = ChunkedDecoder() if chunked else None
        self._dispatcher.open(request, 1 << 40 if chunked else self._missing)
        self._request = request
        fault = request.fault
        if fault is not None and (fault.drop or fault.reset_in == 0):
            self._busy = True
            reset(self.transport)
        elif not chunked and not self._missing:
            self._execute()
        elif headers.get("expect", "").lower() == "100-continue":
            if request.refusal is None:
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            else:
                headers["connection"] = "close"
                self._execute()

    def _read_body(self) -> bool:
        if not self._waiting:
            return False
        if self._chunks is not None:
            data, used = self._chunks.feed(bytes(self._waiting))
            del self._waiting[:used]
            if data:
                self._take(data)
            if self._chunks.ended and not self._busy:
                self._execute()
            return used > 0
        data = bytes(self._waiting[: self._missing])
        del self._waiting[: len(data)]
        self._take(data)
        return True

    def _take(self, data: bytes) -> None:
        """Body bytes of the current request."""
        request = self._request
        assert request is not None
        assert request.sink is not None
        request.sink.feed(data)
        request.bytes_in += len(data)
        if request.op != "admin":
            self._recorder.received(len(data))
        if self._chunks is None:
            self._missing -= len(data)
        fault = request.fault
        pause = len(data) / fault.rate_in if fault is not None and fault.rate_in else 0.0
        if fault is not None and 0 <= fault.reset_in <= request.bytes_in:
            self._busy = True
            reset(self.transport)
        elif self._chunks is None and not self._missing:
            self._execute(pause)
        elif pause:
            self._slow_down(pause)

    def _slow_down(self, seconds: float) -> None:
        self.transport.pause_reading()
        asyncio.get_running_loop().call_later(seconds, self._resume_reading)

    def _resume_reading(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()

    # --- answering -----------------------------------------------------------------------------------

    def _execute(self, pause: float = 0.0) -> None:
        """The request is whole: answer it, after its delay if it has one, and a pause in seconds."""
        self._busy = True
        request = self._request
        assert request is not None
        delay = 0.0 if request.op == "admin" else self._dispatcher.service.latency
        if request.fault is not None:
            delay += request.fault.delay_ms / 1000 + pause
        if delay > 0:
            self._timer = asyncio.get_running_loop().call_later(delay, self._answer_late, request)
        else:
            self._answer(request)

    def _answer_late(self, request: Request) -> None:
        self._timer = None
        self._answer(request)
        if not self._busy:
            self._advance()

    def _answer(self, request: Request) -> None:
        response = self._dispatcher.respond(request)
        fault = request.fault
        gone = self.transport.is_closing()
        if gone or (fault is not None and fault.lost_answer):
            if response.reader is not None:
                response.reader.close()
            if gone:
                self._request = None
                self._done(request, 0, 0)
            reset(self.transport)
            return
        keep = request.headers.get("connection", "").lower() != "close" and request.version != b"HTTP/1.0"
        response.close = response.close or not keep
        if fault is None and simple(response):
            body = b"" if response.head_only else _whole(response)
            self.transport.write(head_bytes(response) + body)
            self._finish(request, response, len(body))
        else:
            self._sender = Sender(self, self._dispatcher.service, request, response)
            self._sender.start()

    def sent(self, request: Request, response: Response, count: int, *, complete: bool) -> None:
        """The sender has ended; the connection goes on when the answer was complete."""
        self._sender = None
        if complete:
            self._finish(request, response, count, counted=True)
            if not self._busy:
                self._advance()
        else:
            self._request = None
            self._done(request, 0, count)

    def _finish(self, request: Request, response: Response, count: int, *, counted: bool = False) -> None:
        if count and not counted and request.op != "admin":
            self._recorder.sent(count)
        self._request = None
        self._done(request, response.status, count)
        if response.close or (request.fault is not None and request.fault.close_idle):
            self.transport.close()
            return
        self._busy = False
        if self._paused:
            self._paused = False
            self.transport.resume_reading()

    def _done(self, request: Request, status: int, count: int) -> None:
        if request.op != "admin":
            self._recorder.done(request, status, count)


def _whole(response: Response) -> bytes:
    if response.reader is None:
        return response.body
    try:
        return response.reader.read(response.start, response.length)
    finally:
        response.reader.close()
