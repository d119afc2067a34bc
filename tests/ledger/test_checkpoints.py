"""Outcomes are journalled once, under a fence, and counted exactly."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest

from ledger.journal import JournalError
from ledger.postgres import PostgresLedger
from ledger.values import Desired
from tests.ledger.world import World, key, numbers_of, segment_of, unit_of


async def test_a_checkpoint_sets_bits_adds_counters_and_closes_with_the_last_one(
    world: World, ledger: PostgresLedger
) -> None:
    task = await world.listed([range(4)])
    claim = await world.unit_claim(task)
    first = await ledger.checkpoint(claim, 0, [0, 2], [segment_of("ok", [0, 2], [0, 2])])
    second = await ledger.checkpoint(
        claim, 1, [1, 3], [segment_of("skip", [1], [1]), segment_of("fail", [3], [3])]
    )
    assert (first.alive, first.closed, first.desired) == (True, False, Desired.RUN)
    assert (second.alive, second.closed) == (True, True)
    assert await world.counters(task) == {"listed": 4, "ok": 2, "skip": 1, "fail": 1, "ok_bytes": 20}
    assert await world.value("SELECT done::text FROM unit") == "1111"


async def test_the_same_checkpoint_twice_counts_once(world: World, ledger: PostgresLedger) -> None:
    task = await world.listed([range(2)])
    claim = await world.unit_claim(task)
    for _ in range(3):
        answer = await ledger.checkpoint(claim, 0, [0], [segment_of("ok", [0])])
        assert (answer.alive, answer.closed) == (True, False)
    for _ in range(2):
        answer = await ledger.checkpoint(claim, 1, [1], [segment_of("ok", [1], [1])])
        assert (answer.alive, answer.closed) == (True, True)
    assert (await world.counters(task))["ok"] == 2


async def test_an_old_fence_writes_nothing(world: World, ledger: PostgresLedger) -> None:
    task = await world.listed([range(2)])
    old = await world.unit_claim(task, "dead")
    await world.expire("unit")
    new = await world.unit_claim(task, "living")
    assert new.fence.epoch == old.fence.epoch + 1
    for fence in (old.fence, replace(new.fence, claim_id=uuid4()), replace(new.fence, epoch=99)):
        answer = await ledger.checkpoint(replace(new, fence=fence), 0, [0], [segment_of("ok", [0])])
        assert not answer.alive
    assert (await world.counters(task))["ok"] == 0
    assert (await ledger.checkpoint(new, 0, [0, 1], [segment_of("ok", [0, 1])])).closed


async def test_an_object_gets_one_outcome_only(world: World, ledger: PostgresLedger) -> None:
    task = await world.listed([range(3)])
    claim = await world.unit_claim(task)
    await ledger.checkpoint(claim, 0, [0, 1], [segment_of("ok", [0, 1])])
    with pytest.raises(JournalError):
        await ledger.checkpoint(claim, 1, [1, 2], [segment_of("ok", [1, 2], [1, 2])])
    assert (await world.counters(task))["ok"] == 2


async def test_another_content_under_a_used_number_is_refused_and_not_lost(
    world: World, ledger: PostgresLedger
) -> None:
    task = await world.listed([range(3)])
    claim = await world.unit_claim(task)
    await ledger.checkpoint(claim, 0, [0], [segment_of("ok", [0])])
    with pytest.raises(JournalError):
        await ledger.checkpoint(claim, 0, [0, 1], [segment_of("ok", [0, 1])])


@pytest.mark.parametrize(
    ("indexes", "numbers"), [([], []), ([0, 0], [0, 0]), ([3], [0]), ([-1], [0]), ([0, 1], [0])]
)
async def test_contradicting_outcomes_are_refused(
    world: World, ledger: PostgresLedger, indexes: list[int], numbers: list[int]
) -> None:
    task = await world.listed([range(3)])
    claim = await world.unit_claim(task)
    with pytest.raises(JournalError):
        await ledger.checkpoint(claim, 0, indexes, [segment_of("ok", numbers)])


async def test_what_is_journalled_is_not_done_again_by_the_next_owner(
    world: World, ledger: PostgresLedger
) -> None:
    task = await world.listed([range(3)])
    claim = await world.unit_claim(task)
    await ledger.checkpoint(claim, 0, [1], [segment_of("ok", [1], [1])])
    await ledger.release(claim.fence)
    again = await world.unit_claim(task)
    assert again.done == (False, True, False)
    assert again.seq == 1
    assert again.manifest == unit_of(range(3)).manifest
    assert numbers_of(again) == [0, 1, 2]
    assert key(1) == b"k000001"


async def test_a_checkpoint_tells_of_a_pause(world: World, ledger: PostgresLedger) -> None:
    task = await world.listed([range(2)])
    claim = await world.unit_claim(task)
    await world.pool.execute("UPDATE task SET desired = 'pause', status = 7")
    answer = await ledger.checkpoint(claim, 0, [0], [segment_of("ok", [0])])
    assert answer.desired is Desired.PAUSE


async def test_parallel_checkpoints_of_many_units_count_exactly(world: World, ledger: PostgresLedger) -> None:
    units = [range(start, start + 20) for start in range(0, 800, 20)]
    task = await world.listed(units)

    async def work() -> None:
        while claim := await ledger.claim_unit(task, "w", large=False):
            numbers = numbers_of(claim)
            for seq in range(4):
                part = range(5 * seq, 5 * seq + 5)
                kind = ("ok", "skip", "fail", "ok")[seq]
                chosen = [numbers[index] for index in part]
                assert (await ledger.checkpoint(claim, seq, part, [segment_of(kind, chosen, part)])).alive

    await asyncio.gather(*(work() for _ in range(12)))
    assert await world.counters(task) == {
        "listed": 800,
        "ok": 400,
        "skip": 200,
        "fail": 200,
        "ok_bytes": 4000,
    }
    assert await world.value("SELECT count(*) FROM unit WHERE state <> 'done'") == 0
    # Sixteen counters share the load.
    assert await world.value("SELECT count(*) FROM counter WHERE ok > 0") == 16
