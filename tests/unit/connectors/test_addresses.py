"""No address that is not plain public unicast is dialled unless the operator named the host (reliability.md 5.1)."""

import asyncio
import socket

import pytest

from connectors.wire import Limits, Route, Target, Wire, WireFailure, WireRequest
from connectors.wire.addresses import is_public
from engine.failures import Meaning

_DENIED = """
0.0.0.0 10.0.0.1 100.64.0.1 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1 172.31.255.255
192.0.0.1 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.1.1.1
240.0.0.1 255.255.255.255 :: ::1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:0:169.254.169.254
64:ff9b::a9fe:a9fe 64:ff9b:1::1 100::1 2001::1 2001:db8::1 2002:a9fe:a9fe::1 2002:7f00:1::1 3fff::1
fc00::1 fd00::1 fe80::1 fe80::1%eth0 fec0::1 ff02::1 5f00::1 nonsense
"""
DENIED = _DENIED.split()
_PUBLIC = """
1.1.1.1 8.8.8.8 52.216.0.1 172.32.0.1 192.0.1.1 198.20.0.1 223.255.255.255 2600::1 2a00:1450::1
"""
PUBLIC = _PUBLIC.split()


@pytest.mark.parametrize("address", DENIED)
def test_an_address_is_denied(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_is_public(address: str) -> None:
    assert is_public(address)


HOSTS = [
    "127.0.0.1",
    "localhost",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.1",
    "::1",
    "169.254.169.254",
    "::ffff:127.0.0.1",
]


@pytest.mark.parametrize("host", HOSTS)
async def test_a_private_host_gets_no_connection(host: str) -> None:
    touched = asyncio.Event()

    async def canary(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        touched.set()
        writer.close()

    server = await asyncio.start_server(canary, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Wire() as wire:
        with pytest.raises(WireFailure) as caught:
            await wire.send(WireRequest("GET", Target("http", host, port), "/", {}, limits=Limits(grace=3)))
    assert caught.value.meaning is Meaning.FORBIDDEN_ADDRESS
    assert not touched.is_set()


async def test_one_private_address_among_public_ones_refuses_the_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def mixed(*_: object, **__: object) -> list[object]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in ("8.8.8.8", "10.0.0.1")
        ]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", mixed)
    async with Wire() as wire:
        with pytest.raises(WireFailure) as caught:
            await wire.send(WireRequest("GET", Target("http", "mixed.test", 80), "/", {}))
    assert caught.value.meaning is Meaning.FORBIDDEN_ADDRESS


async def test_a_named_route_does_not_open_others() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    named = Target("http", "store.test", port, Route(connect=("127.0.0.1", port), private_ok=True))
    async with Wire() as wire:
        assert (await wire.send(WireRequest("GET", named, "/", {}))).body == b"ok"
        with pytest.raises(WireFailure):
            await wire.send(WireRequest("GET", Target("http", "127.0.0.1", port), "/", {}))
    server.close()
