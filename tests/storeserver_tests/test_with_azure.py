"""Driven by azure-storage-blob: put, get, list, blocks, tiers, refusals; then beside our connector."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob import (
    BlobBlock,
    BlobPrefix,
    BlobServiceClient,
    ContainerClient,
    ContentSettings,
    StandardBlobTier,
)
from fastcrc import crc64
from pydantic import SecretStr

from connectors.capabilities import DestinationStore
from connectors.endpoints import parse_endpoints
from connectors.locations import Credentials, Location
from connectors.objects import ANY, Availability, Block, Guard, Properties, WriteOptions
from connectors.registry import open_store
from connectors.wire import Wire
from engine.failures import Side
from tests.storeserver import Account, ServerProcess, StoreConfig

ACCOUNT, KEY = "storeaccount", b64encode(b"key of the account").decode()
BOX = "box"
# Left out are those that the SDK folds: dot segments, and slashes at the beginning.
KEYS = [
    *("plain", "a/b", "a//b", "sp ace+plus%41", "uni-é中😀", "q?m#f", "tilde~!*'()", "end/", "x;y=z&w,:@$"),
    *("control\x01", "line\nend", "\uff21 wide"),
]


@pytest.fixture(scope="module")
def running() -> Iterator[ServerProcess]:
    config = StoreConfig(
        keys={ACCOUNT: Account(KEY)},
        dialect="azure",
        buckets=[BOX],
        restore_seconds=0.2,
        max_meta_bytes=8 << 10,
    )
    with ServerProcess(config) as server:
        yield server


@pytest.fixture
def server(running: ServerProcess) -> ServerProcess:
    for key in running.keys(BOX):
        running.delete(BOX, key)
    return running


def _service(server: ServerProcess, key: str = KEY) -> BlobServiceClient:
    credential = {"account_name": ACCOUNT, "account_key": key}
    return BlobServiceClient(
        f"{server.url}/{ACCOUNT}", credential, retry_total=0, use_env_settings=False, api_version="2021-12-02"
    )


@pytest.fixture
def box(server: ServerProcess) -> Iterator[ContainerClient]:
    with _service(server) as service, service.get_container_client(BOX) as client:
        yield client


def _put(box: ContainerClient, key: str, data: bytes, **more: Any) -> None:
    box.upload_blob(key, data, overwrite=True, validate_content=True, metadata={"k_1": "v 2"}, **more)


def test_what_was_put_is_read_and_listed(server: ServerProcess, box: ContainerClient) -> None:
    for key in KEYS:
        _put(box, key, b"of " + key.encode(), content_settings=ContentSettings(content_type="a/b"))
    assert server.keys(BOX) == sorted(key.encode() for key in KEYS)
    for key in KEYS:
        found = box.download_blob(key)
        data = found.readall()
        assert (data, found.properties.metadata) == (b"of " + key.encode(), {"k_1": "v 2"}), key
        assert found.properties.content_settings.content_md5 == hashlib.md5(data).digest()
        assert found.properties.content_settings.content_type == "a/b"
    for page in (1, 3, 1000):
        listed = [blob.name for blob in box.list_blobs(results_per_page=page)]
        assert listed == sorted(KEYS, key=str.encode)
    assert [blob.name for blob in box.list_blobs("a/")] == ["a//b", "a/b"]
    folders = [one.name for one in box.walk_blobs() if isinstance(one, BlobPrefix)]
    assert folders == ["a/", "end/"]


def test_parts_of_a_read_and_conditions(box: ContainerClient) -> None:
    _put(box, "key", bytes(range(100)))
    assert box.download_blob("key", 10, 10).readall() == bytes(range(10, 20))
    with pytest.raises(ResourceModifiedError):
        box.download_blob("key", etag='"0x8D0"', match_condition=MatchConditions.IfNotModified)
    with pytest.raises(ResourceExistsError):
        box.upload_blob("key", b"again")
    box.delete_blob("key")
    with pytest.raises(ResourceNotFoundError):
        box.download_blob("key")


def test_blocks_make_a_blob(server: ServerProcess, box: ContainerClient) -> None:
    parts, blob = [os.urandom(70_000), os.urandom(70_000), os.urandom(77)], box.get_blob_client("big/object")
    for number, part in enumerate(parts):
        blob.stage_block(f"{number:04}", part, validate_content=True)
    uncommitted = blob.get_block_list("uncommitted")[1]
    assert sorted((one.id, one.size) for one in uncommitted) == [
        (f"{number:04}", len(part)) for number, part in enumerate(parts)
    ]
    with pytest.raises(HttpResponseError):
        blob.commit_block_list([BlobBlock("0009")])
    blob.commit_block_list([BlobBlock(f"{number:04}") for number in range(3)], metadata={"a": "b"})
    assert server.get(BOX, b"big/object") == b"".join(parts)
    found = blob.download_blob()
    assert (found.readall(), found.properties.metadata) == (b"".join(parts), {"a": "b"})


def test_an_archived_blob_comes_back_for_good(box: ContainerClient) -> None:
    _put(box, "old", b"data", standard_blob_tier=StandardBlobTier.ARCHIVE)
    blob = box.get_blob_client("old")
    with pytest.raises(HttpResponseError) as refused:
        blob.download_blob()
    assert refused.value.error_code == "BlobArchived"
    blob.set_standard_blob_tier("Hot", rehydrate_priority="High")
    assert blob.get_blob_properties().archive_status == "rehydrate-pending-to-hot"
    with pytest.raises(HttpResponseError) as refused:
        blob.set_standard_blob_tier("Hot")
    assert refused.value.error_code == "BlobBeingRehydrated"
    time.sleep(0.3)
    told = blob.get_blob_properties()
    assert (told.blob_tier, told.archive_status) == ("Hot", None)
    assert blob.download_blob().readall() == b"data"


def test_containers_are_listed_and_strangers_are_refused(server: ServerProcess) -> None:
    with _service(server) as service:
        assert [one.name for one in service.list_containers()] == [BOX]
        with pytest.raises(ResourceNotFoundError):
            service.get_container_client("nowhere").get_container_properties()
    with (
        _service(server, b64encode(b"another").decode()) as stranger,
        pytest.raises(ClientAuthenticationError),
    ):
        list(stranger.list_containers())


def test_what_was_changed_on_the_way_is_refused(box: ContainerClient) -> None:
    blob = box.get_blob_client("key")
    with pytest.raises(HttpResponseError) as refused:
        blob.stage_block("0001", b"data", headers={"Content-MD5": b64encode(bytes(16)).decode()})
    assert refused.value.error_code == "Md5Mismatch"


# --- our connector beside the SDK -----------------------------------------------------------------------


@pytest.fixture
async def store(server: ServerProcess) -> AsyncIterator[DestinationStore]:
    """Our connector on the SDK's container."""
    endpoints = parse_endpoints(
        f'[{{cloud_type: "*", region: "*", endpoint: "{server.url}", dialect: azure}}]'
    )
    location = Location("Azure", "eastasia", BOX, Side.SOURCE)
    async with Wire() as wire:
        yield open_store(location, Credentials(ACCOUNT, SecretStr(KEY)), wire, endpoints)


async def test_the_connector_reads_what_the_sdk_wrote(box: ContainerClient, store: DestinationStore) -> None:
    for key in KEYS:
        await asyncio.to_thread(_put, box, key, b"of " + key.encode())
    page = await store.list_page(b"", b"")
    found = list(page.objects)
    while page.after is not None:
        page = await store.list_page(b"", page.after)
        found += page.objects
    assert [info.key for info in found] == sorted(key.encode() for key in KEYS)
    for info in found:
        answer = await store.read(info.key, Guard(info.etag, info.size))
        assert answer.data == b"of " + info.key
        assert answer.head.md5 == hashlib.md5(answer.data).digest()
        assert answer.head.properties.metadata == (("k_1", "v 2"),)


async def test_the_sdk_reads_what_the_connector_wrote(box: ContainerClient, store: DestinationStore) -> None:
    for key in KEYS:
        data = b"of " + key.encode()
        block = Block(data, hashlib.md5(data).digest(), crc64.xz(data))
        await store.put(key.encode(), block, WriteOptions(Properties(metadata=(("k_1", "v"),))), ANY)
    for key in KEYS:
        found = await asyncio.to_thread(lambda key=key: box.download_blob(key))
        assert (found.readall(), found.properties.metadata) == (b"of " + key.encode(), {"k_1": "v"})


async def test_the_connector_sees_what_the_sdk_archived_and_brought_back(
    box: ContainerClient, store: DestinationStore
) -> None:
    blob = box.get_blob_client("old")
    await asyncio.to_thread(_put, box, "old", b"data", standard_blob_tier=StandardBlobTier.ARCHIVE)
    assert (await store.head(b"old")).info.availability is Availability.ARCHIVED
    await asyncio.to_thread(blob.set_standard_blob_tier, "Hot")
    assert (await store.head(b"old")).info.availability is Availability.RESTORING
    (listed,) = (await store.list_page(b"", b"")).objects
    assert listed.availability is Availability.RESTORING
    await asyncio.sleep(0.3)
    head = await store.head(b"old")
    assert head.info.availability is Availability.READABLE
    assert (await store.read(b"old", Guard(head.info.etag, 4))).data == b"data"
