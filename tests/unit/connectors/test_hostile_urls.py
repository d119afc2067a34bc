"""What nobody may reach through a list of URLs: each is refused before a connection is made (reliability.md 5.1)."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from connectors.endpoints import parse_endpoints
from connectors.errors import Rejected, Unavailable
from connectors.objects import Guard
from connectors.url import UrlStore
from connectors.wire import Wire
from engine.failures import Meaning
from tests.website import Site, running_site

FORBIDDEN = {Meaning.FORBIDDEN_ADDRESS, Meaning.FORBIDDEN_HOST}

LOOPBACK = """
127.0.0.1 127.1 127.0.1 2130706433 0x7f000001 0x7F.1 0x7f.0.0.1 0x7f.0x0.0x0.0x1 0177.0.0.1 017700000001
127.0.0.1. 127.000.000.001 127.0.0.2 127.255.255.254 0 0.0.0.0 00.0x0 0x0
localhost LOCALHOST localhost. sub.localhost localhost.localdomain ip6-localhost ip6-loopback
[::1] [0:0:0:0:0:0:0:1] [::] [::7f00:1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::FFFF:0:127.0.0.1]
[64:ff9b::7f00:1] [64:ff9b::127.0.0.1] [64:ff9b:1::7f00:1] [2002:7f00:1::] [2002:7f00:1::1] [2001:0:7f00:1::1]
"""
INNER = """
10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.254 192.168.0.1 192.168.255.255 100.64.0.1 100.127.255.254
169.254.169.254 169.254.170.2 2852039166 0xa9fea9fe 0251.0376.0251.0376 0xa9.0376.43518 169.254.43518
100.100.100.200 192.0.0.192 168430090 [::ffff:169.254.169.254] [64:ff9b::a9fe:a9fe] [2002:a9fe:a9fe::1]
[fd00:ec2::254] [fc00::1] [fdff::1] [fe80::1] [fe80::1%25lo] [fec0::1] [ff02::1] [ff0e::1] [100::1] [2001:db8::1]
[3fff::1] [5f00::1] [2001:10::1] 198.18.0.1 198.19.255.255 192.0.2.1 198.51.100.1 203.0.113.1 192.88.99.1
224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
metadata metadata.google.internal instance-data instance-data.ec2.internal kubernetes.default.svc
db.default.svc.cluster.local printer.local router.home.arpa intranet redis wiki.corp nas.lan 1.0.0.127.in-addr.arpa
private.test mixed.test six.test mapped.test nat64.test zoned.test
"""
HOSTS = [f"http://{host}:{{canary}}/x" for host in (LOOPBACK + INNER).split()]
WHOLE = [
    "https://127.0.0.1:{canary}/",
    "https://[::1]:{canary}/",
    "http://8.8.8.8:22/",
    "http://8.8.8.8:25/",
    "http://8.8.8.8:6379/",
    "http://8.8.8.8:2375/containers/json",
    "http://8.8.8.8:0/",
    "http://8.8.8.8:99999/",
    "http://8.8.8.8:080a/",
    "http://user@127.0.0.1:{canary}/",
    "http://8.8.8.8@127.0.0.1:{canary}/",
    "http://8.8.8.8:80@127.0.0.1:{canary}/",
    "http://127.0.0.1:{canary}@8.8.8.8/",
    "http://127.0.0.1:{canary}\\@8.8.8.8/",
    "http://127.0.0.1:{canary}#@8.8.8.8/",
    "http://127.0.0.1:{canary}?@8.8.8.8/",
    "http://8.8.8.8\\.127.0.0.1:{canary}/",
    "http://%31%32%37.0.0.1:{canary}/",
    "http://127.0.0.1%00.example.com:{canary}/",
    "http://①②⑦.⓪.⓪.①:{canary}/",
    "http://127。0。0。1:{canary}/",
    "http://loc\tal\nhost:{canary}/",
    " http://127.0.0.1:{canary}/",
    "http://127.0.0.1 :{canary}/",
    "http://[::1:{canary}/",
    "http://[127.0.0.1]:{canary}/",
    "http://1.2.3.4.5:{canary}/",
    "http://256.256.256.256:{canary}/",
    "http://0x1ffffffff:{canary}/",
    "http://127.0.0.1.:{canary}./",
    "http:127.0.0.1:{canary}/",
    "http:///127.0.0.1:{canary}/",
    "//127.0.0.1:{canary}/",
    "127.0.0.1:{canary}/",
    "",
    "ftp://127.0.0.1:{canary}/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{canary}/_x",
    "dict://127.0.0.1:{canary}/info",
    "ws://127.0.0.1:{canary}/",
    "jar:http://127.0.0.1:{canary}/!/",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/x",
]
CHAINS = [
    ["http://127.0.0.1:{canary}/"],
    ["http://localhost:{canary}/"],
    ["http://[::1]:{canary}/"],
    ["http://2130706433:{canary}/"],
    ["//127.0.0.1:{canary}/"],
    ["//0x7f.1:{canary}"],
    ["/2", "http://127.0.0.1:{canary}/"],
    ["2", "/3", "http://[::ffff:127.0.0.1]:{canary}/"],
    ["/2", "/3", "/4", "http://private.test:{canary}/"],
    ["/2", "/3", "/4", "/5", "http://127.0.0.1:{canary}/"],
    ["http://mixed.test:{canary}/"],
    ["http://169.254.169.254/latest/meta-data/"],
    ["http://metadata.google.internal/computeMetadata/v1/"],
    ["http://user:word@127.0.0.1:{canary}/"],
    ["http://127.0.0.1:{site}@127.0.0.1:{canary}/"],
    ["file:///etc/passwd"],
    ["gopher://127.0.0.1:{canary}/"],
    ["data:text/plain,x"],
    ["javascript:0"],
    ["http://8.8.8.8:6379/"],
    ["http://127.0.0.1:{canary}/ x"],
]
NAMES = {
    "private.test": ["127.0.0.1"],
    "mixed.test": ["8.8.8.8", "127.0.0.1"],
    "six.test": ["2a00:1450::1", "::1"],
    "mapped.test": ["::ffff:127.0.0.1"],
    "nat64.test": ["64:ff9b::7f00:1"],
    "zoned.test": ["fe80::1%lo"],
}


@dataclass
class Watch:
    """A canary that nothing may touch, and every address that anything tried to dial."""

    port: int = 0
    touched: list[Any] = field(default_factory=list)
    dialled: list[tuple[str, int]] = field(default_factory=list)


@pytest.fixture
async def watch(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watch]:
    """Listens on every loopback address; names under .test resolve as NAMES says."""
    found, loop = Watch(), asyncio.get_running_loop()
    real_dial, real_lookup = loop.create_connection, loop.getaddrinfo

    async def dial(make: Any, host: str, port: int, **more: Any) -> Any:
        found.dialled.append((host, port))
        return await real_dial(make, host, port, **more)

    async def lookup(host: str, port: int, **more: Any) -> Any:
        if host in NAMES:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in NAMES[host]]
        return await real_lookup(host, port, **more)

    async def touch(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.touched.append(writer.get_extra_info("peername"))
        writer.close()

    monkeypatch.setattr(loop, "create_connection", dial)
    monkeypatch.setattr(loop, "getaddrinfo", lookup)
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(await asyncio.start_server(touch, "127.0.0.1", 0))
        found.port = first.sockets[0].getsockname()[1]
        for address in ("127.0.0.2", "127.255.255.254", *(["::1"] if socket.has_dualstack_ipv6() else [])):
            await stack.enter_async_context(await asyncio.start_server(touch, address, found.port))
        yield found


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """The one host that the operator has named."""
    with running_site() as found:
        yield found


@pytest.fixture
async def store(site: Site) -> AsyncIterator[UrlStore]:
    """Opens the site, and nothing else that is not public."""
    named = parse_endpoints(f"- {{cloud_type: URLSource, region: '*', endpoint: '{site.url}'}}")
    async with Wire() as wire:
        yield UrlStore(wire, named)


async def refuse(store: UrlStore, url: str, watch: Watch) -> None:
    """By HEAD, GET and stream: refused, and the canary is silent."""
    key = url.encode()
    for ask in (
        lambda: store.head(key),
        lambda: store.read(key, Guard("", 5)),
        lambda: store.stream(key, Guard("", -1)),
    ):
        with pytest.raises(Rejected) as caught:
            await ask()
        assert caught.value.meaning in FORBIDDEN
    await asyncio.sleep(0)
    assert watch.touched == []


@pytest.mark.check(12)
@pytest.mark.parametrize("url", HOSTS + WHOLE)
async def test_a_hostile_url_is_never_dialled(url: str, store: UrlStore, watch: Watch) -> None:
    await refuse(store, url.replace("{canary}", str(watch.port)), watch)
    assert watch.dialled == []


@pytest.mark.check(12)
@pytest.mark.parametrize("chain", CHAINS, ids=" > ".join)
async def test_a_hostile_redirect_is_never_followed(
    chain: list[str], store: UrlStore, watch: Watch, site: Site
) -> None:
    for number, hop in enumerate(chain, 1):
        location = hop.replace("{canary}", str(watch.port)).replace("{site}", str(site.port))
        site.put(f"/{number}", status=302, location=location)
    await refuse(store, f"{site.url}/1", watch)
    assert set(watch.dialled) == {("127.0.0.1", site.port)}


async def test_a_name_that_changes_its_address_is_dialled_where_it_was_checked(
    store: UrlStore, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    answers = iter(["8.8.8.8", *["127.0.0.1"] * 9])
    dialled: list[str] = []

    async def lookup(host: str, port: int, **_: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    async def dial(make: Any, host: str, port: int, **_: Any) -> Any:
        dialled.append(host)
        raise ConnectionRefusedError

    monkeypatch.setattr(loop, "getaddrinfo", lookup)
    monkeypatch.setattr(loop, "create_connection", dial)
    with pytest.raises(Unavailable):
        await store.head(f"http://rebind.test:{watch.port}/".encode())
    with pytest.raises(Rejected):
        await store.head(f"http://rebind.test:{watch.port}/".encode())
    assert dialled == ["8.8.8.8"]


async def test_a_public_host_is_asked(store: UrlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    dialled: list[tuple[str, int]] = []

    async def dial(make: Any, host: str, port: int, **_: Any) -> Any:
        dialled.append((host, port))
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", dial)
    for url in ("http://134744072/", "https://[2a00:1450::1]/", "http://8.8.8.8:8080/"):
        with pytest.raises(Unavailable):
            await store.head(url.encode())
    assert dialled == [("8.8.8.8", 80), ("2a00:1450::1", 443), ("8.8.8.8", 8080)]


async def test_redirects_are_few_and_keep_to_https(store: UrlStore, site: Site) -> None:
    for number in range(1, 8):
        site.put(f"/far{number}", status=302, location=f"/far{number + 1}")
    site.put("/far6", b"arrived")
    assert (await store.head(f"{site.url}/far1".encode())).info.size == 7
    site.put("/far6", status=302, location="/far7")
    with pytest.raises(Rejected) as caught:
        await store.head(f"{site.url}/far1".encode())
    assert caught.value.meaning is Meaning.REJECTED
