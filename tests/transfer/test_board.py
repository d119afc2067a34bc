"""The tasks of one process: a start is the context of one set of keys, and what has ended leaves nothing open."""

import random

from ledger.values import OpenWork, TaskFacts, TaskId
from tests.transfer.world import LocalStores, RealClock, World
from workers.transfer.board import Board
from workers.transfer.ports import StorePair


class Counted(LocalStores):
    """Counts how often a task's stores are opened, and keeps what was forgotten."""

    def __init__(self, world: World) -> None:
        super().__init__(world.stores.wire, world.stores.endpoints, world.stores.keys)
        self.opened = 0
        self.forgotten: list[StorePair] = []

    async def open(self, facts: TaskFacts) -> StorePair:
        self.opened += 1
        return await super().open(facts)

    async def forget(self, pair: StorePair) -> None:
        self.forgotten.append(pair)


async def boarded(world: World) -> tuple[Board, Counted, TaskId]:
    """A board with one open task."""
    stores = Counted(world)
    board = Board(world.ledger, stores, world.throttle, RealClock(), random.Random(1), world.limits)
    task_id = await world.task()
    board.see([OpenWork(task_id, 1, "p1", False, 1, 0, 0, 0, False, False)])
    return board, stores, task_id


async def start_again(world: World, task_id: TaskId) -> None:
    """Paused and started, between two looks."""
    await world.pool.execute(
        "UPDATE task SET version = version + 2, starts = starts + 1 WHERE id = %s", [task_id]
    )


async def test_a_task_that_was_started_again_gets_its_new_credentials(world: World) -> None:
    board, stores, task_id = await boarded(world)
    for _ in range(2):
        async with board.using(task_id):
            pass
    assert stores.opened == 1
    await start_again(world, task_id)
    async with board.using(task_id) as context:
        assert not context.stopping.is_set()
    assert stores.opened == 2


async def test_who_lingers_under_the_keys_of_an_earlier_start_keeps_nobody_from_the_new_ones(
    world: World,
) -> None:
    board, stores, task_id = await boarded(world)
    async with board.using(task_id) as lingering:
        await start_again(world, task_id)
        async with board.using(task_id) as fresh:
            assert lingering.stopping.is_set()
            assert (fresh.stopping.is_set(), fresh.pair is lingering.pair) == (False, False)
            await board.refresh()
            assert not fresh.stopping.is_set()
        assert stores.forgotten == []
    assert [pair is lingering.pair for pair in stores.forgotten] == [True]
    async with board.using(task_id) as kept:
        assert kept is fresh
    assert stores.opened == 2


async def test_a_new_limit_or_priority_opens_no_stores_again(world: World) -> None:
    board, stores, task_id = await boarded(world)
    async with board.using(task_id):
        pass
    await world.pool.execute(
        """UPDATE task SET version = version + 1, priority = 0,
                  bandwidth = '[{"start": "00:00", "end": "23:59", "max_bandwidth": 1048576}]' WHERE id = %s""",
        [task_id],
    )
    await board.refresh()
    async with board.using(task_id) as context:
        assert context.rate() == 1 << 20
    assert stores.opened == 1


async def test_stores_of_a_task_that_has_ended_are_forgotten(world: World) -> None:
    board, stores, task_id = await boarded(world)
    async with board.using(task_id) as context:
        pass
    await world.pool.execute("UPDATE task SET status = 3, version = version + 1 WHERE id = %s", [task_id])
    await board.refresh()
    assert [pair is context.pair for pair in stores.forgotten] == [True]
