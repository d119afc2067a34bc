"""Whom the dispatcher wakes."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from ledger.dispatch import Due
from ledger.values import TaskId
from workers.broker.app import QueueName
from workers.tasks.dispatcher import MOST_RINGS, Dispatcher


class Board:
    """A ledger in which nothing happens but that tasks are due."""

    def __init__(self, promoted: Sequence[Due], due: Sequence[Due], workers: int) -> None:
        self._promoted, self._due, self._workers = promoted, due, workers

    @asynccontextmanager
    async def election(self) -> AsyncIterator[bool]:
        yield True

    async def promote(self) -> Sequence[Due]:
        return self._promoted

    async def settle(self) -> bool:
        return False

    async def expire_waiting(self) -> None: ...

    async def due(self) -> Sequence[Due]:
        return self._due

    async def workers(self) -> int:
        return self._workers


class Bell:
    """Keeps what was rung for."""

    def __init__(self) -> None:
        self.rung: list[tuple[str, int | None]] = []

    async def ring(self, queue: str, task_id: int | None) -> bool:
        self.rung.append((queue, task_id))
        return True


ONE, TWO = Due(TaskId(1), 1), Due(TaskId(2), 0)


@pytest.mark.parametrize(
    ("promoted", "due", "workers", "rung"),
    [
        ((), (), 4, []),
        ((ONE,), (), 0, [1]),
        ((ONE,), (), 1, [1]),
        ((ONE,), (), 3, [1, 1, 1]),
        ((ONE,), (TWO,), 1, [2, 1]),
        ((ONE,), (TWO,), 3, [2, 1, 2]),
        ((ONE,), (), 100, [1] * MOST_RINGS),
    ],
)
async def test_every_worker_may_hear_of_work(
    promoted: tuple[Due, ...], due: tuple[Due, ...], workers: int, rung: list[int]
) -> None:
    bell = Bell()
    await Dispatcher(Board(promoted, due, workers), bell).once()
    assert [task_id for _, task_id in bell.rung] == rung


async def test_a_ring_goes_where_its_task_has_its_place() -> None:
    bell = Bell()
    await Dispatcher(Board((ONE, TWO), (), 0), bell).once()
    assert [queue for queue, _ in bell.rung] == [
        QueueName.of_priority(one.priority).value for one in (TWO, ONE)
    ]
