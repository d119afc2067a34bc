"""A raw client of the tests: sends any target bytes and signs with signers of its own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import boto3
from botocore.config import Config

from tests.storeserver import ServerProcess, StoreServer

AK, SK = "test-access-key", "test-secret-key"
AWKWARD_KEYS = [
    "a/../b", "a/./b", "../x", "..", ".", "/lead", "a//b", "//two", "back\\slash", "\x01", "\n", "\t", "\r",
    "uni-é中", "sp ace+plus%41", "q?m#f", "tilde~!*'()", "end/", "end/..", "x" * 1024, "NFC-é", "NFD-e\u0301",
    "Case", "case", "%2F", "a+b", "😀", "<&>\"'", "-/counters", "\x7f", "\u2028",
]  # fmt: skip


@dataclass
class Answer:
    """A whole answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The code of an error document."""
        return self.body.partition(b"<Code>")[2].partition(b"</Code>")[0].decode()


def s3(
    server: ServerProcess | StoreServer, signature: str = "s3v4", *, ak: str = AK, sk: str = SK, **more: Any
) -> Any:
    """A boto3 client with path addressing and one attempt."""
    config = Config(
        signature_version=signature,
        s3={"addressing_style": "path"},
        retries={"total_max_attempts": 1},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.client(
        "s3", endpoint_url=server.url, region_name="eu-test-1", aws_access_key_id=ak, aws_secret_access_key=sk,
        config=config, **more,
    )  # fmt: skip


def v4(method: str, host: str, target: str, headers: dict[str, str], **change: str) -> dict[str, str]:
    """Headers with a V4 signature; `change` replaces ak, sk, stamp, region or payload."""
    path, _, query = target.partition("?")
    stamp = change.get("stamp") or time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    payload = change.get("payload", "UNSIGNED-PAYLOAD")
    scope = f"{stamp[:8]}/{change.get('region', 'r')}/s3/aws4_request"
    signed = {k.lower(): v for k, v in headers.items()}
    signed |= {"host": host, "x-amz-date": stamp, "x-amz-content-sha256": payload}
    names = ";".join(sorted(signed))
    pairs = sorted(p if "=" in p else p + "=" for p in query.split("&") if p)
    lines = [method, path, "&".join(pairs), *(f"{n}:{signed[n]}" for n in sorted(signed)), "", names, payload]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    key = ("AWS4" + change.get("sk", SK)).encode()
    for step in scope.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    signature = hmac.digest(key, f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}".encode(), "sha256").hex()
    credential = f"{change.get('ak', AK)}/{scope}"
    signed["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
    )
    return signed


def old(
    method: str, resource: str, headers: dict[str, str], *, tag: str = "AWS", ak: str = AK, sk: str = SK
) -> dict[str, str]:
    """Headers with a V2 (tag AWS) or an OBS native signature (tag OBS); `resource` as it is to be signed."""
    prefix = "x-amz-" if tag == "AWS" else "x-obs-"
    signed = {k.lower(): v for k, v in headers.items()}
    signed.setdefault("date", time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime()))
    lines = [method, signed.get("content-md5", ""), signed.get("content-type", ""), signed["date"]]
    lines += [f"{n}:{signed[n]}" for n in sorted(signed) if n.startswith(prefix)]
    lines.append(resource)
    signature = base64.b64encode(hmac.digest(sk.encode(), "\n".join(lines).encode(), "sha1")).decode()
    signed["authorization"] = f"{tag} {ak}:{signature}"
    return signed


def send(
    server: ServerProcess, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b""
) -> Answer:
    """One request on a connection of its own, the target's bytes exactly as given."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        sent = {"host": f"{server.host}:{server.port}"} | (headers or {})
        if method in ("PUT", "POST"):
            sent["content-length"] = str(len(body))
        for name, value in sent.items():
            connection.putheader(name, value.encode("latin-1"))
        connection.endheaders(body or None)
        response = connection.getresponse()
        received = {k.lower(): v for k, v in response.getheaders()}
        return Answer(response.status, received, response.read())
    finally:
        connection.close()


def signed(
    server: ServerProcess, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b""
) -> Answer:
    """The same with a V4 signature."""
    return send(
        server, method, target, v4(method, f"{server.host}:{server.port}", target, headers or {}), body
    )


def target(bucket: str, key: str = "", **query: str) -> str:
    """`/bucket/key?query`, percent-encoded."""
    path = f"/{bucket}" + ("/" + quote(key, safe="/-_.~") if key else "")
    return path + ("?" + urlencode(query, quote_via=quote) if query else "")
