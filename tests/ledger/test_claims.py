"""Claims are exclusive, fenced, counted when their owner dies, and never granted against the owner's wish."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest

from ledger.pool import Pool
from ledger.postgres import PostgresLedger
from ledger.values import Fence, Leased
from tests.ledger.world import World, segment_of


async def test_a_unit_is_claimed_by_one_worker_only(world: World, ledger: PostgresLedger) -> None:
    task = await world.listed([[number] for number in range(30)])
    claims = await asyncio.gather(
        *(ledger.claim_unit(task, f"w{number}", large=False) for number in range(40))
    )
    rows = [claim.fence.row for claim in claims if claim]
    assert len(rows) == 30
    assert len(set(rows)) == 30


async def test_large_and_small_units_are_claimed_apart(world: World, ledger: PostgresLedger) -> None:
    task = await world.listed([[0], [1]])
    await world.pool.execute("UPDATE unit SET large = true WHERE chunk_no = 1")
    large = await world.unit_claim(task, large=True)
    assert large.large
    assert await ledger.claim_unit(task, "w", large=True) is None
    assert not (await world.unit_claim(task, large=False)).large


async def test_an_expired_lease_is_taken_over_under_a_new_fence(world: World) -> None:
    task = await world.listed([[0]])
    old = await world.unit_claim(task)
    assert old.crashes == 0
    await world.expire("unit")
    new = await world.unit_claim(task)
    assert new.fence.epoch == old.fence.epoch + 1
    assert new.fence.claim_id != old.fence.claim_id
    assert (new.crashes, new.suspect, new.attempts) == (1, None, 2)


async def test_an_object_that_kills_its_workers_is_named(world: World, ledger: PostgresLedger) -> None:
    task = await world.listed([range(10)])
    await world.unit_claim(task)
    seen = []
    for _ in range(4):
        await world.expire("unit")
        claim = await world.unit_claim(task)
        seen.append((claim.crashes, claim.suspect))
        assert await ledger.mark_current(claim, 7)
    assert seen == [(1, None), (1, 7), (2, 7), (3, 7)]
    answer = await ledger.checkpoint(claim, 0, [7], [segment_of("fail", [7], [7])])
    assert answer.alive
    await world.expire("unit")
    assert (await world.unit_claim(task)).crashes == 1


async def test_progress_ends_a_row_of_crashes(world: World, ledger: PostgresLedger) -> None:
    task = await world.listed([range(10)])
    await world.unit_claim(task)
    await world.expire("unit")
    claim = await world.unit_claim(task)
    await ledger.checkpoint(claim, 0, [0], [segment_of("ok", [0])])
    await ledger.release(claim.fence)
    assert (await world.unit_claim(task)).crashes == 0


async def test_released_work_is_claimable_at_once_or_after_the_delay(
    world: World, ledger: PostgresLedger
) -> None:
    task = await world.listed([[0]])
    claim = await world.unit_claim(task)
    await ledger.release(claim.fence)
    await ledger.release(claim.fence)
    again = await world.unit_claim(task)
    assert again.crashes == 0
    await ledger.release(again.fence, delay=60)
    assert await ledger.claim_unit(task, "w", large=False) is None
    assert (await ledger.open_work())[0].units == 0


async def test_a_void_fence_neither_releases_nor_marks_nor_renews(
    world: World, ledger: PostgresLedger
) -> None:
    task = await world.listed([[0]])
    claim = await world.unit_claim(task)
    for fence in (replace(claim.fence, epoch=0), replace(claim.fence, claim_id=uuid4())):
        await ledger.release(fence)
        assert not await ledger.mark_current(replace(claim, fence=fence), 0)
        assert await ledger.renew([fence]) == frozenset()
    assert await ledger.claim_unit(task, "w", large=False) is None
    assert await ledger.mark_current(claim, 0)


async def test_one_statement_renews_all_kinds_of_leases(world: World, ledger: PostgresLedger) -> None:
    first = await world.task()
    run = await ledger.claim_prepare(first, "w")
    second = await world.listed([[0]])
    unit = await world.unit_claim(second)
    third = await world.planned()
    key_range = await world.range_claim(third)
    assert run is not None
    stale = Fence(Leased.UNIT, second, 1, unit.fence.row, unit.fence.epoch, uuid4())
    ours = [run.fence, unit.fence, key_range.fence]
    await world.pool.execute("UPDATE unit SET lease_until = clock_timestamp() + interval '1 s'")
    assert await ledger.renew([*ours, stale]) == frozenset(ours)
    left = await world.value(
        "SELECT extract(epoch FROM lease_until - clock_timestamp())::float8 FROM unit WHERE state = 'leased'"
    )
    assert left > 50
    assert await ledger.renew([]) == frozenset()


async def test_a_closed_unit_is_not_renewed(world: World, ledger: PostgresLedger) -> None:
    task = await world.listed([[0]])
    claim = await world.unit_claim(task)
    await world.finish_unit(claim)
    assert await ledger.renew([claim.fence]) == frozenset()


@pytest.mark.parametrize(
    ("status", "desired"), [(7, "pause"), (2, "halt"), (3, "run"), (1, "run"), (5, "run")]
)
async def test_nothing_is_claimed_against_the_owners_wish(
    world: World, ledger: PostgresLedger, status: int, desired: str
) -> None:
    task = await world.listed([[0]])
    await world.pool.execute("UPDATE task SET status = %s, desired = %s", [status, desired])
    await world.pool.execute("UPDATE key_range SET state = 'ready'")
    assert await ledger.claim_unit(task, "w", large=False) is None
    assert await ledger.claim_range(task, "w") is None
    assert await ledger.claim_finish(task, "w") is None
    assert await ledger.open_work() == ()


async def test_a_claim_from_a_snapshot_before_the_pause_is_given_back(
    world: World, ledger: PostgresLedger, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = await world.listed([[0]])
    run = pool.run

    async def paused_right_after(work: object) -> object:
        result: object = await run(work)  # type: ignore[arg-type]
        monkeypatch.undo()
        await pool.execute("UPDATE task SET desired = 'pause', status = 7")
        return result

    monkeypatch.setattr(pool, "run", paused_right_after)
    assert await ledger.claim_unit(task, "w", large=False) is None
    assert await world.value("SELECT state FROM unit") == "ready"


async def test_a_claim_whose_answer_was_lost_is_found_again(
    world: World, ledger: PostgresLedger, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = await world.listed([[0], [1]])
    run = pool.run

    async def twice(work: object) -> object:
        monkeypatch.undo()
        await run(work)  # type: ignore[arg-type]
        return await run(work)  # type: ignore[arg-type]

    monkeypatch.setattr(pool, "run", twice)
    assert await ledger.claim_unit(task, "w", large=False) is not None
    assert await world.value("SELECT count(*) FROM unit WHERE state = 'leased'") == 1


async def test_finishing_waits_for_every_range_and_unit(world: World, ledger: PostgresLedger) -> None:
    task = await world.planned()
    assert await ledger.claim_finish(task, "w") is None
    await world.pool.execute("UPDATE key_range SET state = 'done'")
    claim = await ledger.claim_finish(task, "w")
    assert claim is not None
    assert await ledger.claim_finish(task, "other") is None
    await ledger.release(claim.fence)
    assert await ledger.claim_finish(task, "other") is not None


async def test_open_work_tells_what_there_is_to_claim(world: World, ledger: PostgresLedger) -> None:
    fresh = await world.task(priority=2)
    listed = await world.listed([[0], [1], [2]], priority=0)
    await world.pool.execute("UPDATE unit SET large = true WHERE chunk_no = 2")
    await world.unit_claim(listed)
    first, second = await ledger.open_work()
    assert (first.task_id, first.units, first.large, first.leased) == (listed, 1, 1, 1)
    assert (first.prepare, first.finish, first.ranges, first.record) == (False, False, 0, False)
    assert (second.task_id, second.prepare, second.finish) == (fresh, True, False)


async def test_a_finished_listing_offers_the_finish_until_somebody_has_it(
    world: World, ledger: PostgresLedger
) -> None:
    task = await world.listed([], skips=[1, 2])
    assert (await ledger.open_work())[0].finish
    assert await ledger.claim_finish(task, "w") is not None
    assert not (await ledger.open_work())[0].finish


async def test_a_fatal_error_needs_a_living_fence_and_the_first_one_stays(
    world: World, ledger: PostgresLedger
) -> None:
    task = await world.listed([[0], [1]])
    claim = await world.unit_claim(task)
    await ledger.halt(replace(claim.fence, claim_id=uuid4()), "TRF.0054", "no")
    assert await world.value("SELECT desired FROM task") == "run"
    await ledger.halt(claim.fence, "TRF.0054", "first")
    await ledger.halt(claim.fence, "TRF.0056", "second")
    assert await world.value("SELECT fatal_code || fatal_message FROM task") == "TRF.0054first"
    assert await ledger.claim_unit(task, "w", large=False) is None
