"""Driven by boto3, with V4 and V2 signatures."""

from __future__ import annotations

import hashlib
import os
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.storeserver import ServerProcess
from tests.storeserver_tests.client import AWKWARD_KEYS, s3

_MIB = 1024 * 1024


@pytest.fixture(params=["s3v4", "s3"])
def client(server: ServerProcess, request: pytest.FixtureRequest) -> Any:
    return s3(server, request.param)


def _code(refused: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    answer = refused.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def _pages(client: Any, call: str, **arguments: Any) -> list[dict[str, Any]]:
    return list(client.get_paginator(call).paginate(**arguments))


@pytest.mark.parametrize("listing", ["list_objects", "list_objects_v2"])
def test_awkward_keys_come_back_byte_for_byte(
    server: ServerProcess, bucket: str, client: Any, listing: str
) -> None:
    for key in AWKWARD_KEYS:
        client.put_object(Bucket=bucket, Key=key, Body=b"content of " + key.encode())
    ordered = sorted(AWKWARD_KEYS, key=str.encode)
    assert server.keys(bucket) == [key.encode() for key in ordered]
    assert [client.get_object(Bucket=bucket, Key=k)["Body"].read() for k in AWKWARD_KEYS] == [
        b"content of " + k.encode() for k in AWKWARD_KEYS
    ]
    pages = _pages(client, listing, Bucket=bucket, PaginationConfig={"PageSize": 4})
    assert [len(p["Contents"]) for p in pages[:-1]] == [4] * (len(pages) - 1)
    assert [o["Key"] for p in pages for o in p["Contents"]] == ordered


def test_properties_are_returned_as_stored(bucket: str, client: Any) -> None:
    stored = {
        "ContentType": "text/x-test; charset=utf-8", "ContentEncoding": "gzip", "CacheControl": "max-age=5",
        "ContentDisposition": 'attachment; filename="a b"', "ContentLanguage": "de", "Metadata": {"one": "1 %41"},
    }  # fmt: skip
    client.put_object(Bucket=bucket, Key="k", Body=b"zipped", StorageClass="STANDARD_IA", **stored)
    answer = client.get_object(Bucket=bucket, Key="k")
    assert {name: answer[name] for name in stored} == stored
    assert answer["StorageClass"] == "STANDARD_IA"
    assert answer["ETag"] == f'"{hashlib.md5(b"zipped").hexdigest()}"'
    assert answer["Body"].read() == b"zipped"


def test_delimiters_roll_up_and_page(server: ServerProcess, bucket: str, client: Any) -> None:
    for key in ("a", "b/1", "b/2", "b/c/3", "b/c/é", "b/é", "b0", "c/4", "c/é", "d"):
        server.put(bucket, key.encode(), b"")
    for listing in ("list_objects", "list_objects_v2"):
        for size in (1, 2, 3, 100):
            arguments = {"Bucket": bucket, "Delimiter": "/", "PaginationConfig": {"PageSize": size}}
            pages = _pages(client, listing, **arguments)
            assert [o["Key"] for p in pages for o in p.get("Contents", [])] == ["a", "b0", "d"]
            assert [o["Prefix"] for p in pages for o in p.get("CommonPrefixes", [])] == ["b/", "c/"]
            pages = _pages(client, listing, Prefix="b/", **arguments)
            assert [o["Key"] for p in pages for o in p.get("Contents", [])] == ["b/1", "b/2", "b/é"]
            assert [o["Prefix"] for p in pages for o in p.get("CommonPrefixes", [])] == ["b/c/"]


def test_markers_are_exclusive_and_need_not_exist(server: ServerProcess, bucket: str, client: Any) -> None:
    for key in (b"a", b"b", b"c"):
        server.put(bucket, key, b"")
    first = client.list_objects(Bucket=bucket, Marker="a")["Contents"]
    second = client.list_objects_v2(Bucket=bucket, StartAfter="aa")["Contents"]
    assert [o["Key"] for o in first] == [o["Key"] for o in second] == ["b", "c"]


def test_a_list_has_milliseconds_and_a_header_whole_seconds(
    server: ServerProcess, bucket: str, client: Any
) -> None:
    server.put(bucket, b"k", b"")
    server.set_mtime(bucket, b"k", 1_700_000_000.678)
    listed = client.list_objects_v2(Bucket=bucket)["Contents"][0]["LastModified"]
    assert listed == datetime(2023, 11, 14, 22, 13, 20, 678000, tzinfo=UTC)
    head = client.head_object(Bucket=bucket, Key="k")["LastModified"]
    assert head == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def test_multipart_uploads(server: ServerProcess, bucket: str, client: Any) -> None:
    parts = [os.urandom(5 * _MIB), os.urandom(100 * 1024), os.urandom(7)]
    upload = client.create_multipart_upload(Bucket=bucket, Key="big", ContentType="a/b", Metadata={"m": "n"})
    where = {"Bucket": bucket, "Key": "big", "UploadId": upload["UploadId"]}
    etags = [
        client.upload_part(**where, PartNumber=n, Body=data)["ETag"]
        for n, data in zip((2, 5, 9), parts, strict=True)
    ]
    client.upload_part(**where, PartNumber=10, Body=b"left out")
    listed = _pages(client, "list_parts", **where, PaginationConfig={"PageSize": 1})
    assert [(p["PartNumber"], p["Size"]) for page in listed for p in page["Parts"]] == [
        (2, 5 * _MIB), (5, 102400), (9, 7), (10, 8),
    ]  # fmt: skip
    assert server.uploads(bucket)[0]["parts"] == {"2": 5 * _MIB, "5": 102400, "9": 7, "10": 8}
    chosen = [{"PartNumber": n, "ETag": e} for n, e in zip((2, 5, 9), etags, strict=True)]
    done = client.complete_multipart_upload(**where, MultipartUpload={"Parts": chosen})
    digest = hashlib.md5(b"".join(hashlib.md5(p).digest() for p in parts)).hexdigest()
    assert done["ETag"] == f'"{digest}-3"'
    answer = client.get_object(Bucket=bucket, Key="big")
    assert (answer["ContentType"], answer["Metadata"], answer["ETag"]) == ("a/b", {"m": "n"}, done["ETag"])
    assert answer["Body"].read() == b"".join(parts)
    low = 5 * _MIB - 3
    ranged = client.get_object(Bucket=bucket, Key="big", Range=f"bytes={low}-{low + 102405}")
    assert ranged["Body"].read() == b"".join(parts)[low : low + 102406]
    with pytest.raises(ClientError) as refused:
        client.complete_multipart_upload(**where, MultipartUpload={"Parts": chosen})
    assert _code(refused) == (404, "NoSuchUpload")
    assert server.uploads(bucket) == []


def test_a_wrong_complete_is_refused_and_keeps_the_upload(
    server: ServerProcess, bucket: str, client: Any
) -> None:
    upload = client.create_multipart_upload(Bucket=bucket, Key="k")
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload["UploadId"]}
    small = client.upload_part(**where, PartNumber=1, Body=b"x" * 102399)["ETag"]
    last = client.upload_part(**where, PartNumber=2, Body=b"y")["ETag"]
    one, two = {"PartNumber": 1, "ETag": small}, {"PartNumber": 2, "ETag": last}
    cases = [
        ([one, two], "EntityTooSmall"), ([two, one], "InvalidPartOrder"), ([one, one], "InvalidPartOrder"),
        ([two, {"PartNumber": 3, "ETag": last}], "InvalidPart"), ([{"PartNumber": 2, "ETag": small}], "InvalidPart"),
    ]  # fmt: skip
    for parts, code in cases:
        with pytest.raises(ClientError) as refused:
            client.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
        assert _code(refused) == (400, code)
    assert [u["UploadId"] for u in client.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [
        where["UploadId"]
    ]
    client.abort_multipart_upload(**where)
    assert server.uploads(bucket) == []
    assert server.keys(bucket) == []
    with pytest.raises(ClientError) as refused:
        client.abort_multipart_upload(**where)
    assert _code(refused) == (404, "NoSuchUpload")


def test_open_uploads_are_listed_page_by_page(bucket: str, client: Any) -> None:
    opened = sorted(
        (k, client.create_multipart_upload(Bucket=bucket, Key=k)["UploadId"])
        for k in ("a", "b", "b", "c/d", "é")
    )
    pages = _pages(client, "list_multipart_uploads", Bucket=bucket, PaginationConfig={"PageSize": 2})
    assert [(u["Key"], u["UploadId"]) for p in pages for u in p["Uploads"]] == opened


def test_conditional_reads(bucket: str, client: Any) -> None:
    etag = client.put_object(Bucket=bucket, Key="k", Body=b"1")["ETag"]
    now = datetime.now(UTC)
    assert client.get_object(Bucket=bucket, Key="k", IfMatch=etag)["Body"].read() == b"1"
    later, earlier = now + timedelta(hours=1), now - timedelta(hours=1)
    client.get_object(Bucket=bucket, Key="k", IfUnmodifiedSince=later)
    for condition in ({"IfMatch": '"0"'}, {"IfUnmodifiedSince": earlier}):
        with pytest.raises(ClientError) as refused:
            client.get_object(Bucket=bucket, Key="k", **condition)
        assert _code(refused) == (412, "PreconditionFailed")
        with pytest.raises(ClientError) as refused:
            client.head_object(Bucket=bucket, Key="k", **condition)
        assert _code(refused)[0] == 412
    with pytest.raises(ClientError) as refused:
        client.get_object(Bucket=bucket, Key="k", IfNoneMatch=etag)
    assert _code(refused)[0] == 304


def test_conditional_writes(server: ServerProcess, bucket: str, client: Any) -> None:
    etag = client.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    with pytest.raises(ClientError) as refused:
        client.put_object(Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*")
    assert _code(refused) == (412, "PreconditionFailed")
    with pytest.raises(ClientError) as refused:
        client.put_object(Bucket=bucket, Key="k", Body=b"2", IfMatch='"0"')
    assert _code(refused) == (412, "PreconditionFailed")
    assert server.get(bucket, b"k") == b"1"
    upload = client.create_multipart_upload(Bucket=bucket, Key="k")
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload["UploadId"]}
    part = {"PartNumber": 1, "ETag": client.upload_part(**where, PartNumber=1, Body=b"3")["ETag"]}
    with pytest.raises(ClientError) as refused:
        client.complete_multipart_upload(**where, MultipartUpload={"Parts": [part]}, IfNoneMatch="*")
    assert _code(refused) == (412, "PreconditionFailed")
    client.complete_multipart_upload(**where, MultipartUpload={"Parts": [part]}, IfMatch=etag)
    assert server.get(bucket, b"k") == b"3"
    server.create_bucket(bucket, conditional_writes=False)
    client.put_object(Bucket=bucket, Key="k", Body=b"4", IfNoneMatch="*")
    assert server.get(bucket, b"k") == b"4"


def test_copies_keep_or_replace_what_is_said_about_them(
    server: ServerProcess, bucket: str, client: Any
) -> None:
    body = os.urandom(200_000)
    client.put_object(Bucket=bucket, Key="a b/é", Body=body, Metadata={"x": "1"}, ContentType="t/a")
    source = {"Bucket": bucket, "Key": "a b/é"}
    client.copy_object(Bucket=bucket, Key="same", CopySource=source)
    client.copy_object(
        Bucket=bucket, Key="new", CopySource=source, MetadataDirective="REPLACE", Metadata={"y": "2"}
    )
    client.delete_object(**source)
    assert server.get(bucket, b"same") == server.get(bucket, b"new") == body
    assert server.info(bucket, b"same")["metadata"] == {"x": "1"}
    assert server.info(bucket, b"new")["metadata"] == {"y": "2"}


def test_archived_objects_are_read_after_a_restore_only(
    server: ServerProcess, bucket: str, client: Any
) -> None:
    client.put_object(Bucket=bucket, Key="k", Body=b"cold", StorageClass="GLACIER")
    with pytest.raises(ClientError) as refused:
        client.get_object(Bucket=bucket, Key="k")
    assert _code(refused) == (403, "InvalidObjectState")
    asked = {
        "Bucket": bucket,
        "Key": "k",
        "RestoreRequest": {"Days": 2, "GlacierJobParameters": {"Tier": "Bulk"}},
    }
    assert client.restore_object(**asked)["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert client.head_object(Bucket=bucket, Key="k")["Restore"] == 'ongoing-request="true"'
    with pytest.raises(ClientError) as refused:
        client.restore_object(**asked)
    assert _code(refused) == (409, "RestoreAlreadyInProgress")
    with pytest.raises(ClientError) as refused:
        client.get_object(Bucket=bucket, Key="k")
    assert _code(refused) == (403, "InvalidObjectState")
    time.sleep(0.6)
    assert client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"cold"
    assert 'ongoing-request="false", expiry-date="' in client.head_object(Bucket=bucket, Key="k")["Restore"]
    assert client.restore_object(**asked)["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_encryption_is_stored_and_hides_the_digest(server: ServerProcess, bucket: str, client: Any) -> None:
    put = client.put_object(
        Bucket=bucket, Key="k", Body=b"1", ServerSideEncryption="aws:kms", SSEKMSKeyId="id-7"
    )
    head = client.head_object(Bucket=bucket, Key="k")
    for answer in (put, head):
        assert (answer["ServerSideEncryption"], answer["SSEKMSKeyId"]) == ("aws:kms", "id-7")
        assert answer["ETag"] != f'"{hashlib.md5(b"1").hexdigest()}"'
    with pytest.raises(ClientError) as refused:
        s3(server).get_bucket_encryption(Bucket=bucket)
    assert _code(refused) == (404, "ServerSideEncryptionConfigurationNotFoundError")
    server.create_bucket(bucket, encryption="aws:kms", kms_key_id="id-8")
    rules = s3(server).get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"] == {
        "SSEAlgorithm": "aws:kms",
        "KMSMasterKeyID": "id-8",
    }
    assert client.put_object(Bucket=bucket, Key="d", Body=b"1")["ServerSideEncryption"] == "aws:kms"


def test_versions_hide_behind_the_newest(server: ServerProcess, bucket: str, client: Any) -> None:
    client.put_object(Bucket=bucket, Key="k", Body=b"0")
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert client.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    first = client.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    second = client.put_object(Bucket=bucket, Key="k", Body=b"2")["VersionId"]
    assert client.get_object(Bucket=bucket, Key="k")["VersionId"] == second
    for version, body in ((first, b"1"), ("null", b"0")):
        assert client.get_object(Bucket=bucket, Key="k", VersionId=version)["Body"].read() == body
    assert client.delete_object(Bucket=bucket, Key="k")["DeleteMarker"] is True
    with pytest.raises(ClientError) as refused:
        client.get_object(Bucket=bucket, Key="k")
    assert _code(refused) == (404, "NoSuchKey")
    assert "Contents" not in client.list_objects_v2(Bucket=bucket)
    assert client.get_object(Bucket=bucket, Key="k", VersionId=second)["Body"].read() == b"2"


def test_the_requester_pays(server: ServerProcess, bucket: str, client: Any) -> None:
    server.put(bucket, b"k", b"1")
    server.create_bucket(bucket, requester_pays=True)
    with pytest.raises(ClientError) as refused:
        client.get_object(Bucket=bucket, Key="k")
    assert _code(refused) == (403, "AccessDenied")
    assert client.get_object(Bucket=bucket, Key="k", RequestPayer="requester")["Body"].read() == b"1"
    server.create_bucket(bucket, requester_pays=False)
    assert client.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"


def test_buckets(server: ServerProcess, bucket: str, client: Any) -> None:
    name = bucket + "-x"
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-south-2"})
    assert name in [b["Name"] for b in client.list_buckets()["Buckets"]]
    assert client.get_bucket_location(Bucket=name)["LocationConstraint"] == "eu-south-2"
    assert client.head_bucket(Bucket=name)["BucketRegion"] == "eu-south-2"
    client.put_object(Bucket=name, Key="k", Body=b"")
    with pytest.raises(ClientError) as refused:
        client.delete_bucket(Bucket=name)
    assert _code(refused) == (409, "BucketNotEmpty")
    client.delete_object(Bucket=name, Key="k")
    client.delete_bucket(Bucket=name)
    with pytest.raises(ClientError) as refused:
        client.list_objects_v2(Bucket=name)
    assert _code(refused) == (404, "NoSuchBucket")
    with pytest.raises(ClientError) as refused:
        client.head_bucket(Bucket=name)
    assert _code(refused)[0] == 404


def test_a_million_synthetic_keys_are_listed_read_and_headed(server: ServerProcess) -> None:
    client = s3(server)
    begun = time.monotonic()
    page = client.list_objects_v2(Bucket="million", StartAfter="obj-00899999")
    assert time.monotonic() - begun < 5
    assert [page["Contents"][n]["Key"] for n in (0, -1)] == ["obj-00900000", "obj-00900999"]
    listed = page["Contents"][5]
    got = client.get_object(Bucket="million", Key="obj-00900005", IfMatch=listed["ETag"])
    content = got["Body"].read()
    assert len(content) == listed["Size"] == 10
    assert hashlib.md5(content).hexdigest() == listed["ETag"].strip('"')
    with pytest.raises(ClientError) as refused:
        client.head_object(Bucket="million", Key="obj-01000000")
    assert _code(refused)[0] == 404


def test_counters_tell_operations_buckets_and_prefixes_apart(server: ServerProcess, bucket: str) -> None:
    client = s3(server)
    client.put_object(Bucket=bucket, Key="oms/list", Body=b"123")
    client.put_object(Bucket=bucket, Key="k", Body=b"12345")
    client.get_object(Bucket=bucket, Key="k")["Body"].read()
    with pytest.raises(ClientError):
        client.get_object(Bucket=bucket, Key="missing")
    counters = server.counters()
    assert counters.requests("put", bucket) == 2
    assert (counters.requests("put", bucket, ""), counters.bytes_in("put", bucket, "")) == (1, 5)
    assert (counters.requests("put", bucket, "oms/"), counters.bytes_in("put", bucket, "oms/")) == (1, 3)
    assert (counters.requests("get", bucket), counters.errors("get", bucket)) == (2, 1)
    log = [r for r in server.requests() if r["bucket"] == bucket]
    assert [(r["op"], r["key"], r["status"]) for r in log] == [
        ("put", "oms/list", 200), ("put", "k", 200), ("get", "k", 200), ("get", "missing", 404),
    ]  # fmt: skip
    assert all(r["start"] <= r["end"] for r in log)
    assert sum(row[1] for row in server.bandwidth()["rows"]) == 8
    server.reset_counters()
    assert server.counters().requests() == 0
