"""A TCP proxy between the engine and its stores that can cut, silence and mute what passes.

`python -m tests.chaos.proxy NAME=HOST:PORT ...` prints `{"NAME": port, ...}`, then takes a line
`NAME MODE` each time from standard input and ends with it. Modes: `pass`; `refuse` ends each new connection;
`cut` resets all connections that are open and goes on passing; `silence` passes nothing either way;
`mute` passes requests and holds the answers back.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys


class Way:
    """One listener and what passes through it."""

    def __init__(self, host: str, port: int) -> None:
        self._there = (host, port)
        self._mode = "pass"
        self._open: set[Half] = set()

    @property
    def mode(self) -> str:
        """How it behaves now."""
        return self._mode

    def obey(self, mode: str) -> None:
        """Change how it behaves; what was held back goes on at `pass`."""
        if mode == "cut":
            for half in list(self._open):
                half.reset()
            mode = "pass"
        self._mode = mode
        for half in list(self._open):
            half.steer()

    def accept(self) -> Half:
        """The near half of a connection that comes in."""
        return Half(self)

    def joined(self, half: Half) -> None:
        """A half is open."""
        self._open.add(half)

    def left(self, half: Half) -> None:
        """A half is closed."""
        self._open.discard(half)

    async def dial(self, near: Half) -> None:
        """Connect the far half."""
        try:
            await asyncio.get_running_loop().create_connection(lambda: Half(self, near), *self._there)
        except OSError:
            near.reset()


class Half(asyncio.Protocol):
    """One side of a connection; what it reads goes to the other. The far half carries answers."""

    def __init__(self, way: Way, near: Half | None = None) -> None:
        self._way = way
        self._other = near
        self._answers = near is not None
        self._early: list[bytes] = []
        self._reading = True
        self._dialling: asyncio.Task[None] | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # uvloop's is no subclass of asyncio.Transport
        assert self.transport is not None
        if self._way.mode == "refuse" and not self._answers:
            self.transport.abort()
            return
        self._way.joined(self)
        if self._other is None:
            self._dialling = asyncio.get_running_loop().create_task(self._way.dial(self))
        else:
            self._other.meet(self)
        self.steer()

    def meet(self, far: Half) -> None:
        """The far half is there: what came before goes to it."""
        self._other = far
        assert far.transport is not None
        if self.transport is None or self.transport.is_closing():
            far.reset()
            return
        for data in self._early:
            far.transport.write(data)
        self._early = []

    def steer(self) -> None:
        """Read, or leave what comes in the kernel."""
        held = self._way.mode == "silence" or (self._way.mode == "mute" and self._answers)
        self._read(wanted=not held)

    def _read(self, *, wanted: bool) -> None:
        if self.transport is None or self.transport.is_closing() or wanted is self._reading:
            return
        self._reading = wanted
        (self.transport.resume_reading if wanted else self.transport.pause_reading)()

    def data_received(self, data: bytes) -> None:
        if self._other is None or self._other.transport is None:
            self._early.append(data)
        else:
            self._other.transport.write(data)

    def pause_writing(self) -> None:
        if self._other is not None:
            self._other._read(wanted=False)

    def resume_writing(self) -> None:
        if self._other is not None:
            self._other.steer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._way.left(self)
        if self._other is not None and self._other.transport is not None:
            self._other.transport.close()

    def reset(self) -> None:
        """End it with RST."""
        if self.transport is None or self.transport.is_closing():
            return
        sock = self.transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


async def main(arguments: list[str]) -> None:
    """Listen until standard input ends."""
    loop, ways, ports = asyncio.get_running_loop(), {}, {}
    for argument in arguments:
        name, _, address = argument.partition("=")
        host, _, port = address.rpartition(":")
        way = ways[name] = Way(host, int(port))
        server = await loop.create_server(way.accept, "127.0.0.1", 0, backlog=1024)
        ports[name] = server.sockets[0].getsockname()[1]
    print(json.dumps(ports), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        name, mode = line.split()
        ways[name].obey(mode)


if __name__ == "__main__":
    import uvloop

    uvloop.run(main(sys.argv[1:]))
