"""Slots, the order of the queue, and what becomes of tasks that are to stop."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from engine.states import TaskStatus
from ledger import dispatch, task_actions
from ledger.bootstrap import void_worker
from ledger.pool import Pool
from ledger.postgres import PostgresLedger
from ledger.sessions import create_engine
from ledger.values import Leased, TaskId
from tests.ledger.world import World, page_of, segment_of


async def ids(found: list[dispatch.Due]) -> list[TaskId]:
    """Ids only."""
    return [due.task_id for due in found]


async def row_of(world: World, task: TaskId) -> tuple[int, str, str | None, str | None]:
    """Status, desired, error code and message."""
    row = await world.pool.fetch_one(
        "SELECT status, desired, error_code, error_message FROM task WHERE id = %s", [task]
    )
    assert row is not None
    return row["status"], row["desired"], row["error_code"], row["error_message"]


@pytest.mark.check(47)
async def test_slots_go_by_priority_then_first_come_first_served(world: World, pool: Pool) -> None:
    low = await world.task(status=1, priority=2)
    first = await world.task(status=1)
    second = await world.task(status=1)
    high = await world.task(status=1, priority=0)
    assert await ids(await dispatch.promote(pool, 2)) == [high, first]
    assert await dispatch.promote(pool, 2) == []
    assert await ids(await dispatch.promote(pool, 3)) == [second]
    await pool.execute("UPDATE task SET status = 7 WHERE id = %s", [high])
    assert await dispatch.promote(pool, 3) == []
    await pool.execute("UPDATE task SET status = 3 WHERE id = %s", [high])
    assert await ids(await dispatch.promote(pool, 3)) == [low]
    row = await pool.fetch_one("SELECT running_since, first_started_at FROM task WHERE id = %s", [low])
    assert row is not None
    # Two looks at the clock, a microsecond apart.
    assert abs(row["running_since"] - row["first_started_at"]) < timedelta(seconds=1)


async def test_slots_are_counted_by_project_and_region(world: World, pool: Pool) -> None:
    await pool.execute("INSERT INTO project (id, domain_id, name) VALUES ('p2', 'd1', 'p2')")
    await world.task(status=2)
    await world.task(status=1)
    other_project = await world.task(status=1, project_id="p2")
    other_region = await world.task(status=1, region="r2")
    assert await ids(await dispatch.promote(pool, 1)) == [other_project, other_region]


async def test_dispatchers_at_once_never_exceed_the_slots(world: World, pool: Pool) -> None:
    for _ in range(20):
        await world.task(status=1)
    found = await asyncio.gather(*(dispatch.promote(pool, 5) for _ in range(8)))
    assert sum(len(one) for one in found) == 5
    assert await world.value("SELECT count(*) FROM task WHERE status = 2") == 5


async def test_a_dispatcher_waits_for_the_one_before(world: World, pool: Pool) -> None:
    await world.task(status=1)
    async with pool.transaction() as first:
        await first.execute(dispatch.PROMOTION)
        await first.execute(dispatch.PROMOTE, {"slots": 1})
        urgent = await world.task(status=1, priority=0)
        second = asyncio.create_task(dispatch.promote(pool, 1))
        await asyncio.sleep(0.2)
    assert await second == []
    assert await world.value("SELECT status FROM task WHERE id = %s", urgent) == 1


async def test_a_promoted_task_has_a_run_to_prepare(world: World, pool: Pool, ledger: PostgresLedger) -> None:
    task = await world.task(status=1, desired="pause", error_code="TRF.0004")
    await pool.execute("DELETE FROM run")
    await dispatch.promote(pool, 1)
    assert await row_of(world, task) == (2, "run", None, None)
    assert await ids(await dispatch.due(pool)) == [task]
    assert await ledger.claim_prepare(task, "w") is not None
    assert await dispatch.due(pool) == []


async def test_a_pausing_task_is_paused_when_the_last_lease_is_gone(
    world: World, pool: Pool, ledger: PostgresLedger
) -> None:
    task = await world.listed([[0], [1]])
    first, second = await world.unit_claim(task), await world.unit_claim(task)
    await pool.execute("INSERT INTO credential VALUES (%s, 'source', 'x', 1)", [task])
    await pool.execute(
        "UPDATE task SET status = 7, desired = 'pause', running_since = clock_timestamp() - interval '3 s'"
    )
    assert await dispatch.settle(pool) == []
    await ledger.release(first.fence)
    assert await dispatch.settle(pool) == []
    await ledger.release(second.fence)
    assert await dispatch.settle(pool) == [task]
    assert await dispatch.settle(pool) == []
    assert await row_of(world, task) == (3, "run", None, None)
    assert await world.value("SELECT count(*) FROM credential") == 0
    assert await world.value("SELECT running_ms FROM task") >= 3000
    assert await world.value("SELECT count(*) FROM outbox") == 0


@pytest.mark.parametrize("table", list(Leased))
async def test_every_kind_of_lease_keeps_a_task_pausing(
    world: World, pool: Pool, ledger: PostgresLedger, table: Leased
) -> None:
    task = await world.task() if table is Leased.RUN else await world.planned()
    match table:
        case Leased.RUN:
            await ledger.claim_prepare(task, "w")
        case Leased.RANGE:
            await ledger.claim_range(task, "w")
        case Leased.UNIT:
            await pool.execute(
                """INSERT INTO unit (task_id, run_no, page_no, chunk_no, manifest, n, bytes, done)
                   VALUES (%s, 1, 0, 0, '', 1, 1, '0')""",
                [task],
            )
            await ledger.claim_unit(task, "w", large=False)
        case Leased.SPAN:
            page = await ledger.claim_range(task, "w")
            assert page is not None
            await ledger.save_page(page, page_of(0, [[0]], last=True))
            owner = await world.unit_claim(task)
            row = await ledger.plan_upload(owner, 0, b"k", "e", 35, 5)
            assert row is not None
            await ledger.open_upload(owner, row, "u1")
            await ledger.share_parts(owner, row, b"k", "", [(2, 3)])
            assert await ledger.claim_span(task, "other") is not None
            await ledger.release(owner.fence)
        case Leased.RECORD:
            segment = segment_of("skip", [1])
            await pool.execute(
                """INSERT INTO segment (task_id, run_no, kind, n, bytes, digest, payload)
                   VALUES (%s, 1, 'skip', 100000, 1, %s, %s)""",
                [task, segment.digest, segment.payload],
            )
            assert await ledger.claim_record(task, "w", 1, finish=None) is not None
    await pool.execute("UPDATE task SET status = 7, desired = 'pause'")
    assert await dispatch.settle(pool) == []
    await world.expire(table.value)
    assert await dispatch.settle(pool) == [task]


async def test_an_expired_lease_counts_as_gone_and_writes_nothing_more(
    world: World, pool: Pool, ledger: PostgresLedger
) -> None:
    task = await world.listed([[0]])
    claim = await world.unit_claim(task)
    await pool.execute("UPDATE task SET status = 7, desired = 'pause'")
    await world.expire("unit")
    assert await dispatch.settle(pool) == [task]
    assert await ledger.renew([claim.fence]) == frozenset()
    assert not (await ledger.checkpoint(claim, 0, [0], [segment_of("ok", [0])])).alive
    await pool.execute("UPDATE task SET status = 2")
    assert (await world.unit_claim(task)).crashes == 1


async def test_a_fatal_error_fails_the_drained_task_with_its_code(
    world: World, pool: Pool, ledger: PostgresLedger
) -> None:
    task = await world.listed([[0]])
    claim = await world.unit_claim(task)
    await ledger.halt(claim.fence, "TRF.0054", "no right to list")
    assert await dispatch.settle(pool) == []
    await ledger.release(claim.fence)
    assert await dispatch.settle(pool) == [task]
    assert await row_of(world, task) == (4, "run", "TRF.0054", "no right to list")
    assert await world.value("SELECT phase FROM run") == "active"
    assert await world.value("SELECT payload ->> 'error_code' FROM outbox") == "TRF.0054"


async def test_a_fatal_error_of_a_pausing_task_wins(world: World, pool: Pool, ledger: PostgresLedger) -> None:
    task = await world.listed([[0]])
    claim = await world.unit_claim(task)
    await pool.execute("UPDATE task SET status = 7, desired = 'pause'")
    await ledger.halt(claim.fence, "TRF.0054", "x")
    await ledger.release(claim.fence)
    await dispatch.settle(pool)
    assert (await row_of(world, task))[:3] == (4, "run", "TRF.0054")


async def test_running_tasks_are_left_alone(world: World, pool: Pool) -> None:
    await world.listed([[0]])
    await world.task(status=3)
    assert await dispatch.settle(pool) == []


@pytest.mark.check(52)
async def test_a_task_that_waits_for_thirty_days_fails(world: World, pool: Pool) -> None:
    task = await world.task(status=1)
    await world.task(status=1)
    await pool.execute("INSERT INTO credential VALUES (%s, 'source', 'x', 1)", [task])
    assert await dispatch.expire_waiting(pool) == []
    await pool.execute(
        "UPDATE task SET queued_at = clock_timestamp() - interval '30 days 1 s' WHERE id = %s", [task]
    )
    assert await dispatch.expire_waiting(pool) == [task]
    assert (await row_of(world, task))[:3] == (4, "run", "TRF.0003")
    assert await world.value("SELECT count(*) FROM credential") == 0


async def test_the_leases_of_a_dead_worker_are_claimable_at_once(
    world: World, pool: Pool, database_url: str
) -> None:
    task = await world.listed([[0], [1]])
    dead = await world.unit_claim(task, "dead")
    living = await world.unit_claim(task, "living")
    await dispatch.heartbeat(pool, "dead")
    assert await asyncio.to_thread(void_worker, database_url, "dead") == 1
    assert await asyncio.to_thread(void_worker, database_url, "dead") == 0
    assert await world.ledger.renew([dead.fence, living.fence]) == {living.fence}
    again = await world.unit_claim(task)
    assert (again.fence.row, again.crashes) == (dead.fence.row, 1)
    assert await dispatch.live_workers(pool) == 0
    assert await dispatch.void_worker(pool, "living") == 1


async def test_workers_are_counted_while_they_give_signs_of_life(world: World, pool: Pool) -> None:
    instance = uuid4()
    for _ in range(2):
        await dispatch.heartbeat(pool, "a", instance)
    await dispatch.heartbeat(pool, "b")
    await dispatch.heartbeat(pool, "b")
    assert await dispatch.live_workers(pool) == 2
    await pool.execute("UPDATE worker SET seen_at = seen_at - interval '1 min' WHERE name = 'a'")
    assert await dispatch.live_workers(pool) == 1
    await dispatch.farewell(pool, "b")
    assert await dispatch.live_workers(pool) == 0
    await dispatch.heartbeat(pool, "a", uuid4())
    assert await world.value("SELECT started_at > clock_timestamp() - interval '1 min' FROM worker") is True


async def test_expired_leases_of_a_task_can_be_voided(world: World, pool: Pool) -> None:
    task = await world.listed([[0], [1]])
    await world.unit_claim(task)
    await world.expire("unit")
    await world.unit_claim(task)
    await world.expire("unit")
    await world.unit_claim(task)
    assert await dispatch.void_expired(pool, task) == 0
    await world.expire("unit")
    assert await dispatch.void_expired(pool, task) == 1


async def test_a_stop_voids_what_has_run_out(world: World, ledger: PostgresLedger, database_url: str) -> None:
    task = await world.planned()
    claim = await world.range_claim(task)
    await world.expire("key_range")
    engine = create_engine(database_url, size=1)
    try:
        async with engine.begin() as connection:
            (locked,) = await task_actions.lock(connection, world.project, [task])
            assert await task_actions.stop(connection, locked) is TaskStatus.PAUSED
    finally:
        await engine.dispose()
    assert await ledger.renew([claim.fence]) == frozenset()
    assert not await ledger.split_range(claim, b"k")
