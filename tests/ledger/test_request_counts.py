"""What workers asked of the stores: running totals that may be told twice, and the pause at a ceiling."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from engine.failures import Side
from ledger import dispatch
from ledger.pool import Connection, Pool
from ledger.postgres import PostgresLedger
from ledger.request_counts import Counted, RequestCount
from ledger.values import TaskId
from tests.ledger.world import World


def total(
    task: TaskId, requests: int, tally: UUID, *, run: int = 1, side: Side = Side.SOURCE
) -> RequestCount:
    """A running total of reads."""
    return RequestCount(task, run, tally, side, "read", requests, 2 * requests, 3 * requests)


async def sums(pool: Pool, task: TaskId) -> list[tuple[int, str, int, int, int]]:
    """By run and side."""
    rows = await pool.fetch_all(
        "SELECT run_no, side, sum(requests)::int AS n, sum(sent)::int AS s, sum(received)::int AS r"
        " FROM request_count WHERE task_id = %s GROUP BY 1, 2 ORDER BY 1, 2",
        [task],
    )
    return [(row["run_no"], row["side"], row["n"], row["s"], row["r"]) for row in rows]


async def status_of(world: World, task: TaskId) -> tuple[int, str]:
    row = await world.pool.fetch_one("SELECT status, desired FROM task WHERE id = %s", [task])
    assert row is not None
    return row["status"], row["desired"]


async def limit(world: World, task: TaskId, most: int | None) -> None:
    await world.pool.execute("UPDATE task SET max_requests = %s WHERE id = %s", [most, task])


async def audited(world: World, task: TaskId) -> list[dict[str, Any]]:
    rows = await world.pool.fetch_all(
        "SELECT detail FROM audit WHERE action = 'task.requestLimitReached' AND resource = %s",
        [f"task:{task}"],
    )
    return [row["detail"] for row in rows]


async def test_totals_told_twice_or_out_of_order_count_once(world: World, ledger: PostgresLedger) -> None:
    task, mine, other = await world.task(), uuid4(), uuid4()
    for told in (5, 5, 9, 7):
        await ledger.count_requests([total(task, told, mine)])
    await ledger.count_requests([total(task, 4, other), total(task, 1, other, side=Side.DESTINATION)])
    await ledger.count_requests([total(task, 2, mine, run=2)])
    assert await sums(world.pool, task) == [
        (1, "destination", 1, 2, 3),
        (1, "source", 13, 26, 39),
        (2, "source", 2, 4, 6),
    ]


async def test_a_task_that_is_gone_is_not_counted_and_keeps_nobody_else_from_it(
    world: World, ledger: PostgresLedger
) -> None:
    gone, there, tally = await world.task(), await world.task(), uuid4()
    await ledger.count_requests([total(gone, 1, tally)])
    await world.pool.execute("DELETE FROM task WHERE id = %s", [gone])
    assert await ledger.count_requests([total(gone, 2, tally), total(there, 2, tally)]) == Counted()
    assert (await sums(world.pool, gone), await sums(world.pool, there)) == ([], [(1, "source", 2, 4, 6)])


async def test_a_run_pauses_when_its_workers_together_reach_the_ceiling(
    world: World, ledger: PostgresLedger, pool: Pool
) -> None:
    task = await world.task()
    await limit(world, task, 10)
    # What an earlier run asked for is not held against this one.
    await ledger.count_requests([total(task, 50, uuid4(), run=0)])
    assert await ledger.count_requests([total(task, 6, uuid4())]) == Counted()
    assert await status_of(world, task) == (2, "run")
    last = total(task, 4, uuid4())
    assert await ledger.count_requests([last]) == Counted(paused=frozenset({task}))
    assert await status_of(world, task) == (7, "pause")
    assert await ledger.count_requests([replace(last, requests=5)]) == Counted()
    assert await audited(world, task) == [{"run_no": 1, "max_requests": 10, "asked": 10}]
    assert await dispatch.settle(pool) == [task]
    assert (await status_of(world, task))[0] == 3


async def test_a_ceiling_lets_alone_what_does_not_run(world: World, ledger: PostgresLedger) -> None:
    for status, desired in ((1, "run"), (3, "run"), (4, "run"), (5, "run"), (7, "pause"), (2, "halt")):
        task = await world.task(status=status)
        await world.pool.execute(
            "UPDATE task SET max_requests = 1, desired = %s WHERE id = %s", [desired, task]
        )
        assert await ledger.count_requests([total(task, 9, uuid4())]) == Counted()
        assert await status_of(world, task) == (status, desired)


async def test_without_a_ceiling_a_task_goes_on(world: World, ledger: PostgresLedger) -> None:
    task = await world.task()
    assert await ledger.count_requests([total(task, 10**12, uuid4())]) == Counted()
    assert await status_of(world, task) == (2, "run")


async def test_an_answer_that_was_lost_pauses_once_and_is_noted_once(
    world: World, ledger: PostgresLedger, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = await world.task()
    await limit(world, task, 3)
    once = pool.run

    async def twice(work: Callable[[Connection], Awaitable[Any]]) -> Any:
        await once(work)
        return await once(work)

    monkeypatch.setattr(pool, "run", twice)
    await ledger.count_requests([total(task, 3, uuid4())])
    assert await status_of(world, task) == (7, "pause")
    assert len(await audited(world, task)) == 1
    assert await sums(pool, task) == [(1, "source", 3, 6, 9)]


async def test_a_task_that_somebody_holds_keeps_no_other_one_waiting_and_is_told_of_again(
    world: World, ledger: PostgresLedger, pool: Pool
) -> None:
    held, there, tally = await world.task(), await world.task(), uuid4()
    await limit(world, held, 1)
    told = [total(held, 2, tally), total(there, 2, tally)]
    async with pool.transaction() as connection:
        await connection.execute("SELECT FROM task WHERE id = %s FOR UPDATE", [held])
        async with asyncio.timeout(5):
            assert await ledger.count_requests(told) == Counted(left=frozenset({held}))
        assert (await sums(pool, held), await sums(pool, there)) == ([], [(1, "source", 2, 4, 6)])
    assert await ledger.count_requests(told) == Counted(paused=frozenset({held}))
    assert await sums(pool, held) == [(1, "source", 2, 4, 6)]
