"""Our signatures equal those of the vendors' SDKs, byte for byte, for the same request (design 3.3)."""

import re
import socket
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl

import boto3
import botocore.awsrequest
import pytest
from botocore.config import Config
from obs import ObsClient, PutObjectHeader

from connectors.wire.encoding import Query, encode_key
from connectors.wire.signing import sigv4, v2
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
]
DOTS = ["a/../b", "..", "./x", "/lead"]
AK, SK, REGION = "AKEXAMPLE", "secret/+key", "eu-west-1"
TOKENS = ["", "session/token+=="]


def _query(raw_target: str) -> tuple[str, Query]:
    path, _, query = raw_target.partition("?")
    return path, tuple(
        (name, value if f"{name}=" in query else None)
        for name, value in parse_qsl(query, keep_blank_values=True)
    )


def _headers(request: Recorded, but: tuple[str, ...]) -> dict[str, str]:
    return {name: value for name, value in request.headers.items() if name not in but}


def _ours_v4(request: Recorded) -> str:
    given = request.headers["authorization"]
    found = re.search(r"SignedHeaders=([^,]+)", given)
    assert found is not None
    instant = request.headers.get("x-amz-date") or _instant(request.headers["date"])
    path, query = _query(request.raw_target)
    signed = {name: request.headers[name] for name in found[1].split(";")}
    return sigv4.authorization(request.method, path, query, signed, sigv4.Scope(AK, SK, REGION), instant)


def _instant(date: str) -> str:
    from email.utils import parsedate_to_datetime

    return parsedate_to_datetime(date).strftime("%Y%m%dT%H%M%SZ")


def _ours_v2(request: Recorded, prefix: str, tag: str, bucket: str = "") -> str:
    path, query = _query(request.raw_target)
    resource = f"/{bucket}{path}" if bucket else path
    return v2.authorization(
        request.method,
        resource,
        query,
        _headers(request, ("authorization",)),
        v2.KeyPair(AK, SK, prefix, tag),
    )


# --- botocore -------------------------------------------------------------------------------------------


def _botocore(signature: str, token: str, seen: list[Recorded]) -> Any:
    client = boto3.client(
        "s3",
        endpoint_url="http://s3.test",
        aws_access_key_id=AK,
        aws_secret_access_key=SK,
        aws_session_token=token or None,
        region_name=REGION,
        config=Config(
            signature_version=signature,
            s3={"addressing_style": "virtual", "payload_signing_enabled": False},
            retries={"total_max_attempts": 1},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )

    def keep(request: Any, **_: Any) -> Any:
        headers = {
            name.lower(): value.decode() if isinstance(value, bytes) else str(value)
            for name, value in request.headers.items()
        }
        address = request.url.removeprefix("http://")
        host, slash, rest = address.partition("/")
        headers.setdefault("host", host)
        seen.append(Recorded(request.method, slash + rest, headers))
        return botocore.awsrequest.AWSResponse(request.url, 200, {"ETag": '"x"'}, _Empty())

    client.meta.events.register("before-send.s3", keep)
    return client


class _Empty:
    def stream(self, **_: object) -> Iterator[bytes]:
        return iter(())

    def read(self, *_: object) -> bytes:
        return b""


BOTO_CALLS: dict[str, Callable[[Any, str], object]] = {
    "get": lambda c, key: c.get_object(Bucket="bkt", Key=key, Range="bytes=0-9", IfMatch='"e"'),
    "put": lambda c, key: c.put_object(
        Bucket="bkt", Key=key, Body=b"abc", Metadata={"a": "b  c"}, ContentType="t/x", ContentMD5="kAFQ=="
    ),
    "list": lambda c, key: c.list_objects_v2(Bucket="bkt", Prefix=key, StartAfter=key),
    "part": lambda c, key: c.upload_part(
        Bucket="bkt", Key=key, PartNumber=3, UploadId="up/ID+=", Body=b"abc"
    ),
    "create": lambda c, key: c.create_multipart_upload(Bucket="bkt", Key=key, StorageClass="GLACIER"),
}


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("call", BOTO_CALLS)
@pytest.mark.parametrize("signature", ["s3v4", "s3"])
def test_the_signature_is_botocores(signature: str, call: str, token: str) -> None:
    seen: list[Recorded] = []
    client = _botocore(signature, token, seen)
    for key in [*KEYS, *DOTS]:
        seen.clear()
        BOTO_CALLS[call](client, key)
        (request,) = seen
        ours = _ours_v4(request) if signature == "s3v4" else _ours_v2(request, "x-amz-", "AWS", "bkt")
        assert ours == request.headers["authorization"], key
        if call != "list":
            assert request.raw_target.partition("?")[0] == "/" + encode_key(key.encode())


# --- esdk-obs -------------------------------------------------------------------------------------------


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    resolve = socket.getaddrinfo
    with recording() as recorder:
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda host, port, *rest, **more: resolve("127.0.0.1", port, *rest, **more)
        )
        yield recorder


def _obs_put(client: Any, key: str) -> None:
    client.putContent("bkt", key, "abc", metadata={"a": "b"}, headers=PutObjectHeader(contentType="t/x"))


OBS_CALLS: dict[str, Callable[[Any, str], object]] = {
    "get": lambda c, key: c.getObject("bkt", key, loadStreamInMemory=True),
    "put": _obs_put,
    "list": lambda c, key: c.listObjects("bkt", prefix=key, marker=key, encoding_type="url"),
    "part": lambda c, key: c.uploadPart("bkt", key, 3, "up/ID+=", "abc"),
}


def _obs_client(recorder: Recorder, signature: str, token: str) -> Any:
    # A path-style client (an address as server) speaks AWS V2; a host name speaks OBS.
    host = "obs.test" if signature == "obs" else "127.0.0.1"
    return ObsClient(
        AK,
        SK,
        server=f"http://{host}:{recorder.port}",
        security_token=token or None,
        signature=signature,
        region=REGION,
        max_retry_count=0,
        is_signature_negotiation=False,
    )


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("call", OBS_CALLS)
@pytest.mark.parametrize("signature", ["obs", "v2", "v4"])
def test_the_signature_is_the_obs_sdks(recorder: Recorder, signature: str, call: str, token: str) -> None:
    client = _obs_client(recorder, signature, token)
    for key in KEYS:
        recorder.requests.clear()
        OBS_CALLS[call](client, key)
        request = recorder.requests[-1]
        theirs = request.headers["authorization"].replace(",S", ", S")
        match signature:
            case "obs":
                ours = _ours_v2(request, "x-obs-", "OBS", "bkt")
            case "v2":
                ours = _ours_v2(request, "x-amz-", "AWS")
            case _:
                ours = _ours_v4(request)
        assert ours == theirs, (key, request)


def test_a_signing_key_belongs_to_its_day_and_region() -> None:
    headers = {"host": "h", "x-amz-date": "20260102T030405Z"}
    scope = sigv4.Scope(AK, SK, "r1")
    first = sigv4.authorization("GET", "/", (), headers, scope, "20260102T030405Z")
    next_day = sigv4.authorization("GET", "/", (), headers, scope, "20260103T030405Z")
    elsewhere = sigv4.authorization("GET", "/", (), headers, sigv4.Scope(AK, SK, "r2"), "20260102T030405Z")
    assert len({line.rpartition("=")[2] for line in (first, next_day, elsewhere)}) == 3


def test_no_secret_stands_in_a_repr() -> None:
    assert SK not in repr(sigv4.Scope(AK, SK, REGION)) + repr(v2.KeyPair(AK, SK))
