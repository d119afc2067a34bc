"""Driven by the vendors' own SDKs for OSS, COS, KS3 and BOS: put, get, list, multipart, restore, refusals.

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
from typing import Any

import pytest
from fastcrc import crc64
from pydantic import SecretStr

from connectors.capabilities import DestinationStore
from connectors.endpoints import parse_endpoints
from connectors.locations import Credentials, Location
from connectors.objects import ANY, Availability, Block, Guard, Properties, WriteOptions
from connectors.registry import open_store
from connectors.wire import Wire
from engine.failures import Side
from tests.storeserver import ServerProcess
from tests.storeserver_tests.vendor_clients import (
    AK,
    BUCKET,
    DOMAINS,
    KEYS,
    MAKERS,
    REGION,
    SK,
    TOKEN,
    Client,
    Ks3,
    config,
)

PART = 128 * 1024


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, ServerProcess]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(ServerProcess(config(name))) for name in MAKERS}


@pytest.fixture(params=MAKERS)
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
def maker(request: pytest.FixtureRequest, server: ServerProcess) -> Callable[..., Client]:
    return MAKERS[request.node.callspec.params["server"]]


@pytest.fixture
def client(maker: Callable[..., Client], server: ServerProcess) -> Client:
    return maker(server.port)


def test_what_was_put_is_read_and_listed(server: ServerProcess, client: Client) -> None:
    keys = [*KEYS, *client.more_keys]
    for key in keys:
        client.put(key, b"of " + key.encode(), {"k-1": "v 2", "mtime": "1700000000"})
    assert server.keys(BUCKET) == sorted(key.encode() for key in keys)
    for key in keys:
        data = b"of " + key.encode()
        assert client.get(key) == (data, {"k-1": "v 2", "mtime": "1700000000"}, str(crc64.xz(data))), key
    assert client.keys("", 3) == sorted(keys, key=str.encode)
    assert client.keys("a/", 1000) == sorted(key for key in keys if key.startswith("a/"))


def test_a_range_and_a_delete(server: ServerProcess, client: Client) -> None:
    client.put("key", bytes(range(100)), {})
    assert client.part_of("key", 10, 19) == bytes(range(10, 20))
    client.delete("key")
    assert server.keys(BUCKET) == []


def test_parts_make_an_object(server: ServerProcess, client: Client) -> None:
    parts = [os.urandom(PART), os.urandom(PART), os.urandom(77)]
    assert client.upload("big/object", parts) == [PART, PART, 77]
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
    if maker is Ks3:
        return  # its SDK knows no tokens
    maker(server.port, token=TOKEN).put("key", b"x", {})
    assert server.keys(BUCKET) == [b"key"]
    wrong = maker(server.port, token="another")
    with pytest.raises(wrong.refusal):
        wrong.put("key-2", b"x", {})


# --- our connectors beside the SDKs ---------------------------------------------------------------------

CLOUDS = {"oss": "Aliyun", "cos": "Tencent", "ks3": "KingsoftCloud", "bos": "Baidu"}


@pytest.fixture
async def store(server: ServerProcess, request: pytest.FixtureRequest) -> AsyncIterator[DestinationStore]:
    """Our connector on the SDK's bucket."""
    name = request.node.callspec.params["server"]
    endpoints = parse_endpoints(
        f'[{{cloud_type: "*", region: "*", endpoint: "http://{DOMAINS[name]}:{server.port}", dialect: {name},'
        f' connect: "{server.host}:{server.port}"}}]'
    )
    location = Location(CLOUDS[name], REGION, BUCKET, Side.SOURCE)
    async with Wire() as wire:
        yield open_store(location, Credentials(AK, SecretStr(SK)), wire, endpoints)


async def test_the_connector_reads_what_the_sdk_wrote(client: Client, store: DestinationStore) -> None:
    keys = [*KEYS, *client.more_keys]
    for key in keys:
        await asyncio.to_thread(client.put, key, b"of " + key.encode(), {"k": "v"})
    page = await store.list_page(b"", b"")
    assert [info.key for info in page.objects] == sorted(key.encode() for key in keys)
    for info in page.objects:
        answer = await store.read(info.key, Guard(info.etag, info.size))
        assert answer.data == b"of " + info.key
        assert answer.head.crc64 == crc64.xz(answer.data)
        assert answer.head.properties.metadata == (("k", "v"),)


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
