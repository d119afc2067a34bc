"""The wire on raw sockets: what it sends, what it refuses, how long it waits."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from connectors.wire import (
    Counters,
    Limits,
    OperationCounts,
    Route,
    Target,
    Wire,
    WireAnswer,
    WireFailure,
    WireRequest,
)
from engine.failures import Meaning

Reply = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def _server(reply: Reply) -> AsyncIterator[tuple[Target, list[bytes]]]:
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                heads.append(head)
                await reply(head, reader, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 22)
    port = server.sockets[0].getsockname()[1]
    try:
        yield Target("http", "127.0.0.1", port, Route(private_ok=True)), heads
    finally:
        server.close()


async def _ask(reply: bytes, request: WireRequest | None = None, *, close: bool = False) -> WireAnswer:
    async def answer(_: bytes, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(reply)
        if close:
            await writer.drain()
            writer.close()

    async with _server(answer) as (target, _), Wire() as wire:
        asked = request or WireRequest("GET", target, "/", {})
        return await wire.send(replace(asked, target=target))


ANY_TARGET = Target("http", "x", 80)


@pytest.mark.parametrize(
    "target", ["/a/../b", "/..", "/a//b?x=%2F&y", "/%0A%00+%2B", "//two", "/a/./b", "/a%23?b"]
)
async def test_the_target_stays_as_it_is(target: str) -> None:
    async def answer(_: bytes, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with _server(answer) as (where, heads), Wire() as wire:
        await wire.send(WireRequest("GET", where, target, {"host": where.authority}))
    line, *headers = heads[0].decode().split("\r\n")
    assert line == f"GET {target} HTTP/1.1"
    names = sorted(header.partition(":")[0].lower() for header in headers if header)
    assert names == ["accept-encoding", "host"]


@pytest.mark.check(34)
@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\nshort",
    ],
)
async def test_a_body_that_ends_early_is_cut_short(reply: bytes) -> None:
    with pytest.raises(WireFailure) as caught:
        await _ask(reply, close=True)
    assert caught.value.meaning is Meaning.CUT_SHORT


async def test_a_body_without_a_length_needs_its_expected_size() -> None:
    reply = b"HTTP/1.1 200 OK\r\n\r\nbody"
    asked = WireRequest("GET", ANY_TARGET, "/", {})
    assert (await _ask(reply, replace(asked, expected=4), close=True)).framed
    assert not (await _ask(reply, asked, close=True)).framed
    with pytest.raises(WireFailure) as caught:
        await _ask(reply, replace(asked, expected=5), close=True)
    assert caught.value.meaning is Meaning.CUT_SHORT


async def test_an_encoded_body_is_not_decoded() -> None:
    answer = await _ask(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x00\x01"
    )
    assert answer.body == b"\x1f\x8b\x00\x01"


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + b"x" * 1001,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3E9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * (64 << 10) + b"\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 abc nonsense\r\n\r\n",
    ],
)
async def test_an_answer_out_of_bounds_is_broken(reply: bytes) -> None:
    with pytest.raises(WireFailure) as caught:
        await _ask(reply, WireRequest("GET", ANY_TARGET, "/", {}, limits=Limits(body_max=1000)))
    assert caught.value.meaning is Meaning.BROKEN_ANSWER


async def test_a_redirect_is_an_answer() -> None:
    answer = await _ask(b"HTTP/1.1 307 Go\r\nLocation: http://10.0.0.1/\r\nContent-Length: 0\r\n\r\n")
    assert (answer.status, answer.header("location")) == (307, "http://10.0.0.1/")


async def test_cookies_are_forgotten() -> None:
    async def answer(_: bytes, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n")

    async with _server(answer) as (where, heads), Wire() as wire:
        for _ in range(2):
            await wire.send(WireRequest("GET", where, "/", {}))
    assert b"ookie" not in heads[1]


async def test_a_dripping_server_is_cut_off() -> None:
    async def drip(_: bytes, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _number in range(1000):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    limits = Limits(idle=1.0, grace=0.3, floor_rate=10_000, body_max=1000)
    async with _server(drip) as (where, _), Wire() as wire:
        started = time.monotonic()
        with pytest.raises(WireFailure) as caught:
            await wire.send(WireRequest("GET", where, "/", {}, limits=limits))
    assert caught.value.meaning is Meaning.UNAVAILABLE
    assert time.monotonic() - started < 1.5


async def test_a_silent_server_is_given_up() -> None:
    async def silence(_: bytes, __: asyncio.StreamReader, ___: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)

    async with _server(silence) as (where, _), Wire() as wire:
        with pytest.raises(WireFailure) as caught:
            await wire.send(WireRequest("GET", where, "/", {}, limits=Limits(idle=0.2)))
    assert caught.value.meaning is Meaning.UNAVAILABLE


async def _swallow(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize("size", [0, 1, (256 << 10), (256 << 10) + 1, 3 << 20])
async def test_a_body_has_its_length_and_is_never_chunked(size: int) -> None:
    meter = Counters()
    async with _server(_swallow) as (where, heads), Wire(meter) as wire:
        request = WireRequest("PUT", where, "/", {}, body=memoryview(bytes(size)), store="s", operation="put")
        assert (await wire.send(request)).status == 200
    assert f"content-length: {size}\r\n".encode() in heads[0].lower()
    assert b"transfer-encoding" not in heads[0].lower()
    tally = meter.tallies["s", "put", "2xx"]
    assert (tally.requests, tally.sent) == (1, size)


async def test_waiting_for_pace_does_not_count_as_slow() -> None:
    asked: list[int] = []

    async def pace(count: int) -> None:
        asked.append(count)
        await asyncio.sleep(0.1)

    limits = Limits(idle=5, grace=0.25, floor_rate=1 << 40, body_max=10)
    async with _server(_swallow) as (where, _), Wire() as wire:
        request = WireRequest("PUT", where, "/", {}, body=bytes(8 * (64 << 10)), pace=pace, limits=limits)
        assert (await wire.send(request)).status == 200
    assert asked == [64 << 10] * 8


async def test_what_pace_raises_stops_the_request() -> None:
    class Stopped(Exception):
        pass

    calls = 0

    async def pace(_: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise Stopped

    async with _server(_swallow) as (where, _), Wire() as wire:
        with pytest.raises(Stopped):
            await wire.send(WireRequest("PUT", where, "/", {}, body=bytes(1 << 20), pace=pace))
    assert calls == 3


async def test_a_server_that_stops_reading_is_cut_off() -> None:
    async def stall(_: bytes, __: asyncio.StreamReader, ___: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)

    limits = Limits(idle=5, grace=0.3, floor_rate=1 << 20, body_max=1000)
    async with _server(stall) as (where, _), Wire() as wire:
        started = time.monotonic()
        with pytest.raises(WireFailure) as caught:
            await wire.send(WireRequest("PUT", where, "/", {}, body=bytes(64 << 20), limits=limits))
    assert caught.value.meaning is Meaning.UNAVAILABLE
    assert time.monotonic() - started < 3


async def test_a_request_is_never_sent_twice() -> None:
    async def hang_up(_: bytes, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(heads) == 1:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        else:
            writer.close()

    async with _server(hang_up) as (where, heads), Wire() as wire:
        await wire.send(WireRequest("GET", where, "/", {}))
        with pytest.raises(WireFailure):
            await wire.send(WireRequest("GET", where, "/", {}))
        assert len(heads) == 2


async def test_nothing_listening_is_unavailable_and_no_request() -> None:
    meter = OperationCounts()
    async with _server(_swallow) as (where, _):
        pass
    async with Wire(meter) as wire:
        with pytest.raises(WireFailure) as caught:
            await wire.send(WireRequest("GET", where, "/", {}))
    assert caught.value.meaning is Meaning.UNAVAILABLE
    assert meter.take() == {}


_BROKEN = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + bytes(500_000),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ndbba0\r\n" + bytes(500_000),
]


@pytest.mark.parametrize("answered", _BROKEN, ids=["length", "chunks"])
async def test_what_came_of_an_answer_that_broke_off_is_counted(answered: bytes) -> None:
    async def break_off(_: bytes, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answered)
        await writer.drain()
        writer.close()

    meter = OperationCounts()
    async with _server(break_off) as (where, _), Wire(meter) as wire:
        with pytest.raises(WireFailure):
            await wire.send(WireRequest("GET", where, "/", {}, operation="read"))
    tally = meter.take()["read"]
    assert (tally.requests, tally.received) == (1, 500_000)


async def test_wires_that_share_connections_count_apart() -> None:
    whole, one, other = OperationCounts(), OperationCounts(), OperationCounts()
    async with _server(_swallow) as (where, _), Wire(whole) as wire:
        for counts, size in ((one, 7), (other, 9), (one, 5)):
            request = WireRequest("PUT", where, "/", {}, body=bytes(size), operation="put")
            await wire.counted(counts).send(request)
    (mine, others) = (counts.take()["put"] for counts in (one, other))
    assert ((mine.requests, mine.sent), (others.requests, others.sent)) == ((2, 12), (1, 9))
    assert (whole.take(), one.take()) == ({}, {})


async def test_a_header_with_a_line_end_is_refused_before_it_is_sent() -> None:
    async with _server(_swallow) as (where, heads), Wire() as wire:
        with pytest.raises(WireFailure) as caught:
            await wire.send(WireRequest("GET", where, "/", {"x-a": "b\r\nEvil: y"}))
    assert caught.value.meaning is Meaning.REJECTED
    assert heads == []
