"""Each fault does what the script says, and then the server goes on as before."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import os
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError, ResponseStreamingError

from tests.storeserver import ServerProcess
from tests.storeserver_tests.client import Answer, s3, signed, target, v4

_BODY = os.urandom(600_000)


@pytest.fixture
def path(server: ServerProcess, bucket: str) -> str:
    server.put(bucket, b"k", _BODY)
    return f"/{bucket}/k"


def _get(server: ServerProcess, path: str, **headers: str) -> Answer:
    return signed(server, "GET", path, {k.replace("_", "-"): v for k, v in headers.items()})


def test_a_refusal_comes_after_n_and_so_many_times(server: ServerProcess, path: str) -> None:
    server.faults.add(op="get", key="k*", status=503, retry_after=7, after=1, times=2)
    answers = [_get(server, path) for _ in range(4)]
    assert [a.status for a in answers] == [200, 503, 503, 200]
    assert (answers[1].code, answers[1].headers["retry-after"]) == ("SlowDown", "7")
    assert [(f["seen"], f["acted"]) for f in server.faults.all()] == [(4, 2)]


def test_faults_are_for_their_operation_bucket_and_key(server: ServerProcess, path: str) -> None:
    server.faults.add(op="put|head", status=500)
    server.faults.add(bucket="another", status=500)
    server.faults.add(key="x*", status=500)
    server.faults.add(prefix="kk", status=500)
    assert _get(server, path).status == 200
    assert signed(server, "HEAD", path).status == 500
    assert signed(server, "PUT", path.replace("k", "x", 1)).status == 500


def test_probability_is_a_share(server: ServerProcess, path: str) -> None:
    server.faults.add(probability=0.5, status=500)
    failed = sum(signed(server, "HEAD", path).status == 500 for _ in range(200))
    assert 60 < failed < 140


def test_a_redirect_names_its_place(server: ServerProcess, path: str) -> None:
    server.faults.add(
        status=307, code="TemporaryRedirect", headers={"Location": "http://x/"}, elements={"Endpoint": "x"}
    )
    answer = _get(server, path)
    assert (answer.status, answer.headers["location"]) == (307, "http://x/")
    assert b"<Endpoint>x</Endpoint>" in answer.body


def test_delays_and_rates_take_their_time(server: ServerProcess, path: str) -> None:
    server.faults.add(op="get", delay_ms=300, times=1)
    server.faults.add(op="get", rate=2_000_000)
    begun = time.monotonic()
    assert _get(server, path).body == _BODY
    assert time.monotonic() - begun > 0.29
    begun = time.monotonic()
    assert _get(server, path).body == _BODY
    assert time.monotonic() - begun > 0.25
    server.faults.add(op="put", rate_in=2_000_000)
    begun = time.monotonic()
    assert signed(server, "PUT", path, body=_BODY).status == 200
    assert time.monotonic() - begun > 0.25


def test_every_request_can_be_late(server: ServerProcess, path: str) -> None:
    server.settings(latency_ms=150)
    try:
        begun = time.monotonic()
        signed(server, "HEAD", path)
        assert time.monotonic() - begun > 0.15
    finally:
        server.settings(latency_ms=0)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"truncate": 1000}, http.client.IncompleteRead),
        ({"truncate": 1000, "framing": "chunked"}, http.client.IncompleteRead),
        ({"reset_out": 300_000}, ConnectionResetError),
        ({"reset_out": 0}, ConnectionResetError),
        ({"drop": True}, (ConnectionResetError, http.client.RemoteDisconnected)),
        ({"lost_answer": True}, (ConnectionResetError, http.client.RemoteDisconnected)),
    ],
)
def test_answers_break_off(server: ServerProcess, path: str, fault: dict[str, Any], error: Any) -> None:
    server.faults.add(op="get", times=1, **fault)
    with pytest.raises(error):
        _get(server, path)
    assert _get(server, path).body == _BODY
    assert server.counters().requests("get") == 2


@pytest.mark.parametrize("framing", ["close", "ended"])
def test_a_body_can_end_early_without_a_length(server: ServerProcess, path: str, framing: str) -> None:
    server.faults.add(op="get", truncate=1000, framing=framing)
    answer = _get(server, path)
    assert "content-length" not in answer.headers
    assert answer.body == _BODY[:1000]


def test_boto3_notices_a_reset(server: ServerProcess, bucket: str, path: str) -> None:
    server.faults.add(op="get", reset_out=1000)
    with pytest.raises(ResponseStreamingError):
        s3(server).get_object(Bucket=bucket, Key="k")["Body"].read()


def test_a_stalled_answer_says_nothing(server: ServerProcess, path: str) -> None:
    server.faults.add(op="get", stall_after=1000, stall=0.4)
    begun = time.monotonic()
    assert _get(server, path).body == _BODY
    assert time.monotonic() - begun > 0.4
    server.faults.clear()
    server.faults.add(op="get", stall_after=0)
    connection = http.client.HTTPConnection(server.host, server.port, timeout=0.3)
    connection.request("GET", path, headers=v4("GET", f"{server.host}:{server.port}", path, {}))
    response = connection.getresponse()
    with pytest.raises(TimeoutError):
        response.read(1)
    connection.close()


def test_a_flipped_byte_keeps_the_etag(server: ServerProcess, path: str) -> None:
    server.faults.add(op="get", flip=299_999)
    answer = _get(server, path)
    assert answer.headers["etag"] == f'"{hashlib.md5(_BODY).hexdigest()}"'
    assert [n for n in range(len(_BODY)) if answer.body[n] != _BODY[n]] == [299_999]


def test_ranges_can_be_ignored_or_misnamed(server: ServerProcess, path: str) -> None:
    honest = _get(server, path, range="bytes=5-9")
    assert (honest.status, honest.body) == (206, _BODY[5:10])
    assert honest.headers["content-range"] == "bytes 5-9/600000"
    server.faults.add(op="get", ignore_range=True, times=1)
    server.faults.add(op="get", content_range="bytes 6-10/600000")
    ignored = _get(server, path, range="bytes=5-9")
    assert (ignored.status, ignored.body) == (200, _BODY)
    assert _get(server, path, range="bytes=5-9").headers["content-range"] == "bytes 6-10/600000"


def test_etags_can_lie_or_lack(server: ServerProcess, path: str) -> None:
    server.faults.add(op="put", etag="0" * 32, times=1)
    server.faults.add(op="put", no_etag=True)
    assert signed(server, "PUT", path, body=b"1").headers["etag"] == f'"{"0" * 32}"'
    assert "etag" not in signed(server, "PUT", path, body=b"1").headers


def test_a_short_length_hides_the_end(server: ServerProcess, path: str) -> None:
    server.faults.add(op="get", length_less=1)
    assert _get(server, path).body == _BODY[:-1]


def test_a_body_can_be_packed_on_its_way(server: ServerProcess, path: str) -> None:
    server.faults.add(op="get", gzip=True)
    answer = _get(server, path, accept_encoding="gzip")
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(answer.body) == _BODY
    assert _get(server, path, accept_encoding="identity").body == _BODY


@pytest.mark.parametrize("mixed", [False, True])
def test_an_object_can_change_while_it_is_read(
    server: ServerProcess, bucket: str, path: str, mixed: bool
) -> None:
    server.faults.add(op="get", mutate_after=1000, mixed=mixed, times=1)
    answer = _get(server, path)
    inverted = bytes(255 - b for b in _BODY)
    assert answer.body == (_BODY[:1000] + inverted[1000:] if mixed else _BODY)
    assert server.get(bucket, b"k") == inverted
    assert _get(server, path, if_match=answer.headers["etag"]).status == 412


def test_a_lost_answer_has_done_its_work(server: ServerProcess, bucket: str, path: str) -> None:
    server.faults.add(op="put", lost_answer=True)
    with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
        signed(server, "PUT", path, body=b"new")
    assert server.get(bucket, b"k") == b"new"


def test_a_reset_upload_leaves_nothing(server: ServerProcess, bucket: str, path: str) -> None:
    server.faults.add(op="put", reset_in=100_000)
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        signed(server, "PUT", path, body=bytes(5_000_000))
    assert server.get(bucket, b"k") == _BODY
    assert server.counters().errors("put") == 1


def test_a_complete_can_fail_inside_200(server: ServerProcess, bucket: str) -> None:
    client = s3(server)
    upload = client.create_multipart_upload(Bucket=bucket, Key="m")
    where = {"Bucket": bucket, "Key": "m", "UploadId": upload["UploadId"]}
    part = {"PartNumber": 1, "ETag": client.upload_part(**where, PartNumber=1, Body=b"3")["ETag"]}
    server.faults.add(op="complete", complete_error="InternalError", times=1)
    with pytest.raises(ClientError, match="InternalError"):
        client.complete_multipart_upload(**where, MultipartUpload={"Parts": [part]})
    assert server.keys(bucket) == []
    client.complete_multipart_upload(**where, MultipartUpload={"Parts": [part]})
    assert server.keys(bucket) == [b"m"]


def test_listings_lie(server: ServerProcess, bucket: str) -> None:
    for n in range(6):
        server.put(bucket, b"k%d" % n, b"")

    def page(how: dict[str, str], **query: str) -> tuple[list[int], bool, str]:
        server.faults.clear()
        server.faults.add(op="list", **how)
        body = signed(server, "GET", target(bucket, **{"list-type": "2", "max-keys": "2"} | query)).body
        numbers = [int(piece[:1]) for piece in body.split(b"<Key>k")[1:]]
        token = body.partition(b"<NextContinuationToken>")[2].partition(b"<")[0].decode()
        return numbers, b"<IsTruncated>true" in body, token

    numbers, more, token = page({})
    assert (numbers, more) == ([0, 1], True)
    following = {"continuation-token": token}
    numbers, more, second = page({}, **following)
    assert (numbers, more) == ([2, 3], True)
    assert page({"page": "repeat"}, **following) == ([0, 1], True, token)
    assert page({"page": "same_token"}, **following) == ([2, 3], True, token)
    assert page({"page": "empty"}, **following) == ([], True, token)
    assert page({"page": "unordered"}, **following) == ([3, 2], True, second)
    assert page({"page": "duplicate"}, **following) == ([2, 3, 3], True, second)
    assert page({"page": "no_token"}, **following) == ([2, 3], True, "")


def test_xml_can_be_broken_or_hostile(server: ServerProcess, bucket: str) -> None:
    where = target(bucket, **{"list-type": "2"})
    server.faults.add(op="list", xml="broken", times=1)
    assert not signed(server, "GET", where).body.endswith(b">")
    server.faults.add(op="list", xml="doctype", times=1)
    assert b"<!DOCTYPE" in signed(server, "GET", where).body
    server.faults.add(op="list", xml="empty", times=1)
    answer = signed(server, "GET", where)
    assert (answer.status, answer.body) == (200, b"")


def test_unknown_faults_are_refused(server: ServerProcess) -> None:
    with pytest.raises(RuntimeError, match="unknown in a fault: statsu"):
        server.faults.add(statsu=500)
