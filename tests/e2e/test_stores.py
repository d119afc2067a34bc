"""One engine, an endpoints file, and S3-compatible servers of different makers and manners at its two ends."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import boto3
import pytest
from botocore.config import Config

from cli.supervisor.ready import free_port
from tests.e2e.site import AK, SK, opened, until
from tests.running import Engine
from tests.storeserver import Account, ServerProcess, StoreConfig

OBJECTS = 200
LARGE = 20 << 20
NAMES = ("path-v4", "virtual-v4", "v2", "obs", "moto", "rclone")


@dataclass(slots=True)
class Ends:
    """Two servers of one kind: `lines` is how the endpoints file describes them."""

    source: str
    destination: str
    lines: tuple[str, str]
    servers: tuple[ServerProcess, ...] = ()
    clients: dict[str, Any] = field(default_factory=dict)

    def client(self, url: str) -> Any:
        """A client that shares nothing with the engine."""
        if url not in self.clients:
            self.clients[url] = _client(url)
        return self.clients[url]

    def put(self, url: str, bucket: str, contents: dict[str, bytes]) -> None:
        """Store objects."""
        for key, body in contents.items():
            self.client(url).put_object(Bucket=bucket, Key=key, Body=body)

    def contents(self, bucket: str, prefix: str = "") -> dict[str, str]:
        """SHA-256 of all objects of a bucket of the destination that are not the engine's own."""
        client = self.client(self.destination)
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return {
            key: _sha256(client.get_object(Bucket=bucket, Key=key)["Body"].read())
            for key in keys
            if not key.startswith("oms/") or prefix
        }

    def record(self, bucket: str, task_name: str, kind: str) -> list[list[str]]:
        """The columns of a record's lines."""
        client = self.client(self.destination)
        folder = f"oms/task/{task_name}/{kind}_object_lists/"
        listed = client.list_objects_v2(Bucket=bucket, Prefix=folder).get("Contents", [])
        bodies = [client.get_object(Bucket=bucket, Key=one["Key"])["Body"].read() for one in listed]
        return [line.split("\t") for line in b"".join(bodies).decode().splitlines()]


@dataclass(frozen=True, slots=True)
class World:
    """The engine and every pair of ends, by name; the name is the region that leads there."""

    engine: Engine
    ends: dict[str, Ends]

    def migrate(self, name: str, into: str, **more: Any) -> dict[str, Any]:
        """A task over the whole bucket `from`, at its end."""
        node = {"region": name, "ak": AK, "sk": SK}
        body = {
            "task_type": "prefix",
            "src_node": node | {"cloud_type": "AWS", "bucket": "from", "object_key": [""]},
            "dst_node": node | {"bucket": into},
        }
        task_id = self.engine.call("POST", "/tasks", body | more)["id"]
        return until(
            lambda: self.engine.call("GET", f"/tasks/{task_id}"), lambda task: task["status"] in (4, 5), 60
        )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """All servers and one engine that knows them by an endpoints file."""
    root = tmp_path_factory.mktemp("stores")
    with ExitStack() as stack:
        ends = {name: stack.enter_context(_OPENERS[name]()) for name in NAMES}
        for pair in ends.values():
            pair.client(pair.source).create_bucket(Bucket="from")
            for bucket in ("into", "guarded"):
                pair.client(pair.destination).create_bucket(Bucket=bucket)
            pair.put(pair.source, "from", _originals())
        file = root / "endpoints.yaml"
        file.write_text("".join(_lines(name, pair) for name, pair in ends.items()))
        engine = stack.enter_context(Engine(root / "data", file))
        yield World(engine, ends)


def _lines(name: str, ends: Ends) -> str:
    source, destination = ends.lines
    return (
        f"- {{cloud_type: AWS, region: '{name}', {source}}}\n"
        f"- {{cloud_type: HEC, region: '{name}', {destination}}}\n"
    )


def _originals() -> dict[str, bytes]:
    small = {
        f"folder-{n % 7}/object {n:03}+ü": hashlib.shake_128(b"%d" % n).digest(n * 37)
        for n in range(OBJECTS - 1)
    }
    return small | {"large": hashlib.shake_128(b"large").digest(LARGE)}


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _client(url: str) -> Any:
    config = Config(s3={"addressing_style": "path"}, proxies={}, retries={"total_max_attempts": 1})
    keys = {"aws_access_key_id": AK, "aws_secret_access_key": SK, "region_name": "us-east-1"}
    return boto3.client("s3", endpoint_url=url, config=config, **keys)


@contextmanager
def _own(describe: Callable[[ServerProcess], str]) -> Iterator[Ends]:
    """Two of the in-repo store servers, which verify every signature."""
    config = StoreConfig(keys={AK: Account(SK)}, base_domain="s3.test", request_log=True)
    with ServerProcess(config) as left, ServerProcess(config) as right:
        yield Ends(left.url, right.url, (describe(left), describe(right)), (left, right))


@contextmanager
def _foreign(command: Callable[[int, Path], list[str]]) -> Iterator[Ends]:
    """Two servers of another maker."""
    with _running(command) as left, _running(command) as right:
        yield Ends(left, right, (f"endpoint: '{left}'", f"endpoint: '{right}'"))


@contextmanager
def _running(command: Callable[[int, Path], list[str]]) -> Iterator[str]:
    root, port = Path(tempfile.mkdtemp(prefix="omse-", dir="/tmp")), free_port(0)
    process = subprocess.Popen(command(port, root), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: process.poll() is None and _answers(url), bool, 30)
        yield url
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(root, ignore_errors=True)


def _answers(url: str) -> bool:
    try:
        _client(url).list_buckets()
    except Exception:  # noqa: BLE001 - botocore has no common class for "not yet there"
        return False
    return True


def _moto(port: int, _: Path) -> list[str]:
    return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]


def _rclone(port: int, root: Path) -> list[str]:
    rclone = str(Path(sys.executable).with_name("rclone"))
    served = ["serve", "s3", "--auth-key", f"{AK},{SK}", "--addr", f"127.0.0.1:{port}"]
    return [rclone, *served, "--config", os.devnull, str(root)]


def _by_path(server: ServerProcess) -> str:
    return f"endpoint: '{server.url}'"


def _by_name(server: ServerProcess) -> str:
    return f"endpoint: 'http://s3.test:{server.port}', connect: '127.0.0.1:{server.port}'"


_OPENERS: dict[str, Callable[[], Any]] = {
    "path-v4": lambda: _own(_by_path),
    "virtual-v4": lambda: _own(lambda server: f"{_by_name(server)}, addressing: virtual"),
    "v2": lambda: _own(lambda server: f"{_by_path(server)}, signature: v2"),
    "obs": lambda: _own(lambda server: f"{_by_name(server)}, dialect: obs"),
    "moto": lambda: _foreign(_moto),
    "rclone": lambda: _foreign(_rclone),
}
# How requests of the engine begin their Authorization, and whether the bucket stands in the host.
_MANNERS = {
    "path-v4": ("AWS4-HMAC-SHA256 ", False),
    "virtual-v4": ("AWS4-HMAC-SHA256 ", True),
    "v2": ("AWS ", False),
    "obs": ("OBS ", True),
}


@pytest.mark.parametrize("name", NAMES)
def test_every_object_arrives_byte_by_byte(world: World, name: str) -> None:
    ends = world.ends[name]
    for server in ends.servers:
        server.reset_counters()
    began = time.monotonic()
    ended = world.migrate(name, "into")
    took = time.monotonic() - began
    seen = [_manner(request) for server in ends.servers for request in server.requests()]
    assert (ended["status"], ended["successful_num"], ended["failed_num"]) == (5, OBJECTS, 0), ended
    originals = {key: _sha256(body) for key, body in _originals().items()}
    assert ends.contents("into") == originals
    assert {unquote_to_bytes(row[1]).decode() for row in ended_rows(ends, "into", ended)} == set(originals)
    if ends.servers:
        assert (set(seen), len(seen) > 2 * OBJECTS) == ({_MANNERS[name]}, True)
    print(f"{name}: {OBJECTS} objects in {took:.1f} s, all bytes equal")


def ended_rows(ends: Ends, bucket: str, ended: dict[str, Any]) -> list[list[str]]:
    """The success list of a task that has ended."""
    rows = ends.record(bucket, ended["name"], "success")
    assert len(rows) == ended["successful_num"]
    return rows


def _manner(request: dict[str, Any]) -> tuple[str, bool]:
    headers = {name.lower(): value for name, value in dict(request["headers"]).items()}
    return headers["authorization"].split()[0] + " ", headers["host"].startswith(f"{request['bucket']}.")


@pytest.mark.check(28)
@pytest.mark.parametrize("name", NAMES)
def test_no_overwrite_leaves_what_is_there_and_says_how_sure_it_is(world: World, name: str) -> None:
    """Conditional writes where the store has them; elsewhere a HEAD, and the record says weak."""
    ends = world.ends[name]
    there = dict.fromkeys(list(_originals())[::10], b"was here before")
    ends.put(ends.destination, "guarded", there)
    ended = world.migrate(name, "guarded", object_overwrite_mode="NO_OVERWRITE")
    expected = {key: _sha256(body) for key, body in (_originals() | there).items()}
    assert (ended["status"], ended["skipped_num"]) == (5, len(there)), ended
    assert ends.contents("guarded") == expected
    strengths = {row[-1] for row in ended_rows(ends, "guarded", ended)}
    weak = name in ("obs", "rclone")
    print(f"{name}: {len(there)} kept, the others {', '.join(strengths)}")
    assert strengths == {"consistent (weak)" if weak else "consistent (strong)"}


def test_a_key_that_appears_during_the_read_is_kept_without_conditions(tmp_path: Path) -> None:
    """Where a write knows no condition, a HEAD stands right before the PUT, after the bytes were read."""
    with opened(tmp_path, destination={"conditional_writes": False}) as site:
        site.source.put("from", b"small", b"from the source")
        site.source.put("from", b"free", b"from the source")
        site.source.faults.add(op="get", key="small", delay_ms=1500)
        task_id = site.create(object_overwrite_mode="NO_OVERWRITE")
        until(lambda: site.source.counters().requests("head|get"), lambda seen: seen > 0, 10)
        time.sleep(0.7)
        site.destination.put("into", b"small", b"somebody else's")
        ended = site.wait(task_id)
        print({key: site.destination.get("into", key) for key in (b"small", b"free")})
        assert site.destination.get("into", b"small") == b"somebody else's"
        assert (ended["status"], ended["skipped_num"], ended["successful_num"]) == (5, 1, 1)
