"""Stores that lie, break off and change under us: nothing is counted good that is not."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from engine.spec import ListFile, TaskType
from tests.transfer.world import SPEC, World

MIB = 1 << 20
SMALL = hashlib.shake_128(b"small").digest(100_000)
LARGE = hashlib.shake_128(b"large").digest(40 * MIB)


@pytest.mark.parametrize(
    "fault",
    [
        {"truncate": 5_000},
        {"truncate": 5_000, "framing": "chunked"},
        {"truncate": 5_000, "framing": "ended"},
        {"truncate": 5_000, "framing": "close"},
        {"flip": 777},
        {"reset_out": 4_000},
        {"drop": True},
        {"status": 500, "code": "InternalError"},
        {"status": 503, "code": "SlowDown", "retry_after": 0},
        {"length_less": 10},
        {"etag": "0123456789abcdef0123456789abcdef"},
    ],
    ids=str,
)
async def test_a_bad_read_is_noticed_and_repeated(world: World, fault: dict[str, Any]) -> None:
    world.source.put("from", b"object", SMALL)
    world.source.faults.add(op="get", times=2, **fault)
    ended = await world.migrate()
    assert (ended.status, ended.tally()) == (5, (1, 1, 0, 0)), ended.outcomes
    assert world.destination.get("into", b"object") == SMALL
    assert world.source.counters().requests("get") >= 2


@pytest.mark.parametrize(
    "fault",
    [
        {"op": "get", "ignore_range": True},
        {"op": "get", "content_range": "bytes 0-9/10"},
        {"op": "get", "truncate": 5_000},
        {"op": "get", "flip": 777},
        {"op": "upload_part", "lost_answer": True},
        {"op": "upload_part", "reset_in": 100_000},
        {"op": "complete", "lost_answer": True},
        {"op": "complete", "complete_error": "InternalError"},
        {"op": "complete", "status": 500, "code": "InternalError"},
        {"op": "initiate", "status": 503, "code": "SlowDown"},
    ],
    ids=str,
)
async def test_a_large_object_survives(world: World, fault: dict[str, Any]) -> None:
    world.source.put("from", b"large", LARGE)
    server = world.source if fault["op"] == "get" else world.destination
    server.faults.add(key="large", times=2, **fault)
    ended = await world.migrate()
    assert (ended.status, ended.tally()) == (5, (1, 1, 0, 0)), ended.outcomes
    assert world.destination.get("into", b"large") == LARGE
    assert [line.split(b"\t")[4] for line in world.records("success")] == [b"e2e"]
    assert world.destination.uploads("into") == []


@pytest.mark.parametrize(
    "fault",
    [
        {"lost_answer": True},
        {"reset_in": 1000},
        {"no_etag": True},
        {"status": 503, "code": "SlowDown"},
        {"drop": True},
    ],
    ids=str,
)
async def test_a_write_with_a_lost_answer_is_one_object(world: World, fault: dict[str, Any]) -> None:
    world.source.put("from", b"object", SMALL)
    world.destination.faults.add(op="put", key="object", times=2, **fault)
    ended = await world.migrate()
    assert (ended.status, ended.tally()) == (5, (1, 1, 0, 0)), ended.outcomes
    assert world.destination.get("into", b"object") == SMALL


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
async def test_a_byte_that_is_always_flipped_is_never_counted_good(world: World, body: bytes) -> None:
    world.source.put("from", b"object", body)
    world.source.faults.add(op="get", flip=777)
    ended = await world.migrate()
    assert (ended.status, ended.tally()) == (4, (1, 0, 0, 1))
    assert [line.split(b"\t")[0] for line in world.records("failed")] == [b"GET_SRC_OBJ_FAILURE"]
    assert world.data_keys() == []
    assert world.destination.uploads("into") == []


@pytest.mark.check(32)
@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
async def test_a_source_that_changes_while_it_is_read_is_one_version(world: World, body: bytes) -> None:
    world.source.put("from", b"object", body)
    world.source.faults.add(op="get", times=1, mutate_after=1000, mixed=True)
    ended = await world.migrate()
    assert (ended.status, ended.tally()) == (5, (1, 1, 0, 0)), ended.outcomes
    assert world.destination.get("into", b"object") == world.source.get("from", b"object")
    assert world.destination.uploads("into") == []


async def test_a_source_that_never_stands_still_fails_by_name(world: World) -> None:
    world.source.put("from", b"object", SMALL)
    world.source.faults.add(op="get", mutate_after=1000)
    ended = await world.migrate()
    if ended.status == 5:  # a consistent version was caught between two changes
        assert world.destination.get("into", b"object") != b""
    else:
        assert (ended.tally(), world.data_keys()) == ((1, 0, 0, 1), [])


@pytest.mark.parametrize("page", ["repeat", "no_token", "same_token", "empty", "unordered", "duplicate"])
@pytest.mark.parametrize("side", ["source", "destination"])
async def test_a_bad_page_is_never_an_end(world: World, page: str, side: str) -> None:
    for n in range(2_500):
        world.source.put("from", b"%05d" % n, b"x")
        if n % 2:
            world.destination.put("into", b"%05d" % n, b"x")
    server = world.source if side == "source" else world.destination
    server.faults.add(op="list", after=1, times=2, page=page)
    ended = await world.migrate()
    assert ended.status == 5, ended.row
    assert ended.tally() == (2500, 1250, 1250, 0)


@pytest.mark.parametrize("xml", ["broken", "doctype", "empty"])
async def test_a_broken_page_is_asked_for_again_and_then_named(world: World, xml: str) -> None:
    world.source.put("from", b"a", b"x")
    world.source.faults.add(op="list", times=2, xml=xml)
    assert (await world.migrate()).status == 5


async def test_an_archived_object_is_on_the_failed_list(world: World) -> None:
    world.source.put("from", b"cold", b"x", storage_class="GLACIER")
    world.source.put("from", b"warm", b"x")
    ended = await world.migrate()
    assert (ended.status, ended.code, ended.tally()) == (4, "TRF.0004", (2, 1, 0, 1))
    assert world.records("failed")[0].startswith(b"SRC_OBJ_ARCHIVED\t")


@pytest.mark.check(33)
async def test_encryption_that_the_task_does_not_want_fails_the_object(world: World) -> None:
    world.source.put("from", b"a", b"x")
    world.destination.create_bucket("into", encryption="aws:kms", kms_key_id="k")
    ended = await world.migrate()
    assert (ended.status, ended.tally()) == (4, (1, 0, 0, 1)), ended.outcomes
    assert b"COMPARE_SRC_AND_DST_KMS_FAILURE" in world.records("failed")[0]


@pytest.mark.check(33)
async def test_encryption_that_the_task_wants_is_asked_for(world: World) -> None:
    world.source.put("from", b"a", b"x")
    world.source.put("from", b"b", LARGE)
    ended = await world.migrate(replace(SPEC, enable_kms=True))
    assert (ended.status, ended.tally()) == (5, (2, 2, 0, 0)), ended.outcomes
    assert world.destination.info("into", b"b")["encryption"] == "aws:kms"


async def test_a_list_file_that_changes_on_its_way_is_read_again(world: World) -> None:
    """Otherwise another key would be taken for the one that the list names."""
    for key in (b"a", b"`"):
        world.source.put("from", key, key)
    world.destination.put("into", b"l.txt", b"a\n", headers={"content-type": "text/plain"})
    # The first read looks at the first line only.
    world.destination.faults.add(op="get", key="l.txt", after=1, times=1, flip=0)
    source = replace(SPEC.source, object_keys=(), list_file=ListFile("into", "l.txt"))
    ended = await world.migrate(replace(SPEC, task_type=TaskType.LIST, source=source))
    assert (ended.status, ended.tally()) == (5, (1, 1, 0, 0)), ended.outcomes
    assert world.destination.faults.all()[0]["acted"] == 1
    assert b"a" in world.data_keys()
    assert b"`" not in world.data_keys()
