"""Shared Key signatures equal those of azure-storage-blob, byte for byte, and a SAS goes out as it was given."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

import pytest
from azure.core import MatchConditions
from azure.storage.blob import BlobBlock, BlobServiceClient, ContentSettings

from connectors.azure.channel import AzureChannel
from connectors.s3.channel import Ask
from connectors.s3.dialects import AZURE, Addressing, Signature
from connectors.s3.place import Account, Place
from connectors.wire import Target, Wire
from connectors.wire.encoding import Query
from connectors.wire.signing import shared_key
from engine.failures import Operation
from tests.unit.connectors.recorder import Recorded, Recorder, recording

NAME, KEY = "account1", b64encode(b"secret of the account").decode()
SAS = "sv=2021-12-02&ss=b&srt=sco&sp=rl&se=2033-01-01T00%3A00%3A00Z&spr=https&sig=a%2Bb%2Fc%3D"
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
    "a/b/c/ü",
]
Call = Callable[[Any, str], object]

CALLS: dict[str, Call] = {
    "get": lambda c, key: c.get_blob_client("box", key).download_blob(
        0, 10, etag="0x8D", match_condition=MatchConditions.IfNotModified
    ),
    "head": lambda c, key: c.get_blob_client("box", key).get_blob_properties(),
    "put": lambda c, key: c.get_blob_client("box", key).upload_blob(
        b"abc",
        metadata={"name_1": "b c", "name1": "x", "Name2": "y"},
        validate_content=True,
        content_settings=ContentSettings(content_type="t/x", content_language="de"),
    ),
    "put-empty": lambda c, key: c.get_blob_client("box", key).upload_blob(b"", overwrite=True),
    "list": lambda c, key: list(
        c.get_container_client("box").list_blobs(name_starts_with=key, include=["metadata", "tags"])
    ),
    "block": lambda c, key: c.get_blob_client("box", key).stage_block("id/+=", b"abc", validate_content=True),
    "commit": lambda c, key: c.get_blob_client("box", key).commit_block_list([BlobBlock("id/+=")]),
    "tier": lambda c, key: c.get_blob_client("box", key).set_standard_blob_tier(
        "Hot", rehydrate_priority="High"
    ),
    "delete": lambda c, key: c.get_blob_client("box", key).delete_blob(),
}


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as recorder:
        yield recorder


def _query(raw_target: str) -> Query:
    return tuple(parse_qsl(raw_target.partition("?")[2], keep_blank_values=True))


def _sent(recorder: Recorder, credential: Any, call: Call, key: str) -> Recorded:
    recorder.requests.clear()
    url = f"http://127.0.0.1:{recorder.port}/{NAME}"
    with (
        BlobServiceClient(url, credential, retry_total=0, use_env_settings=False) as client,
        suppress(Exception),  # the SDK may choke on the recorder's empty answer
    ):
        call(client, key)
    return recorder.requests[-1]


@pytest.mark.parametrize("call", CALLS)
def test_the_signature_is_the_sdks(recorder: Recorder, call: str) -> None:
    credential = {"account_name": NAME, "account_key": KEY}
    for key in KEYS:
        request = _sent(recorder, credential, CALLS[call], key)
        ours = shared_key.authorization(
            request.method,
            request.raw_target.partition("?")[0],
            _query(request.raw_target),
            request.headers,
            shared_key.Keys(NAME, KEY),
        )
        assert ours == request.headers["authorization"], (key, request)


def _channel(token: str = "", base: str = f"/{NAME}", port: int = 80) -> AzureChannel:
    target = Target("http", "127.0.0.1", port)
    place = Place(target, "box", "r", AZURE, Signature.SHARED_KEY, Addressing.PATH)
    key = "" if token else KEY
    return AzureChannel(Wire(), place, Account(NAME, key, token), "name", base, lambda: 1_767_323_045.0)


@pytest.mark.parametrize("call", ["get", "put", "list", "block"])
def test_a_sas_stands_in_the_query_as_the_sdk_writes_it(recorder: Recorder, call: str) -> None:
    for key in KEYS:
        theirs = _sent(recorder, SAS, CALLS[call], key)
        assert "authorization" not in theirs.headers
        sent = dict(_query(theirs.raw_target))
        path = "" if call == "list" else key.encode()
        ours = _channel(SAS)._request(Ask(Operation.READ, "GET", path or None))
        assert "authorization" not in ours.headers
        for name, value in _query(ours.raw_target):
            assert sent[name] == value, (key, name)


def test_where_a_key_stands_is_where_the_sdk_reads_it(recorder: Recorder) -> None:
    for key in (key for key in KEYS if "//" not in key):
        theirs = _sent(recorder, {"account_name": NAME, "account_key": KEY}, CALLS["head"], key)
        ours = _channel()._request(Ask(Operation.HEAD, "HEAD", key.encode()))
        decoded = [_decoded(raw) for raw in (ours.raw_target, theirs.raw_target)]
        assert decoded[0] == decoded[1] == f"/{NAME}/box/{key}".encode()


def _decoded(raw_target: str) -> bytes:
    from urllib.parse import unquote_to_bytes

    return unquote_to_bytes(raw_target.partition("?")[0])


def test_a_request_is_signed_over_what_is_sent() -> None:
    ask = Ask(Operation.PUT, "PUT", "ü 1".encode(), (("comp", "block"),), (("x-ms-meta-a", " b "),), b"abc")
    request = _channel()._request(ask)
    headers = dict(request.headers)
    told = headers.pop("authorization")
    keys = shared_key.Keys(NAME, KEY)
    path, _, _ = request.raw_target.partition("?")
    assert told == shared_key.authorization("PUT", path, (("comp", "block"),), headers, keys)
    assert (headers["content-length"], headers["x-ms-meta-a"]) == ("3", "b")
    assert headers["x-ms-date"] == "Fri, 02 Jan 2026 03:04:05 GMT"


def test_no_secret_stands_in_a_repr_or_a_request_that_has_a_key() -> None:
    assert KEY not in repr(shared_key.Keys(NAME, KEY))
    assert KEY not in str(_channel()._request(Ask(Operation.LIST, "GET")))
