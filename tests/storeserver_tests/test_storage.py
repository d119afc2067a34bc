"""What survives, and what a crash leaves behind."""

from __future__ import annotations

import os
import random
import socket
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.storeserver import ServerProcess, StoreConfig, StoreServer
from tests.storeserver.body import Reader
from tests.storeserver.index import SortedKeys
from tests.storeserver_tests.client import AWKWARD_KEYS, s3, v4

_LARGE = os.urandom(300_000)


def _fill(server: ServerProcess) -> None:
    client = s3(server)
    for key in AWKWARD_KEYS:
        client.put_object(Bucket="b", Key=key, Body=key.encode(), Metadata={"k": "v"})
    client.put_object(Bucket="b", Key="large", Body=_LARGE)
    client.put_object(Bucket="b", Key="gone", Body=_LARGE)
    client.delete_object(Bucket="b", Key="gone")
    upload = client.create_multipart_upload(Bucket="b", Key="parts")
    where = {"Bucket": "b", "Key": "parts", "UploadId": upload["UploadId"]}
    parts = [
        {"PartNumber": n, "ETag": client.upload_part(**where, PartNumber=n, Body=data)["ETag"]}
        for n, data in ((1, _LARGE), (2, b"end"), (3, _LARGE))
    ]
    client.complete_multipart_upload(**where, MultipartUpload={"Parts": parts[:2]})
    upload = client.create_multipart_upload(Bucket="b", Key="open")
    client.upload_part(Bucket="b", Key="open", UploadId=upload["UploadId"], PartNumber=4, Body=_LARGE)


def _check(server: ServerProcess) -> None:
    expected = sorted([*(k.encode() for k in AWKWARD_KEYS), b"large", b"parts"])
    assert server.keys("b") == expected
    assert [server.get("b", k.encode()) for k in AWKWARD_KEYS] == [k.encode() for k in AWKWARD_KEYS]
    assert server.info("b", b"..")["metadata"] == {"k": "v"}
    assert server.get("b", b"large") == _LARGE
    assert server.get("b", b"parts") == _LARGE + b"end"
    assert [(u["key"], u["parts"]) for u in server.uploads("b")] == [("open", {"4": len(_LARGE)})]


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_data_survive_the_end_of_the_server(tmp_path: Path, end: str) -> None:
    with ServerProcess(StoreConfig(root=tmp_path, buckets=["b"])) as server:
        _fill(server)
        _check(server)
        getattr(server, end)()
    with ServerProcess(StoreConfig(root=tmp_path, buckets=["b"])) as server:
        _check(server)
        assert len(list((tmp_path / "data").glob("*/*"))) == 3


def test_a_record_cut_short_is_dropped(tmp_path: Path) -> None:
    log = tmp_path / "objects.log"
    with ServerProcess(StoreConfig(root=tmp_path, buckets=["b"])) as server:
        _fill(server)
        server.put("b", b"zz", b"x" * 5000)
    os.truncate(log, log.stat().st_size - 1)
    with ServerProcess(StoreConfig(root=tmp_path)) as server:
        _check(server)
        server.put("b", b"zz", b"again")
    with ServerProcess(StoreConfig(root=tmp_path)) as server:
        assert server.get("b", b"zz") == b"again"


def test_a_damaged_record_ends_the_log(tmp_path: Path) -> None:
    log = tmp_path / "objects.log"
    with ServerProcess(StoreConfig(root=tmp_path, buckets=["b"])) as server:
        server.put("b", b"first", b"1")
        whole = log.stat().st_size
        server.put("b", b"second", b"2")
    content = bytearray(log.read_bytes())
    content[content.index(b'"second"') + 1] ^= 1
    log.write_bytes(content)
    with ServerProcess(StoreConfig(root=tmp_path)) as server:
        assert server.keys("b") == [b"first"]
        assert log.stat().st_size == whole


def test_a_killed_upload_leaves_no_file(tmp_path: Path) -> None:
    with ServerProcess(StoreConfig(root=tmp_path, buckets=["b"])) as server:
        _fill(server)
        headers = v4("PUT", f"{server.host}:{server.port}", "/b/half", {}) | {"content-length": "500000"}
        head = "PUT /b/half HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items())
        with socket.create_connection((server.host, server.port)) as sock:
            sock.sendall(head.encode() + b"\r\n" + bytes(400_000))
            while len(_files(tmp_path)) < 4:
                time.sleep(0.01)
            server.kill()
    with ServerProcess(StoreConfig(root=tmp_path)) as server:
        assert len(_files(tmp_path)) == 3
        _check(server)


def _files(root: Path) -> list[Path]:
    return list((root / "data").glob("*/*"))


def test_two_servers_do_not_share_a_root(tmp_path: Path) -> None:
    with ServerProcess(StoreConfig(root=tmp_path)), pytest.raises(RuntimeError, match="did not start"):
        ServerProcess(StoreConfig(root=tmp_path))


async def test_replaced_contents_stay_for_their_readers(tmp_path: Path) -> None:
    server = await StoreServer.start(StoreConfig(root=tmp_path, buckets=["b"]))
    try:
        server.put("b", b"k", _LARGE)
        version = server.service.bucket("b").newest(b"k")
        assert version is not None
        reader = Reader(server.service.storage.files, version.body, 0, version.size)
        server.put("b", b"k", b"new")
        assert reader.read(0, len(_LARGE)) == _LARGE
        reader.close()
        assert list((tmp_path / "data").glob("*/*")) == []
    finally:
        await server.stop()


@given(st.lists(st.binary(max_size=3)), st.binary(max_size=3))
def test_sorted_keys_are_a_sorted_set(keys: list[bytes], start: bytes) -> None:
    index = SortedKeys()
    model: set[bytes] = set()
    for key in keys:
        if key in model:
            index.remove(key)
            model.remove(key)
        else:
            index.add(key)
            model.add(key)
        assert list(index.seek(start)) == sorted(k for k in model if k >= start)
        assert list(index.seek(start, exclusive=True)) == sorted(k for k in model if k > start)


def test_sorted_keys_split_and_shrink() -> None:
    order = random.Random(1)
    keys = [b"%05d" % n for n in range(7000)]
    order.shuffle(keys)
    index = SortedKeys(keys[:1500])
    for key in keys[1500:]:
        index.add(key)
    assert list(index.seek(b"")) == sorted(keys)
    for key in keys[:6990]:
        index.remove(key)
    assert list(index.seek(b"")) == sorted(keys[6990:])
