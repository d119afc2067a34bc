"""Azure as the source of an OBS bucket, on a server that verifies Shared Key."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import shake_128
from typing import Any

import pytest
from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas
from pydantic import SecretStr

from connectors.azure.connection import credentials_in
from connectors.endpoints import Endpoints, parse_endpoints
from connectors.locations import Credentials, Location
from connectors.registry import open_store
from connectors.wire import Wire
from engine.failures import Side
from engine.spec import CloudType, SourceNode, StoragePolicy
from ledger.pool import Pool
from ledger.postgres import PostgresLedger
from ledger.values import TaskFacts
from tests.conformance import azure
from tests.conformance.azure import sdk_client
from tests.storeserver.config import Account, StoreConfig
from tests.storeserver.server import StoreServer
from tests.transfer.test_migration import AWKWARD, MIB
from tests.transfer.world import AK, SK, SPEC, LocalStores, World
from workers.transfer.limits import Limits
from workers.transfer.ports import StorePair

ACCOUNT, KEY = "sourceaccount", b64encode(b"key of the source").decode()
SOURCE = SourceNode(CloudType.AZURE, "westeurope", "from", object_keys=("",))
BY_KEY = Credentials(ACCOUNT, SecretStr(KEY))
BY_CONNECTION_STRING = credentials_in(
    f"AccountName={ACCOUNT};AccountKey={KEY};EndpointSuffix=core.windows.net"
)


@dataclass
class AzureStores(LocalStores):
    """The source has keys of its own."""

    source_keys: Credentials = BY_KEY

    async def open(self, facts: TaskFacts) -> StorePair:
        source, into = facts.spec.source, facts.spec.destination
        there = Location("HEC", into.region, into.bucket, Side.DESTINATION)
        here = Location(source.cloud_type, source.region, source.bucket, Side.SOURCE)
        return StorePair(
            source=open_store(here, self.source_keys, self.wire, self.endpoints),
            destination=open_store(there, self.keys, self.wire, self.endpoints),
            lists=None,
        )


@asynccontextmanager
async def _opened(
    database_url: str, source_keys: Credentials = BY_KEY, azurite: str = ""
) -> AsyncIterator[World]:
    source = await StoreServer.start(
        StoreConfig(keys={ACCOUNT: Account(KEY)}, buckets=["from"], dialect="azure", max_meta_bytes=8 << 10)
    )
    destination = await StoreServer.start(
        StoreConfig(keys={AK: Account(SK)}, buckets=["into"], dialect="obs", base_domain="obs.hec.test")
    )
    pool, wire = Pool(database_url), Wire()
    try:
        await pool.execute("INSERT INTO domain VALUES ('d1', 'd1')")
        await pool.execute("INSERT INTO project (id, domain_id, name) VALUES ('p1', 'd1', 'p1')")
        stores = AzureStores(
            wire,
            _endpoints(azurite or source.url, "elsewhere" if azurite else "*", destination),
            Credentials(AK, SecretStr(SK)),
            source_keys,
        )
        yield World(source, destination, pool, PostgresLedger(pool, lease_seconds=20.0), stores)
    finally:
        await wire.close()
        await pool.close()
        await source.stop()
        await destination.stop()


def _endpoints(source: str, region: str, destination: StoreServer) -> Endpoints:
    """A line for another region allows the host, and leaves it to the connection string to name it."""
    return parse_endpoints(
        f"- {{cloud_type: Azure, region: '{region}', endpoint: '{source}', dialect: azure}}\n"
        f"- {{cloud_type: HEC, region: '*', endpoint: 'http://obs.hec.test:{destination.port}', dialect: obs,"
        f" connect: '127.0.0.1:{destination.port}'}}\n"
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """What must lie in the destination."""

    body: bytes
    headers: dict[str, str]
    metadata: dict[str, str]


def _body(size: int) -> bytes:
    return shake_128(b"%d" % size).digest(size)


def _objects() -> dict[bytes, Wanted]:
    """Awkward keys, a ladder of sizes, headers and metadata, names whose order depends on the encoding."""
    plain = {"content-type": "text/x-demo"}
    found = {key: Wanted(b"body of " + key, plain, {}) for key in AWKWARD}
    for name in ("wide/\uff21", "wide/😀", "wide/😀/x", "wide/\uff21/x"):
        found[name.encode()] = Wanted(b"body", plain, {})
    sizes = [0, 1, 4095, 4096, MIB, 16 * MIB - 1, 16 * MIB, 16 * MIB + 1, 33 * MIB]
    found |= {b"size/%d" % size: Wanted(_body(size), plain, {"size": str(size)}) for size in sizes}
    rich = {
        "content-type": "text/html; charset=utf-8",
        "content-encoding": "gzip",
        "content-disposition": 'attachment; filename="a b.txt"',
        "content-language": "de-CH",
        "cache-control": "max-age=60, private",
    }
    found[b"rich"] = Wanted(_body(5000), rich, {"a": "1", "mtime": "100%41% +="})
    number = 0
    while len(found) < 1100:
        found[b"many/%04d" % number] = Wanted(b"x" * (number % 50), plain, {})
        number += 1
    return found


def _seen(server: StoreServer, bucket: str, key: bytes) -> Wanted:
    info: dict[str, Any] = server.info(bucket, key)
    return Wanted(server.get(bucket, key), info["headers"], info["metadata"])


@pytest.mark.parametrize("keys", [BY_KEY, BY_CONNECTION_STRING], ids=["key", "connection string"])
async def test_a_whole_container_arrives_in_obs(database_url: str, keys: Credentials) -> None:
    wanted = _objects() if keys is BY_KEY else {b"one": Wanted(b"1", {}, {})}
    async with _opened(database_url, keys) as world:
        for key, one in wanted.items():
            world.source.put("from", key, one.body, headers=one.headers, metadata=one.metadata)
        world.source.put("from", b"old/frozen", b"unseen", storage_class="GLACIER")
        world.source.put("from", b"old/restored", b"back again", storage_class="GLACIER")
        world.source.restore("from", b"old/restored")
        wanted[b"old/restored"] = _seen(world.source, "from", b"old/restored")
        ended = await world.migrate(replace(SPEC, source=SOURCE, enable_metadata_migration=True), workers=2)
        counts = (len(wanted) + 1, len(wanted), 0, 1)
        assert (ended.status, ended.code, ended.tally()) == (4, "TRF.0004", counts), ended.outcomes[:3]
        arrived = {key for key in world.destination.keys("into") if not key.startswith(b"oms/task/")}
        assert arrived == set(wanted)
        for key, one in wanted.items():
            seen = _seen(world.destination, "into", key)
            assert (seen.body, seen.metadata) == (one.body, one.metadata), key
            shown = {"content-type": "application/octet-stream"} | one.headers
            assert {"content-type": "application/octet-stream"} | seen.headers == shown, key
        (failed,) = world.records("failed")
        assert failed.split(b"\t")[0] == b"SRC_OBJ_ARCHIVED"
        # What was put as a whole has an MD5 at the source; here that is every blob.
        assert {line.split(b"\t")[4] for line in world.records("success")} == {b"e2e"}


async def test_blobs_are_proven_by_their_md5_whole_or_in_parts(database_url: str) -> None:
    async with _opened(database_url) as world:
        world.source.put("from", b"small", b"x" * 1000)
        world.source.put("from", b"large", _body(17 * MIB))
        ended = await world.migrate(replace(SPEC, source=SOURCE))
        assert (ended.status, ended.tally()) == (5, (2, 2, 0, 0)), ended.outcomes
        assert sorted(line.split(b"\t")[4] for line in world.records("success")) == [b"e2e", b"e2e"]


async def test_the_md5_of_the_source_denies_other_bytes(database_url: str) -> None:
    async with _opened(database_url) as world:
        world.source.put("from", b"good", b"x" * 1000)
        world.source.put("from", b"torn", b"x" * 1000)
        world.source.faults.add(op="get", key="torn", flip=500)
        ended = await world.migrate(replace(SPEC, source=SOURCE))
        assert (ended.status, ended.tally()) == (4, (2, 1, 0, 1)), ended.outcomes
        assert world.data_keys() == [b"good"]


async def test_the_tier_of_a_listing_becomes_the_class(database_url: str) -> None:
    async with _opened(database_url) as world:
        for key, kept in ((b"hot", "STANDARD"), (b"cool", "STANDARD_IA"), (b"large", "STANDARD_IA")):
            world.source.put("from", key, _body(17 * MIB if key == b"large" else 10), storage_class=kept)
        spec = replace(SPEC, source=SOURCE, storage_policy=StoragePolicy.SRC_STORAGE_MAPPING)
        ended = await world.migrate(spec)
        assert ended.tally() == (3, 3, 0, 0), ended.outcomes
        classes = {key: world.destination.info("into", key)["storage_class"] for key in world.data_keys()}
        assert classes == {b"hot": "STANDARD", b"cool": "STANDARD_IA", b"large": "STANDARD_IA"}


async def test_a_wrong_key_stops_the_task(database_url: str) -> None:
    wrong = Credentials(ACCOUNT, SecretStr(b64encode(b"another").decode()))
    async with _opened(database_url, wrong) as world:
        world.source.put("from", b"key", b"x")
        ended = await world.migrate(replace(SPEC, source=SOURCE))
        assert (ended.status, ended.code) == (4, "TRF.0151")


def _fill_azurite(url: str) -> tuple[dict[bytes, bytes], str]:
    """Blobs that the vendor's SDK wrote, and a connection string with a SAS that may read and list."""
    names = [
        *(f"many/{number:03}" for number in range(130)),
        "sp ace+%41",
        "uni-é中",
        "q?m#f",
        "a//b",
        "end/",
    ]
    wanted = {name.encode(): b"of " + name.encode() for name in [*names, "wide/\uff21", "wide/😀"]}
    wanted |= {b"size/%d" % size: _body(size) for size in (0, 1, 5 * MIB, 17 * MIB)}
    with sdk_client(url) as client:
        box = client.create_container("from")
        for key, body in wanted.items():
            box.upload_blob(key.decode(), body, metadata={"k1": "v 2"}, validate_content=True)
    rights, kinds = AccountSasPermissions.from_string("rl"), ResourceTypes.from_string("co")
    until = datetime.now(UTC) + timedelta(hours=1)
    sas = generate_account_sas(azure.AK, azure.KEY, kinds, rights, until)
    return wanted, f"BlobEndpoint={url}/{azure.AK};SharedAccessSignature={sas}"


async def test_what_the_sdk_wrote_on_azurite_arrives_by_a_sas(database_url: str) -> None:
    with azure.azurite_url() as url:
        wanted, connection_string = await asyncio.to_thread(_fill_azurite, url)
        async with _opened(database_url, credentials_in(connection_string), url) as world:
            ended = await world.migrate(replace(SPEC, source=SOURCE, enable_metadata_migration=True))
            assert (ended.status, ended.tally()) == (5, (len(wanted), len(wanted), 0, 0)), ended.outcomes[:3]
            assert set(world.data_keys()) == set(wanted)
            for key, body in wanted.items():
                seen = _seen(world.destination, "into", key)
                assert (seen.body, seen.metadata) == (body, {"k1": "v 2"}), key
            evidence = {line.split(b"\t")[4] for line in world.records("success")}
            assert evidence == {b"e2e"}


async def test_an_archived_blob_is_asked_back_for_good_and_its_line_says_so(database_url: str) -> None:
    async with _opened(database_url) as world:
        world.limits = Limits(restore_poll=0.3)
        world.source.put("from", b"cold", b"was cold", storage_class="GLACIER")
        world.source.put("from", b"warm", b"warm")
        ended = await world.migrate(replace(SPEC, source=SOURCE, enable_restore=True))
        assert (ended.status, ended.tally()) == (5, (2, 2, 0, 0)), ended.outcomes
        assert world.destination.get("into", b"cold") == b"was cold"
        lines = {line.split(b"\t")[2]: line.split(b"\t")[5] for line in world.records("success")}
        assert lines[b"cold"].endswith(b"; moved out of Archive for good")
        assert b";" not in lines[b"warm"]
