"""What a destination really does is looked at once a day, and what it lacks lowers the promise instead of the speed."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from engine.endpoint import Found, from_json
from engine.spec import OverwriteMode
from tests.transfer.world import AK, SPEC, World

LARGE = hashlib.shake_128(b"large").digest(20 << 20)
WHOLE = Found(*[True] * 9)


async def seen(world: World) -> Found:
    row = await world.pool.fetch_one("SELECT probe FROM run ORDER BY task_id DESC LIMIT 1")
    assert row is not None
    return from_json(row["probe"])


def asked(world: World) -> int:
    """Requests below oms/ that write no record."""
    counters = world.destination.counters()
    return counters.requests(None, "into", "oms/") - len(records(world))


def records(world: World) -> list[bytes]:
    return [key for key in world.destination.keys("into") if key.startswith(b"oms/")]


async def again(world: World) -> int:
    """The requests that one more migration costs below oms/ beyond its records."""
    before = asked(world)
    ended = await world.migrate(replace(SPEC, overwrite=OverwriteMode.FULL_OVERWRITE))
    assert ended.status == 5
    return asked(world) - before


async def test_it_is_looked_at_once_a_day_and_nothing_stays(world: World) -> None:
    world.source.put("from", b"a", b"x")
    assert (await world.migrate()).status == 5
    assert (asked(world), (await seen(world)).missing()) == (7, ())
    world.source.put("from", b"large", LARGE)
    assert (await again(world), await seen(world)) == (8, WHOLE)
    assert await again(world) == 0
    assert not [key for key in records(world) if b"/probe/" in key]
    assert world.destination.uploads("into") == []

    await world.pool.execute("UPDATE endpoint SET found_at = now() - interval '25 hours'")
    assert (await again(world), await seen(world)) == (7, WHOLE)


async def test_workers_that_begin_together_look_once(world: World) -> None:
    for n in range(3_000):
        world.source.put("from", b"%04d" % n, b"x")
    assert (await world.migrate(workers=3)).status == 5
    assert asked(world) == 7


@pytest.mark.parametrize(
    ("fault", "lacks"),
    [
        ({"op": "get", "ignore_range": True}, "ranges"),
        ({"op": "put", "etag": "0123456789abcdef0123456789abcdef"}, "etag_is_md5"),
        ({"op": "put", "key": "*%*", "status": 400, "code": "InvalidURI"}, "odd_keys"),
        ({"op": "initiate", "status": 501, "code": "NotImplemented"}, "parts"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_it_lacks_is_shown(world: World, fault: dict[str, Any], lacks: str) -> None:
    world.source.put("from", b"a", b"x")
    world.source.put("from", b"large", LARGE)
    world.destination.faults.add(**{"key": "oms/probe/*", **fault})
    ended = await world.migrate()
    assert (ended.status, ended.tally()) == (5, (2, 2, 0, 0)), ended.outcomes
    assert lacks in (await seen(world)).missing()
    assert asked(world) <= 15


async def test_without_conditions_every_mode_says_weak(world: World) -> None:
    world.source.put("from", b"a", b"x")
    world.source.put("from", b"large", LARGE)
    world.destination.settings(conditional_writes=False)
    assert (await world.migrate()).status == 5
    assert (await seen(world)).missing() == ("if_none_match", "if_match", "conditional_complete")
    assert all(line.endswith(b"consistent (weak)") for line in world.records("success"))


async def test_an_etag_that_is_no_md5_after_all_costs_a_rung_and_no_object(world: World) -> None:
    world.source.put("from", b"a", b"x")
    world.destination.faults.add(op="put", etag="0123456789abcdef0123456789abcdef")
    ended = await world.migrate()
    assert (ended.status, ended.tally()) == (5, (1, 1, 0, 0)), ended.outcomes
    assert world.records("success")[0].split(b"\t")[4] == b"wire"


async def test_a_content_md5_that_nobody_checks_is_no_evidence(world: World) -> None:
    world.source.put("from", b"a", b"x")
    world.destination.settings(verify_content_md5=False)
    world.destination.faults.add(op="put", etag="0123456789abcdef0123456789abcdef")
    ended = await world.migrate()
    assert (ended.status, ended.tally()) == (4, (1, 0, 0, 1)), ended.outcomes
    assert world.records("failed")[0].startswith(b"EVIDENCE_BELOW_MINIMUM")


@pytest.mark.parametrize("op", ["delete", "write"])
async def test_who_may_not_delete_or_write_there_leaves_nothing(world: World, op: str) -> None:
    world.source.put("from", b"a", b"x")
    world.destination.settings(policies={AK: {"deny": [{"op": op, "prefix": "oms/probe/"}]}})
    assert (await world.migrate()).status == 5
    assert await seen(world) == Found()
    assert not [key for key in records(world) if b"/probe/" in key]
    assert world.records("success")[0].endswith(b"consistent (strong)"), "the dialect's word stands"


async def test_other_bytes_read_back_stop_the_task(world: World) -> None:
    world.source.put("from", b"a", b"x")
    world.destination.faults.add(op="get", key="oms/probe/*", flip=100)
    ended = await world.migrate()
    assert (ended.status, ended.code, ended.tally()[1:]) == (4, "TRF.0061", (0, 0, 0)), ended.row
    assert world.data_keys() == []
