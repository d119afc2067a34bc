"""A group lists once, and what is listed becomes tasks while it goes on."""

import asyncio
import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.digest import Digest
from engine.spec import OverwriteMode
from ledger import group_actions
from ledger.group_actions import LockedGroup
from ledger.values import TaskId
from tests.groups.world import GroupWorld
from tests.transfer.world import SPEC

KEYS = 4_500


def fill(groups: GroupWorld, count: int = KEYS, body: bytes = b"x") -> None:
    """Small objects at the source."""
    for n in range(count):
        groups.world.source.put("from", b"key-%06d" % n, body)


async def shares(groups: GroupWorld, group: str) -> list[dict[str, Any]]:
    """The pieces of the key space that its tasks have taken over."""
    return await groups.world.pool.fetch_all(
        "SELECT * FROM share WHERE group_id = %s::uuid ORDER BY lo", [group]
    )


@pytest.mark.check(66)
@pytest.mark.check(68)
async def test_a_large_prefix_becomes_tasks_and_is_listed_once(groups: GroupWorld) -> None:
    fill(groups)
    group = await groups.group(objects=1_000)
    assert await groups.run(group) == 6, await groups.row(group)
    members = await groups.members(group)
    assert len(members) >= 5
    assert {(one["status"], one["task_type"]) for one in members} == {(5, "list")}
    tallies = [(await groups.ended(one["id"])).tally() for one in members]
    assert all(0 < listed == ok <= 1_000 for listed, ok, _, _ in tallies), tallies
    assert await groups.figures(group) == {"listed": KEYS, "created": KEYS, "ok": KEYS, "skip": 0, "fail": 0}
    assert len(groups.world.data_keys()) == KEYS
    assert await groups.states(group) == [0, 1, 2, 6]
    asked, written = groups.world.source.counters(), groups.world.destination.counters()
    assert (asked.requests("get"), asked.requests("head")) == (KEYS, 0)
    assert (written.requests("put", prefix=""), written.requests("head")) == (KEYS, 0)


async def test_tasks_tile_what_the_ranges_have_listed(groups: GroupWorld) -> None:
    fill(groups)
    group = await groups.group(objects=1_000)
    await groups.run(group, workers=2)
    pieces = await shares(groups, group)
    assert pieces[0]["lo"] == b""
    assert pieces[-1]["hi"] is None
    assert all(left["hi"] == right["lo"] for left, right in pairwise(pieces))
    listed = Digest()
    for piece in pieces:
        listed.merge(Digest.from_bytes(piece["digest"]))
    infos = groups.world.source
    expected = Digest.of((key, 1, f'"{_md5(b"x")}"') for key in infos.keys("from"))
    assert listed.loose == expected.loose


async def test_tasks_run_while_their_group_still_lists(groups: GroupWorld) -> None:
    fill(groups, 6_000)
    group = await groups.group(objects=1_000)
    seen: list[bool] = []

    async def done() -> bool:
        row = await groups.row(group)
        members = await groups.members(group)
        seen.append(row["status"] == 1 and any(one["status"] in (2, 5) for one in members))
        return row["status"] in (4, 5, 6)

    await groups.until(group, done)
    assert any(seen)


async def test_the_size_of_a_task_is_bounded_as_well(groups: GroupWorld) -> None:
    fill(groups, 2_500, b"x" * 100)
    group = await groups.group(size=100_000)
    assert await groups.run(group) == 6
    sizes = [(await groups.ended(one["id"])).counts["ok_bytes"] for one in await groups.members(group)]
    assert sorted(sizes) == [50_000, 100_000, 100_000]


async def test_what_needs_no_copy_belongs_to_a_task_too(groups: GroupWorld) -> None:
    fill(groups, 1_500)
    first = await groups.group(objects=1_000)
    assert await groups.run(first) == 6
    groups.world.source.reset_counters()
    second = await groups.group(objects=1_000)
    assert await groups.run(second) == 6
    figures = await groups.figures(second)
    assert (figures["skip"], figures["ok"]) == (1_500, 0)
    assert groups.world.source.counters().requests("get|head") == 0
    keys = [key for key in groups.world.destination.keys("into") if b"/skip_object_lists/" in key]
    assert all(key.startswith(f"oms/task_group/{second}/skip_object_lists/".encode()) for key in keys)
    assert len(keys) == len(await groups.members(second)) == 2


@pytest.mark.check(22)
async def test_a_groups_failures_are_listed_below_its_own_folder(groups: GroupWorld) -> None:
    fill(groups, 3)
    groups.world.source.put("from", b"k" * 1020, b"fits not")
    spec = replace(SPEC, destination=replace(SPEC.destination, save_prefix="prefix/"))
    group = await groups.group(spec)
    assert await groups.run(group) == 5
    row = await groups.row(group)
    assert row["error_code"] == "TRF.0004"
    (member,) = await groups.members(group)
    folder = f"oms/task_group/{group}/failed_object_lists/{member['name']}/".encode()
    lists = [key for key in groups.world.destination.keys("into") if b"/failed_object_lists/" in key]
    assert len(lists) == 1
    assert lists[0].startswith(folder)


async def test_an_empty_source_fails_the_creation(groups: GroupWorld) -> None:
    group = await groups.group()
    assert await groups.run(group) == 4
    assert (await groups.row(group))["error_code"] == "TRF.0012"
    assert await groups.states(group) == [0, 1, 4]


async def test_a_source_that_cannot_be_read_fails_the_creation_with_its_code(groups: GroupWorld) -> None:
    gone = replace(SPEC, source=replace(SPEC.source, bucket="nowhere"))
    group = await groups.group(gone)
    assert await groups.run(group) == 4
    assert (await groups.row(group))["error_code"].startswith("TRF.")
    assert await groups.members(group) == []


async def test_creation_goes_on_where_a_dead_worker_left_it(groups: GroupWorld) -> None:
    fill(groups, 6_000)
    group = await groups.group(objects=1_000)

    async def some() -> bool:
        return len(await groups.members(group)) >= 2

    # The worker is cut in the middle of whatever it does; its leases are void as those of a dead one.
    await groups.until(group, some)
    await groups.world.pool.execute("UPDATE run SET lease_until = 'epoch' WHERE phase <> 'ended'")
    assert await groups.run(group) == 6
    assert await groups.figures(group) == {
        "listed": 6_000,
        "created": 6_000,
        "ok": 6_000,
        "skip": 0,
        "fail": 0,
    }


async def test_no_task_is_made_once_a_group_is_told_to_stop(groups: GroupWorld) -> None:
    prefixes = tuple(f"p{n:03}/" for n in range(60))
    for prefix in prefixes:
        for n in range(20):
            groups.world.source.put("from", f"{prefix}{n:02}".encode(), b"x")
    spec = replace(SPEC, source=replace(SPEC.source, object_keys=prefixes))
    group = await groups.group(spec, objects=20)
    for at_least in (3, 12, 30):

        async def enough(least: int = at_least) -> bool:
            return len(await groups.members(group)) >= least

        await groups.until(group, enough)
        stopping = asyncio.create_task(groups.run(group, 3, 6))
        await asyncio.sleep(0.1)
        await groups.change(group, group_actions.stop)
        assert await stopping == 3, await groups.row(group)
        made = await groups.members(group)
        assert {one["status"] for one in made} <= {3, 5}
        (scanner,) = await groups.world.pool.fetch_all("SELECT status FROM task WHERE scanner")
        assert scanner["status"] in (3, 5)
        await groups.change(group, group_actions.start)
    assert await groups.run(group) == 6
    assert await groups.figures(group) == {
        "listed": 1_200,
        "created": 1_200,
        "ok": 1_200,
        "skip": 0,
        "fail": 0,
    }
    assert len(groups.world.data_keys()) == 1_200


async def test_a_stop_that_is_on_its_way_keeps_a_task_from_being_made(groups: GroupWorld) -> None:
    fill(groups, 1_500)
    group = await groups.group(objects=1_000)
    ledger, pool = groups.world.ledger, groups.world.pool
    # Nobody may cut while this holds: the worker lists to the end and no more.
    await pool.execute(
        "CREATE FUNCTION held() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.lease_until := 'infinity'; RETURN NEW; END $$"
    )
    await pool.execute(
        "CREATE TRIGGER held BEFORE UPDATE ON run FOR EACH ROW WHEN (NEW.phase = 'active')"
        " EXECUTE FUNCTION held()"
    )

    async def listed() -> bool:
        ranges = await pool.fetch_all("SELECT state FROM key_range")
        creating = (await groups.row(group))["status"] == 1
        return creating and bool(ranges) and all(one["state"] == "done" for one in ranges)

    await groups.until(group, listed)
    await pool.execute("DROP TRIGGER held ON run")
    await pool.execute("UPDATE run SET lease_until = 'epoch'")
    claim = await ledger.claim_cut(TaskId(groups.scanners), "test")
    assert claim is not None
    cuts: list[asyncio.Task[bool]] = []

    async def stop(connection: AsyncConnection, locked: LockedGroup) -> None:
        await group_actions.stop(connection, locked)
        cuts.append(asyncio.create_task(ledger.cut(claim, datetime.now(UTC))))
        await asyncio.sleep(0.5)

    await groups.change(group, stop)
    assert await cuts[0] is False
    assert await groups.members(group) == []


async def test_objects_that_a_task_lost_keep_it_from_ending(groups: GroupWorld) -> None:
    """The gate of a group's task: its units and segments add up to what was listed for it, digest included."""
    fill(groups, 1_200)
    group = await groups.group(objects=1_000)
    groups.slots = 0

    async def made() -> bool:
        return len(await groups.members(group)) >= 1

    await groups.world.pool.execute("UPDATE task SET status = 2 WHERE scanner")
    await groups.until(group, made)
    (piece,) = (await shares(groups, group))[:1]
    await groups.world.pool.execute(
        "UPDATE share SET digest = decode(repeat('11', 32), 'hex') WHERE id = %s", [piece["id"]]
    )
    groups.slots = 5
    assert await groups.run(group, 4, 5, 6) in (4, 5)
    row = await groups.row(group)
    assert row["error_code"] == "TRF.0001", row


async def test_a_listing_that_its_tasks_do_not_own_never_counts_as_created(groups: GroupWorld) -> None:
    fill(groups, 2_400)
    group = await groups.group(objects=1_000)
    pool = groups.world.pool
    await pool.execute(
        "CREATE FUNCTION shortened() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.listed := NEW.listed - 1; RETURN NEW; END $$"
    )
    await pool.execute(
        "CREATE TRIGGER shortened BEFORE INSERT ON share FOR EACH ROW EXECUTE FUNCTION shortened()"
    )
    assert await groups.run(group, 2, 4) == 4
    row = await groups.row(group)
    assert row["error_code"] == "TRF.0001"
    assert "went to tasks" in row["error_message"]


async def test_a_failed_task_lists_its_own_pieces_again_when_all_is_asked_for(groups: GroupWorld) -> None:
    fill(groups, 2_300)
    spec = replace(SPEC, overwrite=OverwriteMode.NO_OVERWRITE)
    group = await groups.group(spec, objects=1_000)
    assert await groups.run(group) == 6
    victim = (await groups.members(group))[1]
    before = (await groups.ended(victim["id"])).tally()[0]
    pool = groups.world.pool
    await pool.execute("INSERT INTO run (task_id, run_no) VALUES (%s, 2)", [victim["id"]])
    await pool.execute("UPDATE task SET status = 1, run_no = 2 WHERE id = %s", [victim["id"]])
    await pool.execute("UPDATE task_group SET status = 2 WHERE id = %s::uuid", [group])
    assert await groups.run(group) == 6
    ended = await groups.ended(victim["id"])
    assert (ended.status, ended.tally()) == (5, (before, 0, before, 0))
    scopes = await pool.fetch_all(
        "SELECT lo, hi FROM scope WHERE task_id = %s AND run_no = 2", [victim["id"]]
    )
    pieces = [one for one in await shares(groups, group) if one["task_id"] == victim["id"]]
    assert [(one["lo"], one["hi"]) for one in scopes] == [(one["lo"], one["hi"]) for one in pieces]


async def test_named_prefixes_are_shared_out_as_well(groups: GroupWorld) -> None:
    for prefix in (b"a/", b"b/", b"c/"):
        for n in range(700):
            groups.world.source.put("from", prefix + b"%04d" % n, b"")
    group = await groups.group(
        replace(SPEC, source=replace(SPEC.source, object_keys=("a/", "c/"))), objects=1_000
    )
    assert await groups.run(group) == 6
    assert (await groups.figures(group))["ok"] == 1_400
    assert not any(key.startswith(b"b/") for key in groups.world.data_keys())


async def test_listing_far_ahead_of_copying_waits(groups: GroupWorld) -> None:
    prefixes = [f"p{n:03}/" for n in range(100)]
    for prefix in prefixes:
        groups.world.source.put("from", f"{prefix}one".encode(), b"")
    spec = replace(SPEC, source=replace(SPEC.source, object_keys=tuple(prefixes)))
    group = await groups.group(spec, objects=1)
    groups.slots = 0
    await groups.world.pool.execute("UPDATE task SET status = 2 WHERE scanner")
    counts: list[int] = []

    async def at_rest() -> bool:
        counts.append(len(await groups.members(group)))
        return len(counts) > 60 and counts[-1] == counts[-40] > 0

    await groups.until(group, at_rest)
    # What was listed and not yet cut when the limit was reached still comes, and what eight listings had on its way.
    assert 64 <= counts[-1] <= 64 + 4 + 2 * 8
    groups.slots = 100
    assert await groups.run(group) == 6
    assert (await groups.figures(group))["ok"] == 100


def _md5(body: bytes) -> str:
    return hashlib.md5(body).hexdigest()
