"""Our assertions and request targets are those of the vendor's own library, byte for byte (clouds.md B6)."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from google.api_core.exceptions import GoogleAPIError
from google.auth import _helpers
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.cloud.storage import transfer_manager
from google.cloud.storage.exceptions import InvalidResponse
from google.oauth2 import service_account

from connectors.endpoints import parse_endpoints
from connectors.errors import StoreError
from connectors.google.accounts import read_account
from connectors.google.channel import GoogleChannel
from connectors.google.store import GoogleStore
from connectors.google.tokens import assertion
from connectors.objects import ABSENT, Guard, WriteOptions
from connectors.s3.dialects import GOOGLE
from connectors.s3.place import Place
from connectors.wire import Wire
from engine.failures import Operation
from tests.conformance.harness import block
from tests.google_accounts import key_file
from tests.unit.connectors.recorder import Recorded, Recorder, recording

KEYS = [
    "plain/k.txt",
    "sp ace+%41",
    "uni-é中😀",
    "a//b",
    "q?m#f",
    "end/",
    "tilde~!*'()",
    "x;y=z&w,:@$",
    "back\\slash",
    "control\x01\x1f",
    "a/../b",
    "../x",
    "/lead",
]
SCOPES = [
    "https://www.googleapis.com/auth/devstorage.read_only",
    "https://www.googleapis.com/auth/devstorage.read_write",
]
REFUSALS = (GoogleAPIError, InvalidResponse, ValueError, AttributeError, TypeError, SyntaxError)


@pytest.mark.parametrize("scope", SCOPES)
def test_the_assertion_is_the_librarys(scope: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_helpers, "utcnow", lambda: datetime.fromtimestamp(1_700_000_000, UTC))
    text = key_file("reader")
    theirs = service_account.Credentials.from_service_account_info(json.loads(text), scopes=[scope])  # type: ignore[no-untyped-call]  # the library has no types
    wanted = theirs._make_authorization_grant_assertion().decode()
    assert assertion(read_account(text), scope, 1_700_000_000) == wanted


class _Known:
    """Tokens that are there already."""

    async def token(self, operation: Operation) -> str:
        return "a-token"

    def drop(self, token: str) -> None:
        raise AssertionError("nobody refuses it")


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as found:
        yield found


@pytest.fixture
def bucket(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The library's bucket, which says nothing by itself."""
    monkeypatch.setitem(os.environ, "DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
    options = {"api_endpoint": f"http://127.0.0.1:{recorder.port}"}
    client = storage.Client(project="p", credentials=AnonymousCredentials(), client_options=options)  # type: ignore[no-untyped-call]  # the library has no types
    return client.bucket("the.bucket")


async def _ours(recorder: Recorder, call: Any) -> Recorded:
    """What our store asks; the recorder's empty answer is an error."""
    line = f'[{{cloud_type: Google, region: "*", endpoint: "http://127.0.0.1:{recorder.port}", dialect: google}}]'
    endpoint = parse_endpoints(line).find("Google", "us")
    place = Place(endpoint.target, "the.bucket", "us", GOOGLE, endpoint.signature, endpoint.addressing)
    recorder.requests.clear()
    async with Wire() as wire:
        store = GoogleStore(GoogleChannel(wire, place, "name", _Known(), "p"))  # type: ignore[arg-type]  # all that is asked of tokens
        with suppress(StoreError):
            await call(store)
    (asked,) = recorder.requests
    assert asked.headers["authorization"] == "Bearer a-token"
    return asked


def _theirs(recorder: Recorder, call: Any) -> Recorded:
    recorder.requests.clear()
    with suppress(*REFUSALS):
        call()
    return recorder.requests[0]


def _parts(request: Recorded) -> tuple[str, str, dict[str, str]]:
    path, _, query = request.raw_target.partition("?")
    return request.method, path, dict(parse_qsl(query, keep_blank_values=True))


@pytest.mark.parametrize("key", KEYS)
async def test_an_object_is_named_as_the_library_names_it(recorder: Recorder, bucket: Any, key: str) -> None:
    name = key.encode()
    for ours, theirs in (
        (lambda store: store.head(name), lambda: bucket.blob(key).reload(retry=None)),
        (lambda store: store.delete(name), lambda: bucket.blob(key).delete(retry=None)),
    ):
        wanted, asked = _parts(_theirs(recorder, theirs)), _parts(await _ours(recorder, ours))
        assert asked[:2] == wanted[:2]
        assert asked[2].items() <= wanted[2].items()


@pytest.mark.parametrize("key", KEYS)
async def test_a_write_goes_where_the_librarys_goes(recorder: Recorder, bucket: Any, key: str) -> None:
    wanted = _theirs(
        recorder, lambda: bucket.blob(key).upload_from_string(b"x", if_generation_match=0, retry=None)
    )
    asked = await _ours(recorder, lambda store: store.put(key.encode(), block(b"x"), WriteOptions(), ABSENT))
    assert _parts(asked) == _parts(wanted)
    assert asked.headers["content-type"].startswith("multipart/related; boundary=")


@pytest.mark.parametrize("key", KEYS)
async def test_a_read_names_its_object_as_the_library_does(
    recorder: Recorder, bucket: Any, key: str, tmp_path: Path
) -> None:
    """The library reads in JSON; its uploads in parts go to the interface from which we read."""
    file = tmp_path / "large"
    file.write_bytes(b"x")
    wanted = _theirs(
        recorder,
        lambda: transfer_manager.upload_chunks_concurrently(
            str(file), bucket.blob(key), worker_type=transfer_manager.THREAD
        ),
    )
    asked = await _ours(recorder, lambda store: store.read(key.encode(), Guard("", 1)))
    assert asked.raw_target == wanted.raw_target.removesuffix("?uploads")
    begun = await _ours(recorder, lambda store: store.create_upload(key.encode(), WriteOptions()))
    assert (begun.method, begun.raw_target) == (wanted.method, wanted.raw_target)
    download = _theirs(recorder, lambda: bucket.blob(key).download_as_bytes(raw_download=True, retry=None))
    assert download.raw_target.partition("?")[0].rpartition("/")[2] == asked.raw_target.rpartition("/")[2]
    assert download.headers["accept-encoding"] == asked.headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize("key", KEYS)
async def test_a_listing_asks_what_the_library_asks(recorder: Recorder, bucket: Any, key: str) -> None:
    wanted = _theirs(
        recorder,
        lambda: list(
            bucket.list_blobs(
                prefix=key, start_offset=key, delimiter="/", page_size=7, fields="kind", retry=None
            )
        ),
    )
    asked = await _ours(recorder, lambda store: store.list_folder(key.encode(), key.encode(), 7))
    ours, theirs = _parts(asked), _parts(wanted)
    assert ours[:2] == theirs[:2]
    assert ours[2].keys() | {"prettyPrint"} == theirs[2].keys()
    assert {**ours[2], "fields": ""}.items() <= {**theirs[2], "fields": ""}.items()
