"""OSS, COS, KS3 and BOS as sources of an OBS bucket, on servers that verify the vendors' signatures."""

import gzip
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.endpoints import parse_endpoints
from connectors.locations import Credentials
from connectors.wire import Wire
from engine.spec import CloudType, SourceNode
from ledger.pool import Pool
from ledger.postgres import PostgresLedger
from tests.storeserver.config import Account, StoreConfig
from tests.storeserver.server import StoreServer
from tests.transfer.test_migration import AWKWARD, MIB
from tests.transfer.world import AK, SK, SPEC, LocalStores, World

APP_ID = "1250000000"


@dataclass(frozen=True, slots=True)
class Vendor:
    """A source: the API's word, its dialect, the domain of its buckets, and a region as users write it."""

    cloud: CloudType
    dialect: str
    domain: str
    region: str
    app_id: str = ""

    @property
    def bucket(self) -> str:
        """The bucket as the server holds it."""
        return f"from-{self.app_id}" if self.app_id else "from"


VENDORS = [
    Vendor(CloudType.ALIYUN, "oss", "oss-{region}.aliyuncs.test", "oss-cn-hangzhou"),
    Vendor(CloudType.TENCENT, "cos", "cos.{region}.myqcloud.test", "ap-beijing", APP_ID),
    Vendor(CloudType.KINGSOFT_CLOUD, "ks3", "ks3-{region}.ksyuncs.test", "BEIJING"),
    Vendor(CloudType.BAIDU, "bos", "{region}.bcebos.test", "bj"),
]


@asynccontextmanager
async def _opened(database_url: str, vendor: Vendor) -> AsyncIterator[World]:
    keys = {AK: Account(SK)}
    label = "cn-hangzhou" if vendor.dialect == "oss" else vendor.region.lower()
    source = await StoreServer.start(
        StoreConfig(
            keys=dict(keys),
            buckets=[vendor.bucket],
            dialect=vendor.dialect,
            base_domain=vendor.domain,
            app_id=vendor.app_id,
            region=label,
            strict_region=True,
            crc64=True,
        )
    )
    destination = await StoreServer.start(
        StoreConfig(
            keys=dict(keys),
            buckets=["into"],
            dialect="obs",
            base_domain="obs.hec.test",
            max_meta_bytes=8 << 10,
        )
    )
    host = vendor.domain.replace("{region}", label)
    endpoints = parse_endpoints(
        f"- {{cloud_type: {vendor.cloud.value}, region: '*', endpoint: 'http://{host}:{source.port}',"
        f" dialect: {vendor.dialect}, connect: '127.0.0.1:{source.port}'}}\n"
        f"- {{cloud_type: HEC, region: '*', endpoint: 'http://obs.hec.test:{destination.port}', dialect: obs,"
        f" connect: '127.0.0.1:{destination.port}'}}\n"
    )
    pool, wire = Pool(database_url), Wire()
    try:
        await pool.execute("INSERT INTO domain VALUES ('d1', 'd1')")
        await pool.execute("INSERT INTO project (id, domain_id, name) VALUES ('p1', 'd1', 'p1')")
        stores = LocalStores(wire, endpoints, Credentials(AK, SecretStr(SK)))
        yield World(source, destination, pool, PostgresLedger(pool, lease_seconds=20.0), stores)
    finally:
        await wire.close()
        await pool.close()
        await source.stop()
        await destination.stop()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What must lie in the destination."""

    body: bytes
    headers: dict[str, str]
    metadata: dict[str, str]


def _body(size: int) -> bytes:
    return hashlib.shake_128(b"%d" % size).digest(size)


def bucketful() -> dict[bytes, Wanted]:
    """Awkward keys, a ladder of sizes, all kinds of headers, 2 KB of metadata, and enough plain ones."""
    plain = {"content-type": "text/x-demo"}
    found = {key: Wanted(b"body of " + key, plain, {}) for key in AWKWARD}
    sizes = [0, 1, 4095, 4096, MIB, 16 * MIB - 1, 16 * MIB, 16 * MIB + 1, 33 * MIB]
    found |= {b"size/%d" % size: Wanted(_body(size), plain, {"size": str(size)}) for size in sizes}
    rich = {
        "content-type": "text/html; charset=utf-8",
        "content-encoding": "gzip",
        "content-disposition": 'attachment; filename="a b.txt"',
        "content-language": "de-CH",
        "cache-control": "max-age=60, private",
        "expires": "Thu, 01 Dec 2033 16:00:00 GMT",
    }
    found[b"rich/gzip"] = Wanted(
        gzip.compress(b"text " * 1000, mtime=0), rich, {"a": "1", "b-c": "100%41% +="}
    )
    found[b"rich/metadata"] = Wanted(b"x", plain, {f"name-{n:02}": "v" * 90 for n in range(20)})
    number = 0
    while len(found) < 310:
        found[b"many/%04d" % number] = Wanted(b"x" * number, plain, {})
        number += 1
    return found


def _seen(server: StoreServer, bucket: str, key: bytes) -> Wanted:
    info: dict[str, Any] = server.info(bucket, key)
    return Wanted(server.get(bucket, key), info["headers"], info["metadata"])


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.dialect)
async def test_a_whole_bucket_arrives_in_obs(database_url: str, vendor: Vendor) -> None:
    wanted = bucketful()
    async with _opened(database_url, vendor) as world:
        for key, one in wanted.items():
            world.source.put(vendor.bucket, key, one.body, headers=one.headers, metadata=one.metadata)
        world.source.put(vendor.bucket, b"old/frozen", b"unseen", storage_class="GLACIER")
        world.source.put(vendor.bucket, b"old/restored", b"back again", storage_class="GLACIER")
        world.source.restore(vendor.bucket, b"old/restored")
        wanted[b"old/restored"] = _seen(world.source, vendor.bucket, b"old/restored")
        source = SourceNode(vendor.cloud, vendor.region, "from", app_id=vendor.app_id, object_keys=("",))
        ended = await world.migrate(replace(SPEC, source=source, enable_metadata_migration=True), workers=2)
        counts = (len(wanted) + 1, len(wanted), 0, 1)
        assert (ended.status, ended.code, ended.tally()) == (4, "TRF.0004", counts), ended.outcomes[:3]
        arrived = {key for key in world.destination.keys("into") if not key.startswith(b"oms/task/")}
        assert arrived == set(wanted)
        for key, one in wanted.items():
            seen = _seen(world.destination, "into", key)
            shown = {"content-type": "binary/octet-stream"} | one.headers
            assert (seen.body, seen.metadata) == (one.body, one.metadata), key
            assert {"content-type": "binary/octet-stream"} | seen.headers == shown, key
        (failed,) = world.records("failed")
        assert failed.split(b"\t")[0] == b"SRC_OBJ_ARCHIVED"
        evidence = [line.split(b"\t")[4] for line in world.records("success")]
        assert evidence == [b"e2e"] * len(wanted)


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.dialect)
async def test_the_crc64_of_the_source_denies_other_bytes(database_url: str, vendor: Vendor) -> None:
    async with _opened(database_url, vendor) as world:
        world.source.put(vendor.bucket, b"good", b"x" * 1000)
        world.source.put(vendor.bucket, b"torn", b"x" * 1000)
        world.source.faults.add(op="get", key="torn", flip=500)
        source = SourceNode(vendor.cloud, vendor.region, "from", app_id=vendor.app_id, object_keys=("",))
        ended = await world.migrate(replace(SPEC, source=source))
        assert (ended.status, ended.tally()) == (4, (2, 1, 0, 1)), ended.outcomes
        assert world.data_keys() == [b"good"]


async def test_a_large_object_that_was_torn_on_the_way_is_copied_anew(database_url: str) -> None:
    vendor, body = VENDORS[0], _body(20 * MIB)
    async with _opened(database_url, vendor) as world:
        world.source.put(vendor.bucket, b"large", body)
        world.source.faults.add(op="get", flip=500, times=1)
        source = SourceNode(vendor.cloud, vendor.region, "from", object_keys=("",))
        ended = await world.migrate(replace(SPEC, source=source))
        assert (ended.status, ended.tally()) == (5, (1, 1, 0, 0)), ended.outcomes
        assert world.destination.get("into", b"large") == body
        (line,) = world.records("success")
        assert line.split(b"\t")[4] == b"e2e"
