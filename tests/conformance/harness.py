"""One harness for each connector under test: a real server, a fresh bucket for each test, and the server's
known gaps.
"""

import hashlib
import itertools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import boto3
from botocore.config import Config
from fastcrc import crc64
from pydantic import SecretStr

from connectors.capabilities import DestinationStore
from connectors.endpoints import parse_endpoints
from connectors.locations import Credentials, Location
from connectors.memory import MemoryStore
from connectors.objects import Block, Properties, WriteOptions
from connectors.registry import open_store
from connectors.wire import Wire
from engine.failures import Side
from tests.storeserver import Account, ServerProcess, StoreConfig

AK, SK = "conformance-key", "conformance-secret"
REGION = "us-east-1"
_bucket_names = (f"bucket-{number}" for number in itertools.count(1))

# (check, parameter or "" for all) -> why this server cannot show it.
Gaps = dict[tuple[str, str], str]


def _plain(keys: tuple[str, str, str]) -> Credentials:
    access_key, secret_key, token = keys
    return Credentials(access_key, SecretStr(secret_key), SecretStr(token))


@dataclass(slots=True)
class Harness:
    """How to reach one connector's server. `control` is the in-repo store server, None for others; `more_lines` of the
    endpoints file follow the first.
    """

    name: str
    cloud: str
    make_bucket: Callable[[str], None]
    endpoint: str = ""
    control: ServerProcess | None = None
    gaps: Gaps = field(default_factory=dict)
    app_id: str = ""
    credentials: Callable[[tuple[str, str, str]], Credentials] = _plain
    side: Side = Side.SOURCE
    more_lines: str = ""

    def open(
        self,
        wire: Wire,
        bucket: str,
        keys: tuple[str, str, str] = (AK, SK, ""),
        *,
        requester_pays: bool = False,
    ) -> DestinationStore:
        """The connector on `bucket`, with an access key, its secret and its token."""
        if not self.endpoint:
            return MemoryStore(bucket)
        endpoints = parse_endpoints(f'[{{cloud_type: "*", region: "*", {self.endpoint}}}{self.more_lines}]')
        location = Location(self.cloud, REGION, bucket, self.side, requester_pays, self.app_id)
        return open_store(location, self.credentials(keys), wire, endpoints)

    def fresh_bucket(self) -> str:
        """The name of a new, empty bucket."""
        name = next(_bucket_names)
        self.make_bucket(name)
        return name


def block(data: bytes) -> Block:
    """Bytes with their hashes."""
    return Block(data, hashlib.md5(data).digest(), crc64.xz(data))


def plain(content_type: str = "application/x-test") -> WriteOptions:
    """Options of an ordinary object."""
    return WriteOptions(Properties(content_type=content_type))


@contextmanager
def store_server() -> Iterator[ServerProcess]:
    """The in-repo store server in a process of its own, with keys for every permission test."""
    config = StoreConfig(
        keys={AK: Account(SK), "temporary": Account("temporary-secret", "the-token")},
        base_domain="s3.test",
        crc64=True,
    )
    with ServerProcess(config) as server:
        yield server


def on_store_server(server: ServerProcess) -> list[Harness]:
    """Every dialect, signature and addressing that the in-repo server verifies."""
    by_name = f'endpoint: "http://s3.test:{server.port}", connect: "127.0.0.1:{server.port}"'
    by_path = f'endpoint: "{server.url}"'
    forms = (
        ("AWS path V4", "AWS", by_path),
        ("AWS virtual V4", "AWS", f"{by_name}, addressing: virtual"),
        ("AWS dialect aws", "AWS", f"{by_name}, dialect: aws"),
        ("HEC path V2", "HEC", f"{by_path}, signature: v2"),
        ("HEC virtual OBS", "HEC", f"{by_name}, dialect: obs"),
        ("HuaweiCloud path OBS", "HuaweiCloud", f"{by_path}, dialect: obs, addressing: path"),
    )
    return [Harness(name, cloud, server.create_bucket, endpoint, server) for name, cloud, endpoint in forms]


@contextmanager
def moto_server() -> Iterator[Harness]:
    """moto: another opinion on keys and multipart; it does not check signatures."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with running(command, port):
        yield Harness(
            "AWS moto", "AWS", _boto_bucket(port), f'endpoint: "http://127.0.0.1:{port}"', gaps=MOTO
        )


@contextmanager
def rclone_server() -> Iterator[Harness]:
    """`rclone serve s3`: another opinion on V4 signatures, which it verifies; a file system lies below."""
    port, root = free_port(), Path(tempfile.mkdtemp(prefix="omsc-", dir="/tmp"))
    rclone = Path(sys.executable).with_name("rclone")
    command = [str(rclone), "serve", "s3", "--auth-key", f"{AK},{SK}", "--addr", f"127.0.0.1:{port}"]
    command += ["--config", os.devnull, str(root)]
    try:
        with running(command, port):
            yield Harness(
                "AWS rclone",
                "AWS",
                _boto_bucket(port),
                f'endpoint: "http://127.0.0.1:{port}"',
                gaps=RCLONE,
            )
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextmanager
def running(command: list[str], port: int, environment: dict[str, str] | None = None) -> Iterator[None]:
    """A server's process until the block ends. Raises RuntimeError when it does not listen within 30 s."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    try:
        deadline = time.monotonic() + 30
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} did not start (exit code {process.poll()})")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _boto_bucket(port: int) -> Callable[[str], None]:
    client = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id=AK,
        aws_secret_access_key=SK,
        region_name=REGION,
        config=Config(proxies={}),
    )
    return lambda name: client.create_bucket(Bucket=name)


def for_each(check: str, parameters: str, reason: str) -> Gaps:
    """One gap for each of a check's parameters."""
    return {(check, parameter): reason for parameter in parameters.split()}


_KEY = "test_a_key_arrives_under_its_exact_bytes"
_TWINS = "test_twins_stay_two_objects"
_FILES = "objects are files of a file system: no dot segments, empty segments or folder objects"

MOTO: Gaps = {
    **for_each(
        _KEY, "newline control carriage-return crlf-header", "its router finds no key with a line end"
    ),
    ("test_a_key_over_1024_bytes_is_rejected", ""): "it takes keys of any length",
    ("test_a_wrong_md5_is_refused_and_stores_nothing", ""): "it does not look at Content-MD5",
    ("test_a_wrong_md5_refuses_the_part", ""): "it does not look at Content-MD5",
    ("test_an_aborted_upload_leaves_nothing", ""): "it answers 500 to Complete of an aborted upload",
    ("test_a_second_complete_finds_no_upload", ""): "it completes an upload twice",
}

RCLONE: Gaps = {
    **for_each(_KEY, "a/../b a/./b ../x dot-dot dot /lead a//b //two end/ end/..", _FILES),
    (_KEY, "1024-bytes"): "a file name holds at most 255 bytes",
    **for_each(_TWINS, "dots slashes object-and-folder", _FILES),
    ("test_keys_come_in_byte_order", ""): _FILES,
    ("test_a_prefix_lists_its_keys_only", ""): _FILES,
    ("test_a_folder_object_belongs_to_its_own_level", ""): _FILES,
    ("test_a_part_that_is_sent_again_replaces_the_first", ""): "parts are streamed on and cannot be replaced",
    ("test_a_small_part_before_the_last_completes_nothing", ""): "it has no smallest part",
    ("test_a_wrong_md5_refuses_the_part", ""): "a refused part voids the whole upload",
    ("test_absent_holds_at_complete", ""): "it ignores conditions of writes",
    ("test_absent_holds_for_a_new_key_only", ""): "it ignores conditions of writes",
    ("test_an_etag_condition_guards_the_version", ""): "it ignores conditions of writes",
    ("test_content_headers_arrive", ""): "it keeps the content type only",
    ("test_a_storage_class_is_stored", "ARCHIVE"): "it has no storage classes",
    ("test_a_storage_class_is_stored", "DEEP_ARCHIVE"): "it has no storage classes",
    ("test_kms_is_asked_for_and_told", ""): "it has no encryption",
}
