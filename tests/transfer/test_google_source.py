"""Google Cloud Storage as the source of an OBS bucket, on a server that verifies assertions and tokens."""

import gzip
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.endpoints import parse_endpoints
from connectors.google.accounts import credentials_of
from connectors.locations import Credentials
from connectors.wire import Wire
from engine.spec import CloudType, SourceNode
from ledger.pool import Pool
from ledger.postgres import PostgresLedger
from tests.google_accounts import key_file, public_pem
from tests.storeserver.config import Account, StoreConfig
from tests.storeserver.server import StoreServer
from tests.transfer.test_migration import AWKWARD, MIB
from tests.transfer.world import AK, SK, SPEC, LocalStores, World

SOURCE = SourceNode(CloudType.GOOGLE, "europe-west4", "from", object_keys=("",))
TASK = replace(SPEC, source=SOURCE, enable_metadata_migration=True)
# Google's names hold no line ends, and are neither . nor ..
KEYS = [key for key in AWKWARD if key not in (b".", b"..") and not {10, 13} & set(key)]
PLAIN = {"content-type": "text/x-demo"}


@asynccontextmanager
async def _opened(database_url: str, **settings: Any) -> AsyncIterator[World]:
    source = await StoreServer.start(
        StoreConfig(
            keys={"reader": Account(public_pem("right"))}, buckets=["from"], dialect="google", **settings
        )
    )
    destination = await StoreServer.start(
        StoreConfig(keys={AK: Account(SK)}, buckets=["into"], dialect="obs")
    )
    endpoints = parse_endpoints(
        f"- {{cloud_type: Google, region: '*', endpoint: '{source.url}', dialect: google}}\n"
        f"- {{cloud_type: HEC, region: '*', endpoint: '{destination.url}', dialect: obs, addressing: path}}\n"
    )
    pool, wire = Pool(database_url), Wire()
    try:
        await pool.execute("INSERT INTO domain VALUES ('d1', 'd1')")
        await pool.execute("INSERT INTO project (id, domain_id, name) VALUES ('p1', 'd1', 'p1')")
        keys = Credentials(AK, SecretStr(SK))
        stores = LocalStores(wire, endpoints, keys, credentials_of(key_file("reader", f"{source.url}/token")))
        yield World(source, destination, pool, PostgresLedger(pool, lease_seconds=20.0), stores)
    finally:
        await wire.close()
        await pool.close()
        await source.stop()
        await destination.stop()


def _body(size: int) -> bytes:
    return hashlib.shake_128(b"%d" % size).digest(size)


def _objects() -> dict[bytes, tuple[bytes, dict[str, Any]]]:
    """Awkward names, a ladder of sizes, stored gzip, properties, classes, and more than one page."""
    found: dict[bytes, tuple[bytes, dict[str, Any]]] = {
        key: (b"body of " + key, {"headers": PLAIN}) for key in KEYS
    }
    for size in (0, 1, 4095, 4096, MIB, 16 * MIB - 1, 16 * MIB, 16 * MIB + 1, 33 * MIB):
        found[b"size/%d" % size] = (_body(size), {"headers": PLAIN, "metadata": {"size": str(size)}})
    rich = {
        "content-type": "text/html; charset=utf-8",
        "content-encoding": "gzip",
        "content-disposition": 'attachment; filename="a b.txt"',
        "content-language": "de-CH",
        "cache-control": "max-age=60, private",
    }
    packed = gzip.compress(b"text " * 1000, mtime=0)
    found[b"rich/gzip"] = (packed, {"headers": rich, "metadata": {"a": "1", "b-c": "100%41% +="}})
    found[b"rich/large-gzip"] = (gzip.compress(_body(17 * MIB), mtime=0), {"headers": rich})
    found[b"rich/default-cache"] = (b"x", {"headers": {**PLAIN, "cache-control": "private, max-age=0"}})
    found[b"class/archive"] = (b"readable at once", {"headers": PLAIN, "storage_class": "GLACIER_IR"})
    found[b"class/cold"] = (b"so is this", {"headers": PLAIN, "storage_class": "ONEZONE_IA"})
    found |= {b"many/%04d" % number: (b"x" * number, {"headers": PLAIN}) for number in range(1100)}
    return found


async def test_a_whole_bucket_arrives_in_obs(database_url: str) -> None:
    wanted = _objects()
    composed = {b"composed/small": _body(3000), b"composed/large": _body(20 * MIB)}
    # Tokens hold for seconds only, so that one migration needs several.
    async with _opened(database_url, token_seconds=3) as world:
        for key, (body, more) in wanted.items():
            world.source.put("from", key, body, **more)
        for key, body in composed.items():
            md5 = hashlib.md5(body).hexdigest()
            world.source.put("from", key, body, headers=PLAIN, etag=f"{md5}-2")
        world.source.reset_counters()
        ended = await world.migrate(TASK, workers=2)
        count = len(wanted) + len(composed)
        assert (ended.status, ended.tally()) == (5, (count, count, 0, 0)), ended.row
        arrived = {key for key in world.destination.keys("into") if not key.startswith(b"oms/task/")}
        assert arrived == wanted.keys() | composed.keys()
        for key, (body, more) in wanted.items():
            seen = world.destination.info("into", key)
            assert world.destination.get("into", key) == body, key
            assert (seen["headers"], seen["metadata"]) == (more["headers"], more.get("metadata", {})), key
        for key, body in composed.items():
            assert world.destination.get("into", key) == body
        asked = world.source.counters()
        assert (asked.requests("head"), asked.requests("get")) == (0, count + 1 + 2 + 1 + 1)
        assert asked.requests("token") >= 1
        _check_evidence(world, count)


def _check_evidence(world: World, count: int) -> None:
    """The MD5 of the source proves all but what has none."""
    lines = [line.split(b"\t") for line in world.records("success")]
    weaker = {line[2] for line in lines if line[4] != b"e2e"}
    assert len(lines) == count
    assert {line[4] for line in lines} == {b"e2e", b"provider"}
    assert weaker == {b"composed/small", b"composed/large"}


@pytest.mark.parametrize("times", [1, None])
async def test_the_md5_of_the_source_denies_other_bytes(database_url: str, times: int | None) -> None:
    async with _opened(database_url) as world:
        world.source.put("from", b"good", b"x" * 1000)
        world.source.put("from", b"torn", b"x" * 1000)
        world.source.faults.add(op="get", key="torn", flip=500, times=times)
        ended = await world.migrate(TASK)
        failed = times is None
        assert ended.tally() == (2, 1, 0, 1) if failed else (2, 2, 0, 0), ended.outcomes
        assert world.data_keys() == ([b"good"] if failed else [b"good", b"torn"])
        assert not failed or ended.status == 4


async def test_a_composed_object_that_is_torn_is_read_again(database_url: str) -> None:
    async with _opened(database_url) as world:
        world.source.put("from", b"composed", b"x" * 1000, etag=f"{'0' * 32}-3")
        world.source.faults.add(op="get", flip=500, times=1)
        ended = await world.migrate(TASK)
        assert (ended.status, ended.tally()) == (5, (1, 1, 0, 0)), ended.outcomes
        assert world.destination.get("into", b"composed") == b"x" * 1000


async def test_an_object_that_changes_after_it_was_listed_is_never_a_mixture(database_url: str) -> None:
    async with _opened(database_url) as world:
        old = _body(20 * MIB)
        world.source.put("from", b"large", old)
        world.source.faults.add(op="get", mutate_after=1000, times=1)
        ended = await world.migrate(TASK)
        assert (ended.status, ended.tally()) == (5, (1, 1, 0, 0)), ended.outcomes
        assert world.destination.get("into", b"large") == bytes(255 - byte for byte in old)


async def test_the_keys_are_wrong(database_url: str) -> None:
    async with _opened(database_url) as world:
        world.source.put("from", b"key", b"x")
        world.stores.source_keys = credentials_of(
            key_file("reader", f"{world.source.url}/token", key="wrong")
        )
        ended = await world.migrate(TASK)
        assert (ended.status, ended.code) == (4, "TRF.0151")
        assert world.data_keys() == []
