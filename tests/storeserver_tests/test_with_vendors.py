"""Driven by the vendors' own SDKs for OSS, COS, KS3, BOS and QingStor: put, get, list, multipart, restore, refusals.

Then our connectors and the SDKs read what the other wrote.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import qiniu.utils
import ufile.util
from fastcrc import crc64
from pydantic import SecretStr

from connectors.capabilities import DestinationStore
from connectors.endpoints import parse_endpoints
from connectors.locations import Credentials, Location
from connectors.objects import ANY, Availability, Block, Guard, Properties, WriteOptions
from connectors.registry import open_store
from connectors.wire import Wire
from engine.failures import Side
from tests.storeserver import ServerProcess, etags
from tests.storeserver_tests.vendor_clients import MAKERS
from tests.storeserver_tests.vendor_servers import (
    AK,
    BUCKET,
    DOMAINS,
    KEYS,
    NO_ARCHIVE,
    NO_CRC64,
    NO_TOKENS,
    REGION,
    SK,
    TOKEN,
    Client,
    config,
)

PART = 128 * 1024
PART_SIZES = {"us3": 8 << 20}


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, ServerProcess]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(ServerProcess(config(name))) for name in MAKERS}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test goes over all vendors, or over those that have what it is about."""
    if "server" in metafunc.fixturenames:
        name = metafunc.function.__name__
        without = NO_ARCHIVE if "archived" in name else NO_TOKENS if "temporary" in name else frozenset[str]()
        metafunc.parametrize("server", [one for one in MAKERS if one not in without], indirect=True)


@pytest.fixture
def server(
    request: pytest.FixtureRequest, servers: dict[str, ServerProcess], monkeypatch: pytest.MonkeyPatch
) -> ServerProcess:
    found = servers[request.param]
    for key in found.keys(BUCKET):
        found.delete(BUCKET, key)
    resolve = socket.getaddrinfo

    def here(host: Any, *more: Any, **named: Any) -> Any:
        text = host.decode() if isinstance(host, bytes) else str(host)
        return resolve(found.host if text.endswith(".vendor.test") else host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", here)
    return found


@pytest.fixture
def vendor(request: pytest.FixtureRequest) -> str:
    return str(request.node.callspec.params["server"])


@pytest.fixture
def maker(vendor: str, server: ServerProcess) -> Callable[..., Client]:
    return MAKERS[vendor]


@pytest.fixture
def client(maker: Callable[..., Client], server: ServerProcess) -> Client:
    return maker(server.port)


def test_what_was_put_is_read_and_listed(server: ServerProcess, client: Client, vendor: str) -> None:
    keys = [*KEYS, *client.more_keys]
    for key in keys:
        client.put(key, b"of " + key.encode(), {"k-1": "v 2", "mtime": "1700000000"})
    assert server.keys(BUCKET) == sorted(key.encode() for key in keys)
    for key in keys:
        data = b"of " + key.encode()
        crc = "" if vendor in NO_CRC64 else str(crc64.xz(data))
        assert client.get(key) == (data, {"k-1": "v 2", "mtime": "1700000000"}, crc), key
    assert client.keys("", 3) == sorted(keys, key=str.encode)
    assert client.keys("a/", 1000) == sorted(key for key in keys if key.startswith("a/"))


def test_a_range_and_a_delete(server: ServerProcess, client: Client) -> None:
    client.put("key", bytes(range(100)), {})
    assert client.part_of("key", 10, 19) == bytes(range(10, 20))
    client.delete("key")
    assert server.keys(BUCKET) == []


def test_parts_make_an_object(server: ServerProcess, client: Client, vendor: str) -> None:
    size = PART_SIZES.get(vendor, PART)
    parts = [os.urandom(size), os.urandom(size), os.urandom(77)]
    assert client.upload("big/object", parts) == [size, size, 77]
    assert server.get(BUCKET, b"big/object") == b"".join(parts)
    assert client.get("big/object")[0] == b"".join(parts)


def test_an_archived_object_is_restored(server: ServerProcess, client: Client) -> None:
    client.put_archived("old", b"data")
    with pytest.raises(client.refusal):
        client.get("old")
    assert client.restore_state("old") == ""
    client.restore("old")
    assert client.restore_state("old") == 'ongoing-request="true"'
    with pytest.raises(client.refusal):
        client.restore("old")
    time.sleep(0.25)
    assert client.restore_state("old").startswith('ongoing-request="false", expiry-date="')
    assert client.get("old")[0] == b"data"
    client.restore("old")


def test_wrong_keys_and_missing_objects_are_refused(
    server: ServerProcess, client: Client, maker: Callable[..., Client]
) -> None:
    with pytest.raises(client.refusal):
        client.get("nothing")
    stranger = maker(server.port, secret="another-secret")
    with pytest.raises(client.refusal):
        stranger.keys("", 10)


def test_a_temporary_key_needs_its_token(server: ServerProcess, maker: Callable[..., Client]) -> None:
    maker(server.port, token=TOKEN).put("key", b"x", {})
    assert server.keys(BUCKET) == [b"key"]
    wrong = maker(server.port, token="another")
    with pytest.raises(wrong.refusal):
        wrong.put("key-2", b"x", {})


@pytest.mark.parametrize("size", [0, 1, 4 << 20, (4 << 20) + 1, 9 << 20])
def test_the_etags_are_those_that_the_sdks_compute(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "file").write_bytes(data)
    blocks = [data[start : start + etags.BLOCK] for start in range(0, size, etags.BLOCK)]
    assert etags.qetag(blocks) == qiniu.utils.etag(str(tmp_path / "file"))
    assert etags.ufile_etag(blocks) == _text(ufile.util.file_etag(str(tmp_path / "file")))


def _text(etag: str | bytes) -> str:
    return etag if isinstance(etag, str) else etag.decode()


# --- our connectors beside the SDKs ---------------------------------------------------------------------

CLOUDS = {
    "oss": "Aliyun",
    "cos": "Tencent",
    "ks3": "KingsoftCloud",
    "bos": "Baidu",
    "qingstor": "QingCloud",
    "kodo": "Qiniu",
    "us3": "UCloud",
}


@pytest.fixture
async def store(server: ServerProcess, vendor: str) -> AsyncIterator[DestinationStore]:
    """Our connector on the SDK's bucket."""
    endpoints = parse_endpoints(
        f'[{{cloud_type: "*", region: "*", endpoint: "http://{DOMAINS[vendor]}:{server.port}", dialect: {vendor},'
        f' connect: "{server.host}:{server.port}"}}]'
    )
    location = Location(CLOUDS[vendor], REGION, BUCKET, Side.SOURCE)
    async with Wire() as wire:
        yield open_store(location, Credentials(AK, SecretStr(SK)), wire, endpoints)


async def test_the_connector_reads_what_the_sdk_wrote(
    client: Client, vendor: str, store: DestinationStore
) -> None:
    keys = [*KEYS, *client.more_keys]
    for key in keys:
        await asyncio.to_thread(client.put, key, b"of " + key.encode(), {"k": "v"})
    page = await store.list_page(b"", b"")
    assert [info.key for info in page.objects] == sorted(key.encode() for key in keys)
    for info in page.objects:
        answer = await store.read(info.key, Guard(info.etag, info.size))
        assert answer.data == b"of " + info.key
        assert answer.head.crc64 == (None if vendor in NO_CRC64 else crc64.xz(answer.data))
        assert answer.head.properties.metadata == (("k", "v"),)


async def test_the_connector_reads_what_the_sdk_uploaded_in_parts(
    client: Client, vendor: str, store: DestinationStore
) -> None:
    size = PART_SIZES.get(vendor, PART)
    parts = [os.urandom(size), os.urandom(77)]
    await asyncio.to_thread(client.upload, "big/object", parts)
    (info,) = (await store.list_page(b"", b"")).objects
    assert (info.key, info.size) == (b"big/object", size + 77)
    for _ in range(2):
        assert (await store.read(info.key, Guard(info.etag, info.size))).data == b"".join(parts)
    assert (await store.head(info.key)).info.etag == info.etag


async def test_the_sdk_reads_what_the_connector_wrote(client: Client, store: DestinationStore) -> None:
    keys = [*KEYS, *client.more_keys]
    for key in keys:
        data = b"of " + key.encode()
        block = Block(data, hashlib.md5(data).digest(), crc64.xz(data))
        await store.put(key.encode(), block, WriteOptions(Properties(metadata=(("k", "v"),))), ANY)
    for key in keys:
        found = await asyncio.to_thread(client.get, key)
        assert found[:2] == (b"of " + key.encode(), {"k": "v"})


async def test_the_connector_reads_what_the_sdk_archived_and_restored(
    client: Client, store: DestinationStore
) -> None:
    await asyncio.to_thread(client.put_archived, "old", b"data")
    assert (await store.head(b"old")).info.availability is Availability.ARCHIVED
    await asyncio.to_thread(client.restore, "old")
    assert (await store.head(b"old")).info.availability is Availability.RESTORING
    await asyncio.sleep(0.25)
    head = await store.head(b"old")
    assert head.info.availability is Availability.READABLE
    assert (await store.read(b"old", Guard(head.info.etag, 4))).data == b"data"
