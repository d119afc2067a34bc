"""The bound on request heads, with uvicorn as `oms api` runs it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn

from cli.api import HEAD_BYTES, BoundedHead


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answers with the length of the body."""
    length, more = 0, True
    while more:
        message = await receive()
        length, more = length + len(message["body"]), message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(length).encode()})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A running server's port."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(application, http=BoundedHead, ws="none", lifespan="off", log_level="error")
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    yield listener.getsockname()[1]
    server.should_exit = True
    await running


async def exchange(port: int, *pieces: bytes) -> bytes:
    """Sends the pieces one by one; returns all that comes back until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.02)
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()


async def test_a_head_that_never_ends_is_refused_before_it_fills_memory(port: int) -> None:
    filler = b"x" * (HEAD_BYTES // 4)
    answer = await exchange(port, b"GET / HTTP/1.1\r\nHost: a\r\nX-A: ", *[filler] * 5)
    assert answer.startswith(b"HTTP/1.1 400 ")


async def test_a_body_may_be_longer_than_a_head(port: int) -> None:
    body = b"b" * (HEAD_BYTES * 3)
    head = f"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    answer = await exchange(port, head, body[:1000], body[1000:])
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(str(len(body)).encode() + b"\r\n0\r\n\r\n")


async def test_many_requests_on_one_connection_are_each_bounded_alone(port: int) -> None:
    request = b"GET / HTTP/1.1\r\nHost: a\r\nX-A: " + b"x" * 30_000 + b"\r\n\r\n"
    last = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    answer = await exchange(port, request, request, request, request, last)
    assert answer.count(b"HTTP/1.1 200 ") == 5
