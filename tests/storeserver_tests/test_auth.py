"""Who may not come in, and with which words he is told."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Iterator

import pytest

from tests.storeserver import Account, Denial, ServerProcess, StoreConfig
from tests.storeserver_tests.client import AK, old, s3, send, signed, target, v4


@pytest.fixture(scope="module")
def guarded() -> Iterator[ServerProcess]:
    keys = {AK: Account("test-secret-key"), "temporary": Account("secret", "the-token"), "bob": Account("s")}
    denials = [
        Denial("list", "b"),
        Denial("read", "b", "private/"),
        Denial("write", "other"),
        Denial("multipart"),
    ]
    config = StoreConfig(
        keys=keys, buckets=["b", "other"], policies={"bob": denials}, base_domain="store.test", region="here"
    )
    with ServerProcess(config) as server:
        server.put("b", b"k", b"content")
        server.put("b", b"private/k", b"secret")
        yield server


def _host(server: ServerProcess) -> str:
    return f"{server.host}:{server.port}"


def _v4(server: ServerProcess, path: str = "/b/k", **change: str) -> tuple[int, str]:
    answer = send(server, "GET", path, v4("GET", _host(server), path, {}, **change))
    return answer.status, answer.code


def test_v4_signatures(guarded: ServerProcess) -> None:
    late = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - 16 * 60))
    early = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - 14 * 60))
    assert _v4(guarded) == (200, "")
    assert _v4(guarded, stamp=early) == (200, "")
    assert _v4(guarded, stamp=late) == (403, "RequestTimeTooSkewed")
    assert _v4(guarded, sk="wrong") == (403, "SignatureDoesNotMatch")
    assert _v4(guarded, ak="nobody") == (403, "InvalidAccessKeyId")
    assert _v4(guarded, payload="STREAMING-AWS4-HMAC-SHA256-PAYLOAD") == (501, "NotImplemented")


@pytest.mark.parametrize("tag", ["AWS", "OBS"])
def test_old_signatures(guarded: ServerProcess, tag: str) -> None:
    def ask(resource: str = "/b/k", headers: dict[str, str] | None = None, **keys: str) -> tuple[int, str]:
        answer = send(guarded, "GET", "/b/k", old("GET", resource, headers or {}, tag=tag, **keys))
        return answer.status, answer.code

    late = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() - 16 * 60))
    assert ask() == (200, "")
    assert ask("/b/other") == (403, "SignatureDoesNotMatch")
    assert ask(sk="wrong") == (403, "SignatureDoesNotMatch")
    assert ask(ak="nobody") == (403, "InvalidAccessKeyId")
    assert ask(headers={"Date": late}) == (403, "RequestTimeTooSkewed")


@pytest.mark.parametrize("what", ["path", "query", "header", "method"])
def test_a_signature_is_for_one_request_only(guarded: ServerProcess, what: str) -> None:
    headers = v4("GET", _host(guarded), "/b/k?versionId=null", {"range": "bytes=0-1"})
    asked = {
        "path": ("GET", "/b/%6b?versionId=null", {}),
        "query": ("GET", "/b/k", {}),
        "header": ("GET", "/b/k?versionId=null", {"range": "bytes=1-2"}),
        "method": ("DELETE", "/b/k?versionId=null", {}),
    }
    method, path, changed = asked[what]
    answer = send(guarded, method, path, headers | changed)
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    assert guarded.get("b", b"k") == b"content"


def test_an_amz_header_that_is_not_signed_is_refused(guarded: ServerProcess) -> None:
    headers = v4("GET", _host(guarded), "/b/k", {}) | {"x-amz-request-payer": "requester"}
    assert send(guarded, "GET", "/b/k", headers).code == "AccessDenied"


def test_nobody_gets_nothing(guarded: ServerProcess) -> None:
    answer = send(guarded, "GET", "/b/k")
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert send(guarded, "HEAD", "/b/k").body == b""
    assert send(guarded, "GET", "/b/k", {"authorization": "Bearer x"}).code == "InvalidArgument"


@pytest.mark.parametrize(("tag", "name"), [("AWS", "x-amz-security-token"), ("OBS", "x-obs-security-token")])
def test_a_temporary_key_needs_its_token(guarded: ServerProcess, tag: str, name: str) -> None:
    def ask(token: str | None) -> tuple[int, str]:
        headers = {} if token is None else {name: token}
        answer = send(
            guarded, "GET", "/b/k", old("GET", "/b/k", headers, tag=tag, ak="temporary", sk="secret")
        )
        return answer.status, answer.code

    assert ask("the-token") == (200, "")
    assert ask("another") == (400, "InvalidToken")
    assert ask(None) == (403, "InvalidAccessKeyId")


def test_boto3_sends_the_token(guarded: ServerProcess) -> None:
    client = s3(guarded, ak="temporary", sk="secret", aws_session_token="the-token")
    assert client.get_object(Bucket="b", Key="k")["Body"].read() == b"content"


def test_the_payload_is_what_was_signed(guarded: ServerProcess) -> None:
    headers = v4("PUT", _host(guarded), "/b/n", {}, payload=hashlib.sha256(b"promised").hexdigest())
    answer = send(guarded, "PUT", "/b/n", headers, b"pronised")
    assert (answer.status, answer.code) == (400, "XAmzContentSHA256Mismatch")
    assert b"n" not in guarded.keys("b")
    assert send(guarded, "PUT", "/b/n", headers, b"promised").status == 200


def test_content_md5_is_checked(guarded: ServerProcess) -> None:
    for value, code in (
        ("AAAAAAAAAAAAAAAAAAAAAA==", "BadDigest"),
        ("AAAA", "InvalidDigest"),
        ("?", "InvalidDigest"),
    ):
        answer = signed(guarded, "PUT", "/b/md5", {"content-md5": value}, b"x")
        assert (answer.status, answer.code) == (400, code)
    assert b"md5" not in guarded.keys("b")
    right = base64.b64encode(hashlib.md5(b"x").digest()).decode()
    assert signed(guarded, "PUT", "/b/md5", {"content-md5": right}, b"x").status == 200


def test_policies_deny_by_operation_bucket_and_prefix(guarded: ServerProcess) -> None:
    def ask(method: str, path: str) -> tuple[int, str]:
        answer = send(guarded, method, path, v4(method, _host(guarded), path, {}, ak="bob", sk="s"))
        return answer.status, answer.code

    assert ask("GET", "/b/k") == (200, "")
    assert ask("GET", "/b/private/k") == (403, "AccessDenied")
    assert ask("HEAD", "/b/private/k") == (200, "")
    assert ask("GET", target("b", **{"list-type": "2"})) == (403, "AccessDenied")
    assert ask("GET", target("other", **{"list-type": "2"})) == (200, "")
    assert ask("PUT", "/b/bob") == (200, "")
    assert ask("PUT", "/other/bob") == (403, "AccessDenied")
    assert ask("POST", "/b/bob?uploads") == (403, "AccessDenied")


@pytest.mark.parametrize("scheme", ["v4", "AWS", "OBS"])
def test_virtual_hosts_address_buckets(guarded: ServerProcess, scheme: str) -> None:
    host = f"b.store.test:{guarded.port}"
    guarded.put("b", b"-/counters", b"an object")
    if scheme == "v4":
        headers = v4("GET", host, "/-/counters", {})
    else:
        headers = old("GET", "/b/-/counters", {}, tag=scheme) | {"host": host}
    assert send(guarded, "GET", "/-/counters", headers).body == b"an object"


def test_a_strict_region_names_the_right_one(guarded: ServerProcess) -> None:
    guarded.settings(strict_region=True)
    try:
        answer = send(guarded, "GET", "/b/k", v4("GET", _host(guarded), "/b/k", {}, region="there"))
        assert (answer.status, answer.code) == (400, "AuthorizationHeaderMalformed")
        assert b"<Region>here</Region>" in answer.body
        assert _v4(guarded, region="here") == (200, "")
    finally:
        guarded.settings(strict_region=False)


def test_a_dialect_can_be_all_there_is(guarded: ServerProcess) -> None:
    try:
        guarded.settings(dialect="s3")
        assert send(guarded, "GET", "/b/k", old("GET", "/b/k", {}, tag="OBS")).code == "InvalidArgument"
        guarded.settings(dialect="obs")
        assert send(guarded, "GET", "/b/k", old("GET", "/b/k", {}, tag="OBS")).status == 200
        assert _v4(guarded) == (400, "InvalidArgument")
    finally:
        guarded.settings(dialect="both")
