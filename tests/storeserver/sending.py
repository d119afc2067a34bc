"""Writing answers: heads, large bodies with flow control, and every way in which an answer can go wrong."""

from __future__ import annotations

import asyncio
import gzip
import http
import socket
import struct
import time
from typing import TYPE_CHECKING

from tests.storeserver.body import BLOCK, Reader
from tests.storeserver.faults import Fault
from tests.storeserver.message import Request, Response, http_date
from tests.storeserver.mutation import mutate
from tests.storeserver.service import Service

if TYPE_CHECKING:
    from tests.storeserver.protocol import Connection

_PHRASES = {s.value: s.phrase.encode() for s in http.HTTPStatus}
_BODILESS = frozenset({204, 304})


def simple(response: Response) -> bool:
    """Whether an answer may go out in one write."""
    return response.reader is None or response.length <= BLOCK


def reset(transport: asyncio.Transport) -> None:
    """End a connection with RST, as a crashed peer does."""
    sock = transport.get_extra_info("socket")
    if sock is not None and not transport.is_closing():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def head_bytes(response: Response, framing: str = "length") -> bytes:
    """The head of an answer, blank line included."""
    status = response.status
    lines = [
        b"HTTP/1.1 %d %b\r\nDate: %b"
        % (status, _PHRASES.get(status, b"X"), http_date(int(time.time())).encode())
    ]
    lines += [f"{name}: {value}".encode("latin-1", "xmlcharrefreplace") for name, value in response.headers]
    if framing == "length":
        if status not in _BODILESS:
            lines.append(b"Content-Length: %d" % response.size)
    elif framing != "close":
        lines.append(b"Transfer-Encoding: chunked")
    if response.close:
        lines.append(b"Connection: close")
    lines.append(b"\r\n")
    return b"\r\n".join(lines)


class Sender:
    """Sends one answer piece by piece."""

    def __init__(
        self, connection: Connection, service: Service, request: Request, response: Response
    ) -> None:
        self._connection = connection
        self._service = service
        self._request = request
        self._response = response
        self._fault = request.fault or Fault()
        self._writable = asyncio.Event()
        self._writable.set()
        self._task: asyncio.Task[None] | None = None
        self._sent = 0

    def start(self) -> None:
        """Begin to send."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    def cancel(self) -> None:
        """The connection is gone."""
        if self._task is not None:
            self._task.cancel()

    def pause(self) -> None:
        """The connection takes no more for now."""
        self._writable.clear()

    def resume(self) -> None:
        """It takes more."""
        self._writable.set()

    async def _run(self) -> None:
        complete = False
        try:
            complete = await self._send()
        finally:
            if self._response.reader is not None:
                self._response.reader.close()
            self._connection.sent(self._request, self._response, self._sent, complete=complete)

    async def _send(self) -> bool:
        """Returns whether the connection can go on with another request."""
        response, fault, transport = self._response, self._fault, self._connection.transport
        _spoil_head(response, fault, self._request)
        framing = fault.framing if fault.truncate >= 0 else "length"
        if framing == "close":
            response.close = True
        head = head_bytes(response, framing)
        if response.head_only or response.status in _BODILESS:
            transport.write(head)
            return True
        transport.write(head)
        end = response.size if fault.truncate < 0 else min(response.size, fault.truncate)
        chunked = framing in ("chunked", "ended")
        if not await self._send_body(end, chunked=chunked):
            return False
        if framing == "ended":
            transport.write(b"0\r\n\r\n")
            return True
        if fault.truncate >= 0 or fault.length_less:
            transport.close()
            return False
        return True

    async def _send_body(self, end: int, *, chunked: bool) -> bool:
        at = 0
        stops = sorted(n for n in self._stops() if n <= end)
        while True:
            while stops and stops[0] <= at:
                if not await self._stop(stops.pop(0)):
                    return False
            if at >= end:
                return True
            step = min(end, stops[0] if stops else end, at + self._block_size()) - at
            block = self._read(at, step)
            self._write(block, chunked=chunked)
            at += step
            await self._writable.wait()
            if self._fault.rate:
                await asyncio.sleep(step / self._fault.rate)

    def _stops(self) -> set[int]:
        fault = self._fault
        return {n for n in (fault.stall_after, fault.reset_out, fault.mutate_after) if n >= 0}

    async def _stop(self, at: int) -> bool:
        """Do what is to happen after `at` bytes; False when the connection is gone."""
        fault = self._fault
        if at == fault.mutate_after:
            replaced = mutate(self._service, self._request.bucket, self._request.key)
            if fault.mixed and replaced is not None:
                if self._response.reader is not None:
                    self._response.reader.close()
                self._response.reader = Reader(self._service.storage.files, replaced.body, 0, replaced.size)
        if at == fault.stall_after:
            await asyncio.sleep(86400 if fault.stall is None else fault.stall)
        if at == fault.reset_out:
            # What was written before is pushed out first: RST discards what the peer has not yet received.
            await self._flush()
            reset(self._connection.transport)
            return False
        return True

    async def _flush(self) -> None:
        while self._connection.transport.get_write_buffer_size() > 0:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)

    def _block_size(self) -> int:
        return max(1, min(BLOCK, int(self._fault.rate / 20))) if self._fault.rate else BLOCK

    def _read(self, at: int, count: int) -> bytes:
        response, flip = self._response, self._fault.flip
        if response.reader is not None:
            block = response.reader.read(response.start + at, count)
        else:
            block = response.body[at : at + count]
        if at <= flip < at + count:
            changed = bytearray(block)
            changed[flip - at] ^= 0x01
            block = bytes(changed)
        return block

    def _write(self, block: bytes, *, chunked: bool) -> None:
        self._connection.transport.write(b"%x\r\n%b\r\n" % (len(block), block) if chunked else block)
        self._sent += len(block)
        if self._request.op != "admin":
            self._service.recorder.sent(len(block))


def _spoil_head(response: Response, fault: Fault, request: Request) -> None:
    """Change an answer before its head goes out."""
    response.headers += fault.headers.items()
    if fault.etag or fault.no_etag:
        response.headers = [(n, v) for n, v in response.headers if n != "ETag"]
        if fault.etag:
            response.headers.append(("ETag", f'"{fault.etag}"'))
    if fault.content_range and response.status == 206:
        response.headers = [(n, v) for n, v in response.headers if n != "Content-Range"]
        response.headers.append(("Content-Range", fault.content_range))
    if fault.length_less and response.reader is not None:
        response.length = max(0, response.length - fault.length_less)
    if fault.gzip and response.reader is not None and "gzip" in request.headers.get("accept-encoding", ""):
        response.body = gzip.compress(response.reader.read(response.start, response.length))
        response.reader.close()
        response.reader = None
        response.headers = [(n, v) for n, v in response.headers if n != "Content-Encoding"]
        response.headers.append(("Content-Encoding", "gzip"))
