"""HTTP itself: bytes of the target, framing, keep-alive, limits."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from botocore.exceptions import ResponseStreamingError

from tests.storeserver import ServerProcess, StoreConfig, StoreServer
from tests.storeserver_tests.client import s3, signed, target, v4


def _raw(server: ServerProcess, *pieces: bytes) -> bytes:
    with socket.create_connection((server.host, server.port), timeout=5) as sock:
        for piece in pieces:
            sock.sendall(piece)
            time.sleep(0.02)
        sock.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: sock.recv(65536), b""))


def _request(server: ServerProcess, method: str, path: str, body: bytes | None = None, **more: str) -> bytes:
    headers = v4(method, f"{server.host}:{server.port}", path, {}) | {
        k.replace("_", "-"): v for k, v in more.items()
    }
    if body is not None and "transfer-encoding" not in headers:
        headers["content-length"] = str(len(body))
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items())
    return head.encode() + b"\r\n" + (body or b"")


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("/{b}/%2e%2e", b".."), ("/{b}/a%2Fb", b"a/b"), ("/{b}/a+b", b"a+b"), ("/{b}//x", b"/x"),
        ("/{b}/../y", b"../y"), ("/{b}/%FF%00", b"\xff\x00"), ("/{b}/a;b=c", b"a;b=c"), ("/{b}/%25", b"%"),
    ],
)  # fmt: skip
def test_the_target_is_taken_byte_for_byte(
    server: ServerProcess, bucket: str, sent: str, stored: bytes
) -> None:
    answer = signed(server, "PUT", sent.format(b=bucket), body=b"1")
    assert answer.status == 200
    assert server.keys(bucket) == [stored]
    assert signed(server, "GET", sent.format(b=bucket)).body == b"1"


def test_a_request_may_come_in_any_pieces(server: ServerProcess, bucket: str) -> None:
    whole = _request(server, "PUT", f"/{bucket}/k", b"body")
    assert b"200 OK" in _raw(server, whole[:10], whole[10:100], whole[100:-2], whole[-2:])
    assert server.get(bucket, b"k") == b"body"


def test_requests_in_one_stream_are_answered_in_order(server: ServerProcess, bucket: str) -> None:
    puts = b"".join(_request(server, "PUT", f"/{bucket}/{n}", b"%d" % n) for n in range(5))
    gets = b"".join(_request(server, "GET", f"/{bucket}/{n}") for n in range(5))
    answers = _raw(server, puts + gets).split(b"HTTP/1.1 200 OK")
    assert len(answers) == 11
    assert [a[-1:] for a in answers[6:]] == [b"0", b"1", b"2", b"3", b"4"]


def test_chunked_bodies(server: ServerProcess, bucket: str) -> None:
    body = os.urandom(70_000)
    coded = b"".join(b"%x;x=y\r\n%b\r\n" % (len(c), c) for c in (body[:1], body[1:69_000], body[69_000:]))
    whole = (
        _request(server, "PUT", f"/{bucket}/k", transfer_encoding="chunked") + coded + b"0\r\nT: v\r\n\r\n"
    )
    cut = [0, len(whole) - 1030, len(whole) - 1029, len(whole) - 3, len(whole)]
    assert b"200 OK" in _raw(server, *(whole[a:b] for a, b in itertools.pairwise(cut)))
    assert server.get(bucket, b"k") == body


def test_a_body_that_stays_away_leaves_nothing(server: ServerProcess, bucket: str) -> None:
    whole = _request(server, "PUT", f"/{bucket}/k", bytes(200_000))
    assert _raw(server, whole[:-1]) == b""
    assert server.keys(bucket) == []
    assert server.call("GET", "in-flight")["now"] == 0


def test_work_is_done_although_the_client_has_gone(server: ServerProcess, bucket: str) -> None:
    server.faults.add(op="put", delay_ms=200)
    assert _raw(server, _request(server, "PUT", f"/{bucket}/k", b"1")) == b""
    time.sleep(0.4)
    assert server.get(bucket, b"k") == b"1"
    assert server.call("GET", "in-flight")["now"] == 0


def test_expect_is_answered_before_the_body_comes(server: ServerProcess, bucket: str) -> None:
    whole = _request(server, "PUT", f"/{bucket}/k", b"1", expect="100-continue")
    with socket.create_connection((server.host, server.port), timeout=5) as sock:
        sock.sendall(whole[:-1])
        assert sock.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(whole[-1:])
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 OK")
    refused = whole[:-1].replace(b"Signature=", b"Signature=0", 1)
    answer = _raw(server, refused)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"Connection: close" in answer


@pytest.mark.parametrize("broken", [b"GET\r\n\r\n", b"GET / HTTP/2\r\n\r\n", b"GET / HTTP/1.1\r\nx\r\n\r\n"])
def test_what_is_no_http_is_refused(server: ServerProcess, broken: bytes) -> None:
    assert _raw(server, broken).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "query",
    [
        {"max-keys": "x"}, {"max-keys": "-1"}, {"encoding-type": "x"}, {"list-type": "2", "continuation-token": "x"},
        {"uploads": "", "max-uploads": "x"},
    ],
)  # fmt: skip
def test_wrong_arguments_of_a_list_are_refused(
    server: ServerProcess, bucket: str, query: dict[str, str]
) -> None:
    answer = signed(server, "GET", target(bucket, **dict(sorted(query.items()))))
    assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_a_wrong_part_marker_is_refused(server: ServerProcess, bucket: str) -> None:
    upload_id = s3(server).create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    answer = signed(server, "GET", target(bucket, "k", **{"part-number-marker": "x", "uploadId": upload_id}))
    assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_keys_have_1024_bytes_at_most(server: ServerProcess, bucket: str) -> None:
    assert signed(server, "PUT", target(bucket, "é" * 512), body=b"").status == 200
    answer = signed(server, "PUT", target(bucket, "é" * 512 + "x"), body=b"")
    assert (answer.status, answer.code) == (400, "KeyTooLongError")


@pytest.mark.parametrize(
    ("asked", "status", "low", "high"),
    [
        ("bytes=0-0", 206, 0, 1), ("bytes=5-", 206, 5, 10), ("bytes=-3", 206, 7, 10), ("bytes=-30", 206, 0, 10),
        ("bytes=8-99", 206, 8, 10), ("bytes=4-2", 200, 0, 10), ("bytes=x", 200, 0, 10), ("items=0-1", 200, 0, 10),
        ("bytes=0-1,3-4", 200, 0, 10), ("bytes=10-", 416, 0, 0), ("bytes=-0", 416, 0, 0),
    ],
)  # fmt: skip
def test_ranges(server: ServerProcess, bucket: str, asked: str, status: int, low: int, high: int) -> None:
    server.put(bucket, b"k", b"0123456789")
    answer = signed(server, "GET", f"/{bucket}/k", {"range": asked})
    assert answer.status == status
    if status == 416:
        assert (answer.code, answer.headers["content-range"]) == ("InvalidRange", "bytes */10")
        return
    assert answer.body == b"0123456789"[low:high]
    assert answer.headers.get("content-range") == (f"bytes {low}-{high - 1}/10" if status == 206 else None)


def test_control_characters_stand_raw_in_a_plain_list(server: ServerProcess, bucket: str) -> None:
    server.put(bucket, b"a\x01<&b", b"")
    server.put(bucket, b"sp ace+", b"")
    server.put(bucket, b"x+y", b"")
    plain = signed(server, "GET", target(bucket, **{"list-type": "2"})).body
    assert b"<Key>a\x01&lt;&amp;b</Key>" in plain
    coded = signed(server, "GET", target(bucket, **{"list-type": "2", "encoding-type": "url"})).body
    assert b"<Key>a%01%3C%26b</Key>" in coded
    assert b"<Key>sp+ace%2B</Key>" in coded
    assert b"<Key>x%2By</Key>" in coded
    # A blank may come as `+`; the signature's canonical form is that of the bytes sent.
    formed = signed(server, "GET", target(bucket, prefix="sp ac"), {}).body
    raw = _raw(server, _form_request(server, f"/{bucket}?prefix=sp+ac"))
    assert formed.count(b"<Key>") == raw.count(b"<Key>") == 1


def _form_request(server: ServerProcess, path: str) -> bytes:
    return _request(server, "GET", path.replace("+", "%2B")).replace(b"%2B", b"+", 1)


def test_idle_connections_can_be_closed(server: ServerProcess, bucket: str) -> None:
    with socket.create_connection((server.host, server.port), timeout=5) as sock:
        sock.sendall(_request(server, "PUT", f"/{bucket}/k", b"1"))
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 OK")
        assert server.close_idle() == 1
        assert sock.recv(1000) == b""


async def test_the_server_runs_in_a_test_s_own_loop() -> None:
    server = await StoreServer.start(StoreConfig(buckets=["b"]))
    try:
        server.put("b", b"\x00", b"1", metadata={"a": "b"})
        assert server.keys("b") == [b"\x00"]
        assert server.info("b", b"\x00")["metadata"] == {"a": "b"}
        assert server.counters().requests() == 0
        client = s3(server)
        body = os.urandom(3_000_000)
        await asyncio.to_thread(client.put_object, Bucket="b", Key="k", Body=body)
        answer = await asyncio.to_thread(client.get_object, Bucket="b", Key="k")
        assert await asyncio.to_thread(answer["Body"].read) == body
        server.faults.add(op="get", reset_out=1000)
        answer = await asyncio.to_thread(client.get_object, Bucket="b", Key="k")
        with pytest.raises(ResponseStreamingError):
            await asyncio.to_thread(answer["Body"].read)
        counters = server.counters()
        assert (counters.requests("get"), counters.errors("get"), counters.bytes_in("put")) == (
            2,
            1,
            len(body),
        )
    finally:
        await server.stop()


def test_the_command_line(tmp_path: Path) -> None:
    port_file = tmp_path / "port"
    command = [sys.executable, "-m", "tests.storeserver", "--root", str(tmp_path / "s"), "--port", "0"]
    command += [
        "--port-file",
        str(port_file),
        "--key",
        "A:B",
        "--key",
        "C:D:T",
        "--bucket",
        "x",
        "--dialect",
        "both",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    try:
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        assert line == f"ready http://127.0.0.1:{port_file.read_text()}\n"
    finally:
        process.terminate()
        assert process.wait(5) == 0
