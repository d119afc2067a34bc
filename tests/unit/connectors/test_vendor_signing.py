"""The signatures equal those of the vendors' SDKs, byte for byte (design 3.3)."""

import io
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

import boto3
import oss2
import pytest
from baidubce.auth.bce_credentials import BceCredentials
from baidubce.bce_client_configuration import BceClientConfiguration
from baidubce.retry.retry_policy import NoRetryPolicy
from baidubce.services.bos.bos_client import BosClient
from botocore.config import Config as BotoConfig
from botocore.handlers import add_expect_header
from ks3.connection import Connection
from qcloud_cos import CosConfig, CosS3Client
from qingstor.sdk.config import Config as QingConfig
from qingstor.sdk.service.qingstor import QingStor

from connectors.s3.dialects import BOS, COS, KODO, KS3, OSS, QINGSTOR, US3, Addressing, Dialect
from connectors.s3.place import Account, Place, locate
from connectors.s3.signatures import Asked, sign
from connectors.wire import Target
from connectors.wire.encoding import Query
from connectors.wire.signing import bce1, cos, oss4, qs, sigv4, v2
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
AK, SK, TOKEN = "AKEXAMPLE", "secret/+key", "session/token+=="
BUCKET = "bkt-1250000000"
Call = Callable[[Any, str], object]


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    resolve = socket.getaddrinfo
    with recording() as recorder:
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda host, port, *rest, **more: resolve("127.0.0.1", port, *rest, **more)
        )
        yield recorder


def _query(raw_target: str) -> Query:
    query = raw_target.partition("?")[2]
    return tuple(
        (name, value if f"{name}=" in query else None)
        for name, value in parse_qsl(query, keep_blank_values=True)
    )


def _path(key: str, dialect: Dialect) -> str:
    """Where our connector puts a key, below the bucket's own host."""
    target = Target("http", "store.test", 80)
    place = Place(target, BUCKET, "r", dialect, dialect.signature, Addressing.VIRTUAL)
    return locate(place, key.encode())[1]


def _sent(recorder: Recorder, client: Any, call: Call, key: str) -> Recorded:
    recorder.requests.clear()
    with suppress(Exception):  # an SDK may choke on the recorder's empty answer
        call(client, key)
    return recorder.requests[-1]


# --- Aliyun OSS, V4 -------------------------------------------------------------------------------------

OSS_CALLS: dict[str, Call] = {
    "get": lambda c, key: c.get_object(key, byte_range=(0, 9)),
    "put": lambda c, key: c.put_object(
        key, b"abc", headers={"x-oss-meta-a": "b c", "Content-Type": "t/x", "Content-MD5": "kAFQ=="}
    ),
    "list": lambda c, key: c.list_objects_v2(prefix=key, start_after=key),
    "part": lambda c, key: c.upload_part(key, "up/ID+=", 3, b"abc"),
    "restore": lambda c, key: c.restore_object(key),
}


@pytest.mark.parametrize("token", ["", TOKEN])
@pytest.mark.parametrize("call", OSS_CALLS)
def test_the_signature_is_oss2s(recorder: Recorder, call: str, token: str) -> None:
    auth = oss2.StsAuth(AK, SK, token, auth_version="v4") if token else oss2.AuthV4(AK, SK)
    client = oss2.Bucket(
        auth, f"http://oss-cn-x.test:{recorder.port}", BUCKET, region="cn-x", enable_crc=False
    )
    for key in KEYS:
        request = _sent(recorder, client, OSS_CALLS[call], key)
        # The SDK sends a slash of a key as %2F and signs it as it is; the connector sends what it signs.
        path = _path("" if call == "list" else key, OSS)
        ours = oss4.authorization(
            request.method,
            f"/{BUCKET}{path}",
            _query(request.raw_target),
            request.headers,
            oss4.Scope(AK, SK, "cn-x"),
            request.headers["x-oss-date"],
        )
        assert ours == request.headers["authorization"], key
        assert request.headers.get("x-oss-security-token", "") == token


# --- Tencent COS ----------------------------------------------------------------------------------------

COS_CALLS: dict[str, Call] = {
    "get": lambda c, key: c.get_object(Bucket=BUCKET, Key=key, Range="bytes=0-9", IfMatch='"e"'),
    "put": lambda c, key: c.put_object(
        Bucket=BUCKET, Key=key, Body=b"abc", ContentType="t/x", Metadata={"x-cos-meta-a": "b c"}
    ),
    "list": lambda c, key: c.list_objects(Bucket=BUCKET, Prefix=key, Marker=key),
    "part": lambda c, key: c.upload_part(BUCKET, key, b"abc", 3, "up/ID+="),
    "restore": lambda c, key: c.restore_object(
        Bucket=BUCKET, Key=key, RestoreRequest={"Days": 1, "CASJobParameters": {"Tier": "Standard"}}
    ),
}


@pytest.mark.parametrize("token", ["", TOKEN])
@pytest.mark.parametrize("call", COS_CALLS)
def test_the_signature_is_the_cos_sdks(recorder: Recorder, call: str, token: str) -> None:
    config = CosConfig(
        Region="ap-x",
        SecretId=AK,
        SecretKey=SK,
        Token=token or None,
        Scheme="http",
        Endpoint=f"cos.ap-x.test:{recorder.port}",
    )
    client = CosS3Client(config, retry=0)
    for key in KEYS:
        request = _sent(recorder, client, COS_CALLS[call], key)
        theirs = request.headers["authorization"]
        span, names = (_field(theirs, name) for name in ("q-sign-time", "q-header-list"))
        headers = {name: request.headers[name] for name in names.split(";")}
        # The SDK signs the host without its port.
        headers["host"] = headers["host"].partition(":")[0]
        path = _path("" if call == "list" else key, COS)
        ours = cos.authorization(
            request.method, path, _query(request.raw_target), headers, cos.Keys(AK, SK), span
        )
        assert ours == theirs, key
        assert request.raw_target.partition("?")[0] == path
        assert request.headers.get("x-cos-security-token", "") == token


def _field(header: str, name: str) -> str:
    found = re.search(rf"(?:^|&){name}=([^&]*)", header)
    assert found is not None
    return found[1]


# --- KingsoftCloud KS3: its SDK knows no session tokens -------------------------------------------------

KS3_CALLS: dict[str, Call] = {
    "get": lambda c, key: c.get_bucket(BUCKET).new_key(key).get_contents_as_string(),
    "put": lambda c, key: (
        c.get_bucket(BUCKET).new_key(key).set_contents_from_string("abc", headers={"x-kss-meta-a": "b c"})
    ),
    "list": lambda c, key: c.get_bucket(BUCKET).get_all_keys(prefix=key, marker=key),
    "part": lambda c, key: _ks3_upload(c, key).upload_part_from_file(io.BytesIO(b"abc"), 3),
    "restore": lambda c, key: c.get_bucket(BUCKET).new_key(key).restore_object(days=1),
}


def _ks3_upload(client: Any, key: str) -> Any:
    from ks3.multipart import MultiPartUpload

    upload = MultiPartUpload(client.get_bucket(BUCKET))
    upload.key_name, upload.id, upload.bucket_name = key, "upID", BUCKET
    return upload


@pytest.mark.parametrize("call", KS3_CALLS)
def test_the_signature_is_the_ks3_sdks(recorder: Recorder, call: str) -> None:
    client = Connection(
        AK, SK, host="ks3.test", port=recorder.port, is_secure=False, retry_policy=None, enable_crc=False
    )
    for key in KEYS:
        request = _sent(recorder, client, KS3_CALLS[call], key)
        path = _path("" if call == "list" else key, KS3)
        ours = v2.authorization(
            request.method,
            f"/{BUCKET}{path}",
            _query(request.raw_target),
            request.headers,
            v2.KeyPair(AK, SK, "x-kss-", "KSS"),
        )
        assert ours == request.headers["authorization"], (key, request)
        assert request.raw_target.partition("?")[0] == path


# --- Baidu BOS ------------------------------------------------------------------------------------------

BOS_CALLS: dict[str, Call] = {
    "get": lambda c, key: c.get_object(BUCKET, key, range=[0, 9]),
    "put": lambda c, key: c.put_object_from_string(
        BUCKET, key, "abc", content_type="t/x", user_metadata={"a": "b c"}
    ),
    "list": lambda c, key: c.list_objects(BUCKET, prefix=key, marker=key),
    "part": lambda c, key: c.upload_part(BUCKET, key, "up/ID+=", 3, 3, io.BytesIO(b"abc")),
    "restore": lambda c, key: c.restore_object(BUCKET, key, 1, "LowCost"),
}


@pytest.mark.parametrize("token", ["", TOKEN])
@pytest.mark.parametrize("call", BOS_CALLS)
def test_the_signature_is_the_bos_sdks(recorder: Recorder, call: str, token: str) -> None:
    client = BosClient(
        BceClientConfiguration(
            BceCredentials(AK, SK),
            endpoint=f"http://bj.test:{recorder.port}",
            security_token=token or None,
            retry_policy=NoRetryPolicy(),
        )
    )
    for key in KEYS:
        request = _sent(recorder, client, BOS_CALLS[call], key)
        theirs = request.headers["authorization"].split("/")
        path = request.raw_target.partition("?")[0]
        ours = bce1.authorization(
            request.method,
            path,
            _query(request.raw_target),
            request.headers,
            bce1.Keys(AK, SK, int(theirs[3])),
            theirs[2],
        ).split("/")
        # The SDK leaves the list of signed headers empty, which stands for the same headers.
        assert (ours[:4], ours[-1]) == (theirs[:4], theirs[-1]), key
        if call != "list":
            assert path.removeprefix(f"/{BUCKET}") == _path(key, BOS)
        assert request.headers.get("x-bce-security-token", "") == token


# --- QingStor: it has no session tokens -----------------------------------------------------------------

QING_CALLS: dict[str, Call] = {
    "get": lambda c, key: c.get_object(key, range="bytes=0-9", if_match='"e"'),
    "put": lambda c, key: c.put_object(
        key, content_type="t/x", content_md5="kAFQ==", x_qs_meta_data={"a": "b c"}, body=b"abc"
    ),
    "list": lambda c, key: c.list_objects(prefix=key, marker=key, limit="10"),
    "part": lambda c, key: c.upload_multipart(key, part_number="3", upload_id="upID+=", body=b"abc"),
    "parts": lambda c, key: c.list_multipart(key, upload_id="upID+=", limit="9"),
    "begin": lambda c, key: c.initiate_multipart_upload(key, x_qs_storage_class="STANDARD_IA"),
}


@pytest.mark.parametrize("virtual", [True, False])
@pytest.mark.parametrize("call", QING_CALLS)
def test_the_signature_is_the_qingstor_sdks(recorder: Recorder, call: str, *, virtual: bool) -> None:
    settings = {"host": "test", "port": recorder.port, "protocol": "http", "connection_retries": 0}
    config = QingConfig(AK, SK).load_config_from_data(settings | {"enable_virtual_host_style": virtual})
    client = QingStor(config).Bucket(BUCKET, "pek3")
    for key in KEYS:
        request = _sent(recorder, client, QING_CALLS[call], key)
        path = request.raw_target.partition("?")[0]
        ours = qs.authorization(
            request.method,
            f"/{BUCKET}{path}" if virtual else path,
            _query(request.raw_target),
            request.headers,
            qs.Keys(AK, SK),
        )
        assert ours == request.headers["authorization"], key
        if call != "list":
            assert path.removeprefix(f"/{BUCKET}") == _path(key, QINGSTOR)


# --- the S3 gateways: their manuals name Amazon's SDK ---------------------------------------------------

GATEWAYS = [KODO, US3]
GATEWAY_CALLS: dict[str, Call] = {
    "get": lambda c, key: c.get_object(Bucket=BUCKET, Key=key, Range="bytes=0-9", IfMatch='"e"'),
    "put": lambda c, key: c.put_object(
        Bucket=BUCKET, Key=key, Body=b"abc", ContentType="t/x", Metadata={"a": "b c"}
    ),
    "list": lambda c, key: c.list_objects(Bucket=BUCKET, Prefix=key, Marker=key),
    "part": lambda c, key: c.upload_part(
        Bucket=BUCKET, Key=key, Body=b"abc", PartNumber=3, UploadId="up/ID+="
    ),
    "restore": lambda c, key: c.restore_object(Bucket=BUCKET, Key=key, RestoreRequest={"Days": 1}),
}


@pytest.mark.parametrize("dialect", GATEWAYS, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("token", ["", TOKEN])
@pytest.mark.parametrize("call", GATEWAY_CALLS)
def test_the_signature_is_that_of_the_sdk_for_gateways(
    recorder: Recorder, call: str, token: str, dialect: Dialect
) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=f"http://s3.test:{recorder.port}",
        region_name="cn-x",
        aws_access_key_id=AK,
        aws_secret_access_key=SK,
        aws_session_token=token or None,
        config=BotoConfig(
            s3={"addressing_style": dialect.addressing.value, "payload_signing_enabled": False},
            proxies={},
            retries={"total_max_attempts": 1},
            request_checksum_calculation="when_required",
        ),
    )
    # It would wait a second for the recorder to say "100 Continue".
    client.meta.events.unregister("before-call.s3", add_expect_header)
    target = Target("http", "s3.test", recorder.port)
    place = Place(target, BUCKET, "cn-x", dialect, dialect.signature, dialect.addressing)
    for key in [*KEYS, "a/../b", "/lead"]:
        request = _sent(recorder, client, GATEWAY_CALLS[call], key)
        theirs = request.headers["authorization"]
        names = theirs.partition("SignedHeaders=")[2].partition(",")[0].split(";")
        if call != "list":
            assert request.raw_target.partition("?")[0] == locate(place, key.encode())[1]
        ours = sigv4.authorization(
            request.method,
            request.raw_target.partition("?")[0],
            _query(request.raw_target),
            {name: request.headers[name] for name in names},
            sigv4.Scope(AK, SK, "cn-x"),
            request.headers["x-amz-date"],
        )
        assert ours == theirs, key
        assert request.headers.get("x-amz-security-token", "") == token


# --- all of them ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dialect", [OSS, COS, KS3, BOS, QINGSTOR, KODO, US3], ids=lambda dialect: dialect.name
)
def test_a_request_carries_its_token_and_no_secret(dialect: Dialect) -> None:
    target = Target("https", "store.test", 443)
    place = Place(target, BUCKET, "oss-cn-x", dialect, dialect.signature, dialect.addressing)
    headers = {"host": "store.test"}
    asked = Asked("GET", "/key", f"/{BUCKET}/key", ())
    sign(asked, headers, place, Account(AK, SK, TOKEN), 1_767_323_045.0)
    assert headers[f"{dialect.prefix}security-token"] == TOKEN
    assert SK not in str(headers)
    before = headers["authorization"]
    sign(asked, headers, place, Account(AK, SK + "x", TOKEN), 1_767_323_045.0)
    assert headers["authorization"] != before


def test_no_secret_stands_in_a_repr() -> None:
    assert (
        SK
        not in f"{oss4.Scope(AK, SK, 'r')!r} {cos.Keys(AK, SK)!r} {bce1.Keys(AK, SK)!r} {qs.Keys(AK, SK)!r}"
    )
