"""Behaviours of oms-behaviour 14 that need a store with versions, checksums, classes or a slow listing."""

import asyncio
from dataclasses import replace

import pytest

from engine.spec import CloudType, ListFile, OverwriteMode, SourceNode, StoragePolicy, TaskType
from tests.storeserver.config import Synthetic
from tests.storeserver.model import SyntheticBucket
from tests.transfer.world import SPEC, World, endpoints_of

HUAWEI = replace(SPEC.source, cloud_type=CloudType.HUAWEI_CLOUD)
GIB = 1 << 30


@pytest.mark.check(4)
async def test_a_list_over_the_size_limit_is_refused(world: World) -> None:
    world.source.put("from", b"a", b"x")
    rule = Synthetic(1, size=GIB + 1, pattern="list-%d.txt")
    world.destination.service.storage.buckets["lists"] = SyntheticBucket("lists", rule)
    source = SourceNode(CloudType.AWS, "us-east-1", "from", list_file=ListFile("lists", "list-0.txt"))
    ended = await world.migrate(replace(SPEC, task_type=TaskType.LIST, source=source))
    assert (ended.status, ended.code) == (4, "TRF.0014")


@pytest.mark.check(30)
@pytest.mark.parametrize("answers_crc", [True, False])
async def test_crc64_decides_where_both_sides_have_it(world: World, answers_crc: bool) -> None:
    for server in (world.source, world.destination):
        server.settings(crc64=answers_crc)
    world.stores.endpoints = endpoints_of(
        world.source.url, world.destination.url, dialect="obs", addressing="path"
    )
    later, earlier = 1_700_000_100.0, 1_700_000_000.0
    world.source.put("from", b"equal", b"same bytes", modified=later)
    world.destination.put("into", b"equal", b"same bytes", modified=earlier)
    world.source.put("from", b"other", b"body A", modified=earlier)
    world.destination.put("into", b"other", b"body B", modified=later)
    spec = replace(SPEC, source=HUAWEI, overwrite=OverwriteMode.CRC64)
    ended = await world.migrate(spec)
    assert ended.status == 5, ended.outcomes
    copied = {line.split(b"\t")[1] for line in world.records("success")}
    # Without checksums the default rule holds: newer at the source is copied, older is not.
    assert copied == ({b"other"} if answers_crc else {b"equal"})


@pytest.mark.check(40)
async def test_only_the_newest_version_arrives_and_delete_markers_are_ignored(world: World) -> None:
    world.source.create_bucket("from", versioning="Enabled")
    world.source.put("from", b"kept", b"first")
    world.source.put("from", b"kept", b"second")
    world.source.put("from", b"gone", b"first")
    store = (await world.stores.open(await _facts(world))).source
    await store.delete(b"gone")  # type: ignore[attr-defined]  # the S3 store deletes as well
    ended = await world.migrate()
    assert (ended.status, ended.tally(), world.data_keys()) == (5, (1, 1, 0, 0), [b"kept"])
    assert world.destination.get("into", b"kept") == b"second"


async def _facts(world: World):  # type: ignore[no-untyped-def]
    facts = await world.ledger.facts(await world.task())
    await world.pool.execute("DELETE FROM task")
    return facts


@pytest.mark.check(44)
async def test_the_storage_policy_decides_the_class(world: World) -> None:
    world.source.put("from", b"ia", b"x", storage_class="STANDARD_IA")
    world.source.put("from", b"std", b"x")
    assert (await world.migrate(replace(SPEC, storage_policy=StoragePolicy.IA))).status == 5
    assert world.destination.info("into", b"std")["storage_class"] == "STANDARD_IA"
    mapped = replace(
        SPEC,
        storage_policy=StoragePolicy.SRC_STORAGE_MAPPING,
        destination=replace(SPEC.destination, save_prefix="mapped/"),
    )
    assert (await world.migrate(mapped)).status == 5
    classes = [world.destination.info("into", key)["storage_class"] for key in (b"mapped/ia", b"mapped/std")]
    assert classes == ["STANDARD_IA", "STANDARD"]
    record = next(key for key in world.destination.keys("into") if key.startswith(b"oms/task/"))
    assert world.destination.info("into", record)["storage_class"] == "STANDARD"


@pytest.mark.check(45)
async def test_an_object_added_before_the_listing_passes_is_migrated(world: World) -> None:
    for n in range(3_000):
        world.source.put("from", b"m-%05d" % n, b"x")
    world.source.faults.add(op="list", after=2, delay_ms=400)
    task_id = await world.task(replace(SPEC, overwrite=OverwriteMode.FULL_OVERWRITE))
    running = asyncio.create_task(world.run())
    while not (await world.ended(task_id)).tally()[0]:  # noqa: ASYNC110  the ledger has no event to wait for
        await asyncio.sleep(0.02)
    world.source.put("from", b"z-ahead", b"x")
    world.source.put("from", b"a-behind", b"x")
    await running
    ended = await world.ended(task_id)
    assert (ended.status, ended.tally()) == (5, (3_001, 3_001, 0, 0))
    assert b"z-ahead" in world.data_keys()
    assert b"a-behind" not in world.data_keys()


async def test_one_bucket_read_and_written_by_two_names_is_not_copied_into_itself(world: World) -> None:
    world.source.put("from", b"a", b"x")
    world.stores.endpoints = endpoints_of(world.source.url, world.source.url)
    spec = replace(SPEC, destination=replace(SPEC.destination, bucket="from", save_prefix="copy/"))
    for _ in range(2):
        ended = await world.migrate(spec)
        assert ended.status == 5, ended.row
    kept = [key for key in world.source.keys("from") if not key.startswith(b"oms/")]
    assert kept == [b"a", b"copy/a"]
    assert ended.tally() == (1, 0, 1, 0)
