"""Objects of every interesting size arrive byte-identical, with their headers and metadata."""

import gzip
import hashlib
import io
import time
from pathlib import Path
from random import Random
from typing import Any

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from engine.parts import SINGLE_MAX
from tests.e2e.site import AK, SK, opened
from tests.storeserver import ServerProcess

MIB, GIB = 1 << 20, 1 << 30
# Up to here one PUT, above it parts of this size.
PART = SINGLE_MAX
SIZES = {
    "nothing": 0,
    "one": 1,
    "part-1": PART - 1,
    "part": PART,
    "part+1": PART + 1,
    "two-parts": 2 * PART,
    "two-parts+1": 2 * PART + 1,
}
PROPERTIES = {
    "ContentType": "image/svg+xml; charset=utf-8",
    "CacheControl": "max-age=60, private",
    "ContentDisposition": 'attachment; filename="a b.svg"',
    "ContentLanguage": "de-CH",
    "Metadata": {"colour": "blue", "number": "007"},
}


class Noise(io.RawIOBase):
    """`size` bytes that are never in memory together, the same for the same name."""

    def __init__(self, name: str, size: int) -> None:
        self._name, self._size, self._at = name, size, 0
        self._block = b""
        self.sha256 = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        begin = self._at % MIB
        if begin == 0:
            self._block = Random(f"{self._name}{self._at // MIB}").randbytes(MIB)
        most = min(len(buffer), MIB - begin, self._size - self._at)
        buffer[:most] = self._block[begin : begin + most]
        self.sha256.update(self._block[begin : begin + most])
        self._at += most
        return most


def client(server: ServerProcess) -> Any:
    """A client that shares nothing with the engine."""
    config = Config(
        s3={"addressing_style": "path"},
        proxies={},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    keys = {"aws_access_key_id": AK, "aws_secret_access_key": SK, "region_name": "us-east-1"}
    return boto3.client("s3", endpoint_url=server.url, config=config, **keys)


def seen(server: ServerProcess, bucket: str, key: str) -> tuple[str, int, dict[str, Any]]:
    """SHA-256 and size as streamed, and what the headers say."""
    answer = client(server).get_object(Bucket=bucket, Key=key)
    digest, size = hashlib.sha256(), 0
    for piece in answer["Body"].iter_chunks(MIB):
        digest.update(piece)
        size += len(piece)
    told = {name: answer[name] for name in (*PROPERTIES, "ContentEncoding") if name in answer}
    return digest.hexdigest(), size, told


def test_sizes_around_parts_arrive_with_headers_and_metadata(tmp_path: Path) -> None:
    """Stored gzip stays as it is stored, also in parts."""
    bodies = {name: Random(name).randbytes(size) for name, size in SIZES.items()}
    packed = {name: gzip.compress(bodies[name], compresslevel=1, mtime=0) for name in ("one", "part+1")}
    stored = bodies | {f"{name}.gz": body for name, body in packed.items()}
    with opened(tmp_path) as site:
        for key, body in stored.items():
            encoding = {"ContentEncoding": "gzip"} if key.endswith(".gz") else {}
            client(site.source).put_object(Bucket="from", Key=key, Body=body, **PROPERTIES, **encoding)
        ended = site.wait(site.create(enable_metadata_migration=True))
        assert (ended["status"], ended["successful_num"]) == (5, len(stored)), ended
        for key, body in stored.items():
            wanted = PROPERTIES | ({"ContentEncoding": "gzip"} if key.endswith(".gz") else {})
            arrived = seen(site.destination, "into", key)
            assert arrived == (hashlib.sha256(body).hexdigest(), len(body), wanted), key
        in_parts = site.destination.counters().requests("complete", "into", prefix="")
        print(f"{len(stored)} objects of {list(SIZES.values())} bytes, {in_parts} in parts, all equal")
        assert in_parts == sum(len(body) > PART for body in stored.values())
        site.assert_adds_up(ended["id"])


@pytest.mark.slow
def test_a_gibibyte_arrives_byte_identical(tmp_path: Path) -> None:
    source, destination = {"root": tmp_path / "source"}, {"root": tmp_path / "destination"}
    with opened(tmp_path, source=source, destination=destination) as site:
        noise = Noise("gibibyte", GIB)
        config = TransferConfig(multipart_chunksize=64 * MIB, use_threads=False)
        client(site.source).upload_fileobj(noise, "from", "large", ExtraArgs=PROPERTIES, Config=config)
        began = time.monotonic()
        task_id = site.create(enable_metadata_migration=True)
        ended = site.wait(task_id, seconds=120)
        took = time.monotonic() - began
        assert (ended["status"], ended["complete_size"]) == (5, GIB), ended
        memory = max(one.memory_info().rss for one in site.processes("worker"))
        arrived = seen(site.destination, "into", "large")
        assert arrived == (noise.sha256.hexdigest(), GIB, PROPERTIES)
        assert seen(site.source, "from", "large") == arrived
        sent = site.source.counters().bytes_out("get", "from") - GIB
        speed = GIB / MIB / took
        print(f"1 GiB in {took:.1f} s ({speed:.0f} MiB/s), SHA-256 equal, worker RSS {memory // MIB} MiB")
        assert sent == GIB
        site.assert_adds_up(task_id)
