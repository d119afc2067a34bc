"""Every source to OBS through the API: one engine, a server of each vendor that verifies its signatures.

What arrived is compared with what was put in by the servers' own books, which share nothing with the engine.
"""

from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.e2e.site import until
from tests.google_accounts import key_file, public_pem
from tests.running import Engine
from tests.storeserver.config import Account, StoreConfig
from tests.storeserver.process import ServerProcess
from tests.transfer.test_vendor_sources import KODO_KEYS, Wanted, bucketful

AK, SK = "e2e-access-key", "e2e-secret-key"
DEFAULT_TYPE = {"content-type": "binary/octet-stream"}


@dataclass(frozen=True, slots=True)
class Source:
    """A cloud as the API names it, its dialect, the domain of its buckets, and a region as users write it.

    `label` is the region in host names; `archive` the class of an object that cannot be read. `unlistable` keys cannot
    stand in the vendor's listings, `unreadable` ones are listed and then not found.
    """

    cloud: str
    dialect: str
    domain: str
    region: str
    label: str
    app_id: str = ""
    archive: str = "GLACIER"
    unlistable: tuple[bytes, ...] = ()
    unreadable: tuple[bytes, ...] = ()
    server: dict[str, Any] = field(default_factory=dict)
    secret: str = SK
    key_file: bool = False

    @property
    def bucket(self) -> str:
        """The bucket as the server holds it."""
        return f"from-{self.app_id}" if self.app_id else "from"

    def config(self) -> StoreConfig:
        """A server of this vendor."""
        secret = public_pem("right") if self.key_file else self.secret
        return StoreConfig(
            keys={AK: Account(secret)}, buckets=[self.bucket], dialect=self.dialect, base_domain=self.domain,
            app_id=self.app_id, region=self.label, strict_region=True, crc64=True, **self.server,
        )  # fmt: skip

    def endpoint(self, server: ServerProcess) -> str:
        """Its line of the endpoints file."""
        if self.key_file:
            return f"- {{cloud_type: {self.cloud}, region: '*', endpoint: '{server.url}', dialect: {self.dialect}}}\n"
        host = self.domain.replace("{region}", self.label)
        dialect = "aws" if self.dialect == "s3" else self.dialect
        return (
            f"- {{cloud_type: {self.cloud}, region: '*', endpoint: 'http://{host}:{server.port}',"
            f" dialect: {dialect}, addressing: virtual, connect: '127.0.0.1:{server.port}'}}\n"
        )

    def node(self, server: ServerProcess) -> dict[str, Any]:
        """The source of a create call."""
        node = {
            "cloud_type": self.cloud,
            "region": self.region,
            "ak": AK,
            "sk": self.secret,
            "bucket": "from",
            "object_key": [""],
        }
        if self.key_file:
            del node["ak"], node["sk"]
            return node | {"json_auth_file": key_file(AK, f"{server.url}/token")}
        return node | ({"app_id": self.app_id} if self.app_id else {})

    def takes(self, wanted: dict[bytes, Wanted]) -> dict[bytes, Wanted]:
        """What this vendor can hold: Google has no line ends in names, no `.`, no `..`, and no Expires."""
        if self.dialect != "google":
            return wanted
        return {
            key: replace(one, headers={name: text for name, text in one.headers.items() if name != "expires"})
            for key, one in wanted.items()
            if key not in (b".", b"..") and not {10, 13} & set(key)
        }


SOURCES = (
    Source("AWS", "s3", "s3.amazonaws.test", "us-east-1", "us-east-1"),
    Source("HuaweiCloud", "obs", "obs.{region}.myhuaweicloud.test", "cn-north-4", "cn-north-4"),
    Source("Aliyun", "oss", "oss-{region}.aliyuncs.test", "oss-cn-hangzhou", "cn-hangzhou"),
    Source("Tencent", "cos", "cos.{region}.myqcloud.test", "ap-beijing", "ap-beijing", "1250000000"),
    Source("KingsoftCloud", "ks3", "ks3-{region}.ksyuncs.test", "BEIJING", "beijing"),
    Source("Baidu", "bos", "{region}.bcebos.test", "bj", "bj"),
    Source(
        "Azure",
        "azure",
        "blob.core.windows.test",
        "westeurope",
        "westeurope",
        server={"max_meta_bytes": 8 << 10},
        secret=b64encode(SK.encode()).decode(),
    ),
    Source("QingCloud", "qingstor", "{region}.qingstor.test", "pek3b", "pek3b", archive=""),
    Source("Qiniu", "kodo", "s3.{region}.qiniucs.test", "z0", "cn-east-1", **KODO_KEYS),
    Source("UCloud", "us3", "s3-{region}.ufileos.test", "cn-bj", "cn-bj"),
    Source("Google", "google", "", "europe-west4", "europe-west4", archive="", key_file=True),
)


@dataclass(frozen=True, slots=True)
class Clouds:
    """All sources, one destination with a bucket for each, and the engine between them."""

    engine: Engine
    sources: dict[str, ServerProcess]
    destination: ServerProcess


@pytest.fixture(scope="module")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clouds]:
    """Everything running."""
    root = tmp_path_factory.mktemp("clouds")
    buckets = [f"into-{source.cloud.lower()}" for source in SOURCES]
    with ExitStack() as stack:
        servers = {source.cloud: stack.enter_context(ServerProcess(source.config())) for source in SOURCES}
        destination = stack.enter_context(
            ServerProcess(
                StoreConfig(
                    keys={AK: Account(SK)}, buckets=buckets, dialect="obs", base_domain="obs.hec.test",
                    crc64=True, max_meta_bytes=8 << 10,
                )
            )
        )  # fmt: skip
        lines = [source.endpoint(servers[source.cloud]) for source in SOURCES]
        lines.append(
            f"- {{cloud_type: HEC, region: '*', endpoint: 'http://obs.hec.test:{destination.port}', dialect: obs,"
            f" connect: '127.0.0.1:{destination.port}'}}\n"
        )
        endpoints = root / "endpoints.yaml"
        endpoints.write_text("".join(lines))
        yield Clouds(stack.enter_context(Engine(root / "data", endpoints)), servers, destination)


def _fill(server: ServerProcess, bucket: str, wanted: dict[bytes, Wanted]) -> None:
    for key, one in wanted.items():
        server.put(bucket, key, one.body, headers=one.headers, metadata=one.metadata)


def _seen(server: ServerProcess, bucket: str, key: bytes) -> Wanted:
    info = server.info(bucket, key)
    return Wanted(server.get(bucket, key), DEFAULT_TYPE | info["headers"], info["metadata"])


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.cloud)
def test_a_bucket_arrives_whole(clouds: Clouds, source: Source) -> None:
    wanted = {key: one for key, one in source.takes(bucketful()).items() if key not in source.unlistable}
    server = clouds.sources[source.cloud]
    into = f"into-{source.cloud.lower()}"
    _fill(server, source.bucket, wanted)
    frozen = 1 if source.archive else 0
    if source.archive:
        server.put(source.bucket, b"old/frozen", b"unseen", storage_class=source.archive)
    request = {
        "task_type": "prefix",
        "src_node": source.node(server),
        "dst_node": {"region": "cn-north-4", "ak": AK, "sk": SK, "bucket": into},
        "enable_metadata_migration": True,
    }
    task_id = clouds.engine.call("POST", "/tasks", request)["id"]
    ended = until(
        lambda: clouds.engine.call("GET", f"/tasks/{task_id}"), lambda task: task["status"] in (4, 5), 180
    )
    for key in source.unreadable:
        del wanted[key]
    reasons = [b"SRC_OBJ_ARCHIVED"] * frozen + [b"SRC_OBJ_NOT_FOUND"] * len(source.unreadable)
    figures = ended["total_num"], ended["successful_num"], ended["failed_num"]
    assert figures == (len(wanted) + len(reasons), len(wanted), len(reasons)), ended
    assert ended["status"] == (4 if reasons else 5)
    here = clouds.destination
    assert {key for key in here.keys(into) if not key.startswith(b"oms/task/")} == set(wanted)
    for key, one in wanted.items():
        assert _seen(here, into, key) == Wanted(one.body, DEFAULT_TYPE | one.headers, one.metadata), key
    failed = [key for key in here.keys(into) if b"/failed_object_lists/" in key]
    lines = [line.split(b"\t")[0] for key in failed for line in here.get(into, key).splitlines()]
    assert sorted(lines) == reasons
