"""OSS, COS, KS3, BOS and QingStor as sources of an OBS bucket, on servers that verify the vendors' signatures."""

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
    """A source: the API's word, its dialect, the domain of its buckets, and a region as users write it.

    `unlistable` keys cannot stand in the vendor's listings, `unreadable` ones are listed and then not found.
    """

    cloud: CloudType
    dialect: str
    domain: str
    region: str
    app_id: str = ""
    archive: bool = True
    crc64: bool = True
    etag_is_md5: bool = True
    unlistable: tuple[bytes, ...] = ()
    unreadable: tuple[bytes, ...] = ()

    def proves(self, size: int) -> bool:
        """Whether what the source tells is compared: a CRC64, or an ETag that is the MD5 of a body sent as one."""
        return self.crc64 or (self.etag_is_md5 and size <= 16 * MIB)

    @property
    def bucket(self) -> str:
        """The bucket as the server holds it."""
        return f"from-{self.app_id}" if self.app_id else "from"


# What Qiniu's gateway cannot list, and what it lists and does not find.
KODO_KEYS: dict[str, tuple[bytes, ...]] = {
    "unlistable": (b"ctl\x01", "\uffff".encode()),
    "unreadable": (b"/lead", b"//two"),
}
VENDORS = [
    Vendor(CloudType.ALIYUN, "oss", "oss-{region}.aliyuncs.test", "oss-cn-hangzhou"),
    Vendor(CloudType.TENCENT, "cos", "cos.{region}.myqcloud.test", "ap-beijing", APP_ID),
    Vendor(CloudType.KINGSOFT_CLOUD, "ks3", "ks3-{region}.ksyuncs.test", "BEIJING"),
    Vendor(CloudType.BAIDU, "bos", "{region}.bcebos.test", "bj"),
    Vendor(CloudType.QING_CLOUD, "qingstor", "{region}.qingstor.test", "pek3b", archive=False, crc64=False),
    Vendor(
        CloudType.QINIU, "kodo", "s3.{region}.qiniucs.test", "z0", crc64=False, etag_is_md5=False, **KODO_KEYS
    ),
    Vendor(CloudType.UCLOUD, "us3", "s3-{region}.ufileos.test", "cn-bj", crc64=False, etag_is_md5=False),
]
WITH_CRC64 = [vendor for vendor in VENDORS if vendor.crc64]

TAGGED = {"oss", "cos"}


@asynccontextmanager
async def opened(database_url: str, vendor: Vendor) -> AsyncIterator[World]:
    keys = {AK: Account(SK)}
    label = {"oss-cn-hangzhou": "cn-hangzhou", "z0": "cn-east-1"}.get(vendor.region, vendor.region.lower())
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
    wanted = {key: one for key, one in bucketful().items() if key not in vendor.unlistable}
    async with opened(database_url, vendor) as world:
        for key, one in wanted.items():
            world.source.put(vendor.bucket, key, one.body, headers=one.headers, metadata=one.metadata)
        if vendor.archive:
            world.source.put(vendor.bucket, b"old/frozen", b"unseen", storage_class="GLACIER")
            world.source.put(vendor.bucket, b"old/restored", b"back again", storage_class="GLACIER")
            world.source.restore(vendor.bucket, b"old/restored")
            wanted[b"old/restored"] = _seen(world.source, vendor.bucket, b"old/restored")
        source = SourceNode(vendor.cloud, vendor.region, "from", app_id=vendor.app_id, object_keys=("",))
        ended = await world.migrate(replace(SPEC, source=source, enable_metadata_migration=True), workers=2)
        for key in vendor.unreadable:
            del wanted[key]
        failed = int(vendor.archive) + len(vendor.unreadable)
        counts = (len(wanted) + failed, len(wanted), 0, failed)
        end = (4, "TRF.0004") if failed else (5, None)
        assert (ended.status, ended.code, ended.tally()) == (*end, counts), ended.outcomes[:3]
        arrived = {key for key in world.destination.keys("into") if not key.startswith(b"oms/task/")}
        assert arrived == set(wanted)
        for key, one in wanted.items():
            seen = _seen(world.destination, "into", key)
            shown = {"content-type": "binary/octet-stream"} | one.headers
            assert (seen.body, seen.metadata) == (one.body, one.metadata), key
            assert {"content-type": "binary/octet-stream"} | seen.headers == shown, key
        reasons = sorted(line.split(b"\t")[0] for line in world.records("failed")) if failed else []
        expected = [b"SRC_OBJ_NOT_FOUND"] * len(vendor.unreadable) + [b"SRC_OBJ_ARCHIVED"] * vendor.archive
        assert reasons == sorted(expected)
        evidence = sorted(line.split(b"\t")[4] for line in world.records("success"))
        weaker = sum(not vendor.proves(len(one.body)) for one in wanted.values())
        assert evidence == [b"e2e"] * (len(wanted) - weaker) + [b"provider"] * weaker


async def test_qinius_etag_denies_other_bytes(database_url: str) -> None:
    vendor = next(one for one in VENDORS if one.dialect == "kodo")
    async with opened(database_url, vendor) as world:
        for key in (b"good", b"torn", b"mended"):
            world.source.put("from", key, b"x" * 1000)
        world.source.faults.add(op="get", key="torn", flip=500)
        world.source.faults.add(op="get", key="mended", flip=500, times=1)
        source = SourceNode(vendor.cloud, vendor.region, "from", object_keys=("",))
        ended = await world.migrate(replace(SPEC, source=source))
        assert (ended.status, ended.tally()) == (4, (3, 2, 0, 1)), ended.outcomes
        assert world.data_keys() == [b"good", b"mended"]


@pytest.mark.parametrize("vendor", WITH_CRC64, ids=lambda vendor: vendor.dialect)
async def test_the_crc64_of_the_source_denies_other_bytes(database_url: str, vendor: Vendor) -> None:
    async with opened(database_url, vendor) as world:
        world.source.put(vendor.bucket, b"good", b"x" * 1000)
        world.source.put(vendor.bucket, b"torn", b"x" * 1000)
        world.source.faults.add(op="get", key="torn", flip=500)
        source = SourceNode(vendor.cloud, vendor.region, "from", app_id=vendor.app_id, object_keys=("",))
        ended = await world.migrate(replace(SPEC, source=source))
        assert (ended.status, ended.tally()) == (4, (2, 1, 0, 1)), ended.outcomes
        assert world.data_keys() == [b"good"]


async def test_a_large_object_that_was_torn_on_the_way_is_copied_anew(database_url: str) -> None:
    vendor, body = VENDORS[0], _body(20 * MIB)
    async with opened(database_url, vendor) as world:
        world.source.put(vendor.bucket, b"large", body)
        world.source.faults.add(op="get", flip=500, times=1)
        source = SourceNode(vendor.cloud, vendor.region, "from", object_keys=("",))
        ended = await world.migrate(replace(SPEC, source=source))
        assert (ended.status, ended.tally()) == (5, (1, 1, 0, 0)), ended.outcomes
        assert world.destination.get("into", b"large") == body
        (line,) = world.records("success")
        assert line.split(b"\t")[4] == b"e2e"


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.dialect)
async def test_tags_and_a_missing_content_type_travel_from_who_has_them(
    database_url: str, vendor: Vendor
) -> None:
    tags = {f"name-{n}": f"value {n}+/=" for n in range(10)} if vendor.dialect in TAGGED else {}
    async with opened(database_url, vendor) as world:
        world.source.put(vendor.bucket, b"tagged", b"x", tags=tags)
        world.source.put(vendor.bucket, b"typeless", b"x", headers={"content-type": ""})
        source = SourceNode(vendor.cloud, vendor.region, "from", app_id=vendor.app_id, object_keys=("",))
        ended = await world.migrate(replace(SPEC, source=source, enable_metadata_migration=True))
        assert (ended.status, ended.tally()) == (5, (2, 2, 0, 0)), ended.outcomes
        assert world.destination.info("into", b"tagged")["tags"] == tags
        assert world.destination.info("into", b"typeless")["headers"] == {}
