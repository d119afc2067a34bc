"""Driven by Google's own SDK: put, get, list, conditions, uploads in parts, refusals; then our connector beside it."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import json
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import google_crc32c
import pytest
from google.api_core.exceptions import Forbidden, NotFound, PreconditionFailed
from google.auth.exceptions import RefreshError
from google.cloud import storage
from google.cloud.storage import transfer_manager
from google.oauth2 import service_account

from connectors.capabilities import DestinationStore
from connectors.endpoints import parse_endpoints
from connectors.google.accounts import credentials_of
from connectors.locations import Location
from connectors.objects import ABSENT, ANY, Guard, Properties, WriteOptions
from connectors.registry import open_store
from connectors.wire import Wire
from engine.failures import Side
from tests.conformance.harness import block
from tests.google_accounts import PROJECT, key_file, public_pem
from tests.storeserver import Account, ServerProcess, StoreConfig

AK, BUCKET = "the-reader", "own.bucket_1"
KEYS = [
    "plain",
    "a/b",
    "a//b",
    "a/../b",
    "sp ace+plus%41",
    "uni-é中😀",
    "q?m#f",
    "tilde~!*'()",
    "end/",
    "x;y=z&w,:@$",
    "b\\s",
    "control\x01",
    "/lead",
]
READ, WRITE = "read_only", "read_write"


@pytest.fixture(scope="module")
def session_server() -> Iterator[ServerProcess]:
    accounts = {AK: Account(public_pem("right"))}
    with ServerProcess(StoreConfig(keys=accounts, dialect="google", buckets=[BUCKET, "another"])) as server:
        yield server


@pytest.fixture
def server(session_server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> ServerProcess:
    monkeypatch.setitem(os.environ, "DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
    for key in session_server.keys(BUCKET):
        session_server.delete(BUCKET, key)
    return session_server


def _client(server: ServerProcess, *, scope: str = WRITE, **changes: str) -> Any:
    info = json.loads(key_file(AK, f"{server.url}/token", **changes))
    scopes = [f"https://www.googleapis.com/auth/devstorage.{scope}"]
    credentials = service_account.Credentials.from_service_account_info(info, scopes=scopes)  # type: ignore[no-untyped-call]  # the library has no types
    return storage.Client(  # type: ignore[no-untyped-call]  # the library has no types
        project=PROJECT, credentials=credentials, client_options={"api_endpoint": server.url}
    )


@pytest.fixture
def bucket(server: ServerProcess) -> Any:
    return _client(server).bucket(BUCKET)


def _put(bucket: Any, key: str, data: bytes, **more: Any) -> Any:
    blob = bucket.blob(key)
    blob.metadata = {"k-1": "v 2"}
    blob.upload_from_string(data, content_type="a/b", checksum="md5", retry=None, **more)
    return blob


def test_what_was_put_is_read_and_listed(server: ServerProcess, bucket: Any) -> None:
    for key in KEYS:
        _put(bucket, key, b"of " + key.encode())
    assert server.keys(BUCKET) == sorted(key.encode() for key in KEYS)
    for key in KEYS:
        blob = bucket.get_blob(key, retry=None)
        assert (
            blob.download_as_bytes(raw_download=True, checksum="crc32c", retry=None) == b"of " + key.encode()
        )
        assert (blob.metadata, blob.content_type, blob.size) == ({"k-1": "v 2"}, "a/b", len(key.encode()) + 3)
    assert [blob.name for blob in bucket.list_blobs(page_size=3, retry=None)] == sorted(KEYS, key=str.encode)
    below = bucket.list_blobs(prefix="a/", delimiter="/", page_size=2, retry=None)
    assert ([blob.name for blob in below], sorted(below.prefixes)) == (["a/b"], ["a/../", "a//"])
    rest = bucket.list_blobs(start_offset="plain", end_offset=None, retry=None)
    assert next(iter(rest)).name == "plain"


def test_a_range_and_a_delete(server: ServerProcess, bucket: Any) -> None:
    _put(bucket, "key", bytes(range(100)))
    blob = bucket.blob("key")
    assert blob.download_as_bytes(start=10, end=19, raw_download=True, retry=None) == bytes(range(10, 20))
    blob.delete(retry=None)
    with pytest.raises(NotFound):
        blob.delete(retry=None)
    assert server.keys(BUCKET) == []


def test_generations_hold_for_writes_and_reads(bucket: Any) -> None:
    first = _put(bucket, "key", b"first", if_generation_match=0)
    with pytest.raises(PreconditionFailed):
        _put(bucket, "key", b"second", if_generation_match=0)
    second = _put(bucket, "key", b"second", if_generation_match=first.generation)
    assert int(second.generation) > int(first.generation)
    assert (
        bucket.blob("key").download_as_bytes(if_generation_match=second.generation, retry=None) == b"second"
    )
    with pytest.raises(PreconditionFailed):
        bucket.blob("key").download_as_bytes(if_generation_match=first.generation, retry=None)
    with pytest.raises(NotFound):
        bucket.blob("key", generation=first.generation).download_as_bytes(retry=None)


def test_stored_gzip_comes_unpacked_unless_it_is_wished_as_it_is(bucket: Any) -> None:
    blob = bucket.blob("packed")
    blob.content_encoding = "gzip"
    packed = gzip.compress(b"text " * 100)
    blob.upload_from_string(packed, content_type="text/plain", retry=None)
    assert blob.download_as_bytes(raw_download=True, retry=None) == packed
    session = bucket.client._http
    url = f"{bucket.client._connection.API_BASE_URL}/{BUCKET}/packed"
    plain = session.get(url, headers={"accept-encoding": "identity", "range": "bytes=0-3"})
    assert (plain.status_code, plain.content) == (200, b"text " * 100)
    assert plain.headers["x-goog-stored-content-encoding"] == "gzip"


def test_parts_make_an_object_without_an_md5(server: ServerProcess, bucket: Any, tmp_path: Path) -> None:
    data = os.urandom(11 << 20)
    (tmp_path / "large").write_bytes(data)
    transfer_manager.upload_chunks_concurrently(
        str(tmp_path / "large"),
        bucket.blob("big/object +"),
        chunk_size=5 << 20,
        worker_type=transfer_manager.THREAD,
        max_workers=3,
    )
    blob = bucket.get_blob("big/object +", retry=None)
    crc = base64.b64encode(google_crc32c.Checksum(data).digest()).decode()
    assert (blob.size, blob.md5_hash, blob.crc32c) == (len(data), None, crc)
    assert blob.download_as_bytes(raw_download=True, checksum="crc32c", retry=None) == data


def test_buckets_are_listed_and_placed(server: ServerProcess, bucket: Any) -> None:
    client = bucket.client
    assert [one.name for one in client.list_buckets(page_size=1, retry=None)] == ["another", BUCKET]
    assert client.get_bucket(BUCKET, retry=None).location == "US-EAST-1"
    with pytest.raises(NotFound):
        client.get_bucket("nothing-here", retry=None)


def test_wrong_keys_scopes_and_missing_objects_are_refused(server: ServerProcess, bucket: Any) -> None:
    with pytest.raises(NotFound):
        bucket.blob("nothing").download_as_bytes(retry=None)
    for changes in ({"key": "wrong"}, {"client_email": "nobody@a-project.iam.gserviceaccount.com"}):
        stranger = _client(server, **changes)
        with pytest.raises(RefreshError, match="invalid_grant"):
            list(stranger.bucket(BUCKET).list_blobs(retry=None))
    with pytest.raises(Forbidden):
        _put(_client(server, scope=READ).bucket(BUCKET), "key", b"x")
    assert server.keys(BUCKET) == []


# --- our connector beside the SDK -----------------------------------------------------------------------


def opened(server: ServerProcess, wire: Wire, side: Side) -> DestinationStore:
    """Our connector on the SDK's bucket."""
    line = f'[{{cloud_type: Google, region: "*", endpoint: "{server.url}", dialect: google}}]'
    location = Location("Google", "us", BUCKET, side)
    return open_store(
        location, credentials_of(key_file(AK, f"{server.url}/token")), wire, parse_endpoints(line)
    )


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as found:
        yield found


async def test_the_connector_reads_what_the_sdk_wrote(server: ServerProcess, bucket: Any, wire: Wire) -> None:
    for key in KEYS:
        await asyncio.to_thread(_put, bucket, key, b"of " + key.encode())
    store = opened(server, wire, Side.SOURCE)
    page = await store.list_page(b"", b"")
    assert [info.key for info in page.objects] == sorted(key.encode() for key in KEYS)
    for info in page.objects:
        answer = await store.read(info.key, Guard(info.etag, info.size, info.version))
        assert answer.data == b"of " + info.key
        assert info.etag == answer.head.info.etag == hashlib.md5(answer.data).hexdigest()
        assert answer.head.properties == Properties("a/b", metadata=(("k-1", "v 2"),))


async def test_the_sdk_reads_what_the_connector_wrote(server: ServerProcess, bucket: Any, wire: Wire) -> None:
    store = opened(server, wire, Side.DESTINATION)
    options = WriteOptions(Properties("a/b", cache_control="no-store", metadata=(("k", "v é"),)))
    for key in KEYS:
        await store.put(key.encode(), block(b"of " + key.encode()), options, ABSENT)
    for key in KEYS:
        blob = await asyncio.to_thread(bucket.get_blob, key, retry=None)
        data = await asyncio.to_thread(blob.download_as_bytes, raw_download=True, checksum="md5", retry=None)
        assert data == b"of " + key.encode()
        assert (blob.content_type, blob.cache_control, blob.metadata) == ("a/b", "no-store", {"k": "v é"})


async def test_the_sdk_reads_the_connectors_upload(server: ServerProcess, bucket: Any, wire: Wire) -> None:
    store = opened(server, wire, Side.DESTINATION)
    upload = await store.create_upload(b"big", WriteOptions(Properties("a/b", metadata=(("k", "v"),))))
    data = [b"1" * (5 << 20), b"2" * 7]
    parts = [await store.put_part(b"big", upload, number, block(one)) for number, one in enumerate(data, 1)]
    await store.complete_upload(b"big", upload, parts, ANY)
    blob = await asyncio.to_thread(bucket.get_blob, "big", retry=None)
    assert await asyncio.to_thread(blob.download_as_bytes, raw_download=True, retry=None) == b"".join(data)
    assert (blob.content_type, blob.metadata, blob.md5_hash) == ("a/b", {"k": "v"}, None)
