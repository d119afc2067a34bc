"""Driven by Huawei's SDK: OBS native signature on a host name, V2 and V4 on an address."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from obs import CompleteMultipartUploadRequest, CompletePart, GetObjectHeader, ObsClient, PutObjectHeader

from tests.storeserver import BucketFlags, ServerProcess, StoreConfig
from tests.storeserver_tests.client import AK, AWKWARD_KEYS, SK, old, send

_DOMAIN = "obs.store.test"


@pytest.fixture(scope="module")
def store() -> Iterator[ServerProcess]:
    config = StoreConfig(
        buckets=["own"], base_domain=_DOMAIN, region="cn-test-4", crc64=True,
        bucket_flags={"own": BucketFlags(region="cn-test-9")},
    )  # fmt: skip
    with ServerProcess(config) as server:
        yield server


@pytest.fixture
def native(store: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObsClient]:
    """A client with the native signature and virtual hosts; its host names lead to the server."""
    resolve = socket.getaddrinfo

    def here(host: Any, *more: Any, **named: Any) -> Any:
        return resolve(store.host if str(host).endswith(_DOMAIN) else host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", here)
    yield from _client(server=f"http://{_DOMAIN}:{store.port}", signature="obs")


@pytest.fixture(params=["v2", "v4"])
def by_address(store: ServerProcess, request: pytest.FixtureRequest) -> Iterator[ObsClient]:
    yield from _client(server=store.url, signature=request.param, region="cn-test-4")


def _client(**how: Any) -> Iterator[ObsClient]:
    client = ObsClient(
        access_key_id=AK, secret_access_key=SK, is_signature_negotiation=False, max_retry_count=0,
        long_conn_mode=True, ssl_verify=False, **how,
    )  # fmt: skip
    yield client
    client.close()


def _round_trip(store: ServerProcess, client: ObsClient) -> None:
    for key in AWKWARD_KEYS:
        assert client.putContent("own", key, "content of " + key).status == 200
    assert store.keys("own") == sorted(key.encode() for key in AWKWARD_KEYS)
    for key in AWKWARD_KEYS:
        assert (
            client.getObject("own", key, loadStreamInMemory=True).body.buffer == b"content of " + key.encode()
        )
    listed, marker = [], None
    while True:
        page = client.listObjects("own", marker=marker, max_keys=7, encoding_type="url").body
        listed += [c.key for c in page.contents]
        if not page.is_truncated:
            break
        marker = page.next_marker or listed[-1]
    assert listed == sorted(AWKWARD_KEYS, key=str.encode)
    for key in AWKWARD_KEYS:
        assert client.deleteObject("own", key).status == 204
    assert store.keys("own") == []


def test_native_signatures_on_virtual_hosts(store: ServerProcess, native: ObsClient) -> None:
    _round_trip(store, native)


def test_v2_and_v4_signatures_by_path(store: ServerProcess, by_address: ObsClient) -> None:
    _round_trip(store, by_address)


def test_regions_and_buckets(native: ObsClient) -> None:
    assert native.headBucket("own").status == 200
    assert native.getBucketLocation("own").body.location == "cn-test-9"
    assert native.createBucket("another", location="cn-test-7").status == 200
    listed = {b.name: b.location for b in native.listBuckets(isQueryLocation=True).body.buckets}
    assert listed == {"own": "cn-test-9", "another": "cn-test-7"}
    assert native.deleteBucket("another").status == 204


def test_a_head_of_a_bucket_names_its_region_twice(store: ServerProcess) -> None:
    answer = send(store, "HEAD", "/own", old("HEAD", "/own", {}, tag="OBS"))
    assert answer.headers["x-obs-bucket-location"] == answer.headers["x-amz-bucket-region"] == "cn-test-9"
    assert answer.headers["x-obs-request-id"]


def test_native_headers(store: ServerProcess, native: ObsClient) -> None:
    headers = PutObjectHeader(storageClass="WARM", sseHeader=None)
    put = native.putContent("own", "k", "body", metadata={"a": "b"}, headers=headers)
    assert put.status == 200
    head = native.getObjectMetadata("own", "k")
    named = dict(head.header)
    assert (named["storage-class"], named["a"]) == ("WARM", "b")
    assert store.info("own", b"k")["storage_class"] == "STANDARD_IA"
    assert head.body.crc64 == put.body.crc64
    part = native.getObject("own", "k", loadStreamInMemory=True, headers=GetObjectHeader(range="bytes=1-2"))
    assert (part.status, part.body.buffer) == (206, b"od")
    stale = native.getObject("own", "k", headers=GetObjectHeader(if_match="0"))
    assert (stale.status, stale.errorCode) == (412, "PreconditionFailed")


def test_native_multipart_names_its_upload(store: ServerProcess, native: ObsClient) -> None:
    parts = [os.urandom(150_000), os.urandom(10)]
    upload_id = native.initiateMultipartUpload("own", "big").body.uploadId
    etags = [
        native.uploadPart("own", "big", n, upload_id, content=data, isAttachCrc64=True).body.etag
        for n, data in enumerate(parts, 1)
    ]
    assert [p.size for p in native.listParts("own", "big", upload_id).body.parts] == [150_000, 10]
    request = CompleteMultipartUploadRequest([CompletePart(n, e) for n, e in enumerate(etags, 1)])
    done = native.completeMultipartUpload("own", "big", upload_id, request)
    digest = hashlib.md5(b"".join(hashlib.md5(p).digest() for p in parts)).hexdigest()
    assert done.body.etag == f'"{digest}-2"'
    assert store.get("own", b"big") == b"".join(parts)
    answer = send(store, "HEAD", "/own/big", old("HEAD", "/own/big", {}, tag="OBS"))
    assert answer.headers["x-obs-uploadid"] == upload_id
    store.delete("own", b"big")


def test_encryption_of_a_bucket(store: ServerProcess, native: ObsClient) -> None:
    assert native.getBucketEncryption("own").errorCode == "NoSuchEncryptionConfiguration"
    store.create_bucket("sealed", encryption="aws:kms", kms_key_id="id")
    body = native.getBucketEncryption("sealed").body
    assert (body.encryption, body.key) == ("kms", "id")


def test_a_wrong_crc64_is_refused(store: ServerProcess, native: ObsClient) -> None:
    good = native.putContent("own", "crc", "123456789", headers=PutObjectHeader(crc64="11051210869376104954"))
    assert good.status == 200
    bad = native.putContent("own", "crc", "123456789", headers=PutObjectHeader(crc64="1"))
    assert (bad.status, bad.errorCode) == (400, "BadDigest")


def test_restore_in_the_native_dialect(store: ServerProcess, native: ObsClient) -> None:
    store.put("own", b"cold", b"x", storage_class="GLACIER")
    refused = native.getObject("own", "cold")
    assert (refused.status, refused.errorCode) == (403, "InvalidObjectState")
    assert native.restoreObject("own", "cold", 1, tier="Expedited").status == 202
    answer = send(store, "HEAD", "/own/cold", old("HEAD", "/own/cold", {}, tag="OBS"))
    assert (answer.headers["x-obs-storage-class"], answer.headers["x-obs-restore"]) == (
        "COLD", 'ongoing-request="true"',
    )  # fmt: skip
    store.restore("own", b"cold")
    assert native.getObject("own", "cold", loadStreamInMemory=True).body.buffer == b"x"


def test_kms_is_named_in_the_dialect(store: ServerProcess) -> None:
    asked = {"x-obs-server-side-encryption": "kms", "x-obs-server-side-encryption-kms-key-id": "id"}
    put = send(store, "PUT", "/own/kms", old("PUT", "/own/kms", asked, tag="OBS"), b"1")
    assert {k: put.headers[k] for k in asked} == asked
    assert store.info("own", b"kms")["encryption"] == "aws:kms"
    assert put.headers["etag"] != f'"{hashlib.md5(b"1").hexdigest()}"'
