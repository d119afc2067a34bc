"""One slow or throttling bucket slows its own tasks and no other."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from engine.spec import TaskSpec
from ledger.values import TaskId
from tests.transfer.world import SPEC, World
from workers.transfer.budget import ByteBudget
from workers.transfer.limits import Limits

MIB = 1 << 20
QUICK = 300
HELD = {"op": "get", "bucket": "slow", "delay_ms": 3_600_000}


def spec_of(bucket: str, save_prefix: str) -> TaskSpec:
    return replace(
        SPEC,
        source=replace(SPEC.source, bucket=bucket),
        destination=replace(SPEC.destination, save_prefix=save_prefix),
    )


@asynccontextmanager
async def working(world: World) -> AsyncIterator[None]:
    """One worker goes on meanwhile."""
    running = asyncio.create_task(world.run(seconds=90))
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def finished(world: World, task_id: TaskId, seconds: float) -> float:
    """How long it took; fails when it takes longer."""
    began = time.monotonic()
    while (await world.ended(task_id)).status == 2:
        assert time.monotonic() - began < seconds, "still waiting"
        await asyncio.sleep(0.1)
    return time.monotonic() - began


async def slow_tasks(world: World, tasks: int, objects: int, size: int) -> list[TaskId]:
    world.source.create_bucket("slow")
    for n in range(objects):
        world.source.put("slow", b"%03d" % n, b"s" * size)
    return [await world.task(spec_of("slow", f"slow-{n}/")) for n in range(tasks)]


async def quick_task(world: World) -> TaskId:
    for n in range(QUICK):
        world.source.put("from", b"%04d" % n, b"q")
    return await world.task(spec_of("from", "quick/"))


@pytest.mark.parametrize(
    "fault",
    [
        {"op": "get", "bucket": "slow", "status": 503, "code": "SlowDown"},
        {"op": "get", "bucket": "slow", "status": 500},
        {"op": "get|list|head_bucket", "bucket": "slow", "delay_ms": 2_000},
        HELD,
    ],
    ids=["throttles", "fails", "answers slowly", "does not answer"],
)
async def test_a_bucket_that_misbehaves_slows_its_own_task_only(world: World, fault: dict[str, Any]) -> None:
    (slow,) = await slow_tasks(world, 1, 400, 1000)
    world.source.faults.add(**fault)
    async with working(world):
        await asyncio.sleep(2)
        quick = await quick_task(world)
        print(f"{QUICK} objects in {await finished(world, quick, 30):.1f} s beside it")
    assert (await world.ended(quick)).tally() == (QUICK, QUICK, 0, 0)
    assert ((await world.ended(slow)).counts["ok"] or 0) < 400


async def test_bytes_that_a_slow_bucket_holds_leave_room_for_others(world: World) -> None:
    world.limits = Limits(bytes_in_flight=8 * MIB, bytes_of_a_task=6 * MIB)
    await slow_tasks(world, 1, 40, MIB)
    world.source.faults.add(**HELD)
    async with working(world):
        await asyncio.sleep(2)
        quick = await quick_task(world)
        await finished(world, quick, 30)
    assert (await world.ended(quick)).tally() == (QUICK, QUICK, 0, 0)


async def test_many_tasks_of_a_slow_bucket_leave_a_place_for_another(world: World) -> None:
    await slow_tasks(world, 12, 5, 10)
    world.source.faults.add(**HELD)
    async with working(world):
        await asyncio.sleep(3)
        quick = await quick_task(world)
        await finished(world, quick, 30)
    assert (await world.ended(quick)).tally() == (QUICK, QUICK, 0, 0)


async def test_a_store_that_always_fails_is_asked_six_times_an_object_and_ever_more_slowly(
    world: World,
) -> None:
    (slow,) = await slow_tasks(world, 1, 30, 10)
    world.source.faults.add(op="get", bucket="slow", status=500)
    began = time.monotonic()
    await world.run(seconds=60)
    ended = await world.ended(slow)
    asked = world.source.counters().requests("get", "slow")
    assert (ended.status, ended.tally()) == (4, (30, 0, 0, 30))
    assert 30 < asked <= 30 * 6
    print(f"{asked} requests in {time.monotonic() - began:.1f} s")


async def test_who_holds_least_gets_bytes_first_and_nobody_holds_all() -> None:
    budget = ByteBudget(10, 8)
    order: list[str] = []

    async def want(name: str, n: int, owner: str, until: asyncio.Event) -> None:
        async with budget.hold(n, owner):
            order.append(name)
            await until.wait()

    free, over = asyncio.Event(), asyncio.Event()
    wishes = [
        ("a1", 4, "a", free),
        ("a2", 4, "a", over),
        ("a3", 1, "a", over),
        ("b1", 2, "b", over),
        ("b2", 3, "b", over),
    ]
    tasks = [asyncio.create_task(want(*wish)) for wish in wishes]
    await asyncio.sleep(0.01)
    assert (order, budget.held) == (["a1", "a2", "b1"], 10)
    free.set()
    await asyncio.sleep(0.01)
    assert (order, budget.held) == (["a1", "a2", "b1", "b2", "a3"], 10)
    over.set()
    await asyncio.gather(*tasks)
    assert budget.held == 0


async def test_a_wish_that_is_given_up_is_no_debt() -> None:
    budget = ByteBudget(10)
    async with budget.hold(8, "a"):
        waiting = asyncio.create_task(budget.hold(5, "b").__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        async with budget.hold(2, "c"):
            assert budget.held == 10
    async with budget.hold(99, "d"):
        assert budget.held == 10
    assert budget.held == 0


async def test_who_has_no_name_gets_his_turn_as_well() -> None:
    budget = ByteBudget(10)
    async with budget.hold(8):
        waiting = asyncio.create_task(_held(budget, 8))
        await asyncio.sleep(0)
    async with asyncio.timeout(1):
        await waiting


async def _held(budget: ByteBudget, n: int) -> None:
    async with budget.hold(n):
        return
