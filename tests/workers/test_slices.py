"""Slices and polling: one at a time, no wish lost, no spinning."""

import asyncio
import time
from random import Random

from workers.tasks.polling import Polling
from workers.tasks.slices import Slices


class Scripted:
    """Runs slices that last until told, and answers from a list."""

    def __init__(self, answers: list[bool]) -> None:
        self.answers = answers
        self.begun = 0
        self.at_once = 0
        self.go = asyncio.Event()

    async def run_slice(self, seconds: float) -> bool:
        self.begun += 1
        self.at_once += 1
        assert self.at_once == 1
        await self.go.wait()
        self.at_once -= 1
        return self.answers.pop(0)


async def test_a_wish_during_a_slice_is_served_by_the_next_one() -> None:
    worker = Scripted([False, False])
    slices = Slices(worker)
    first = asyncio.create_task(slices.run())
    await asyncio.sleep(0)
    late = [asyncio.create_task(slices.run()) for _ in range(5)]
    await asyncio.sleep(0.01)
    assert [one.done() for one in late] == [False, True, True, True, True], "one waits for all of them"
    worker.go.set()
    await asyncio.gather(first, *late)
    assert worker.begun == 2


async def test_work_that_cannot_be_claimed_yet_is_not_asked_for_in_a_spin() -> None:
    worker = Scripted([True] * 100)
    worker.go.set()
    slices, began = Slices(worker), time.monotonic()
    for _ in range(3):
        assert await slices.run()
    assert time.monotonic() - began >= 0.5


async def test_after_the_end_no_slice_begins() -> None:
    worker = Scripted([True, True])
    slices = Slices(worker)
    running, waiting = asyncio.create_task(slices.run()), asyncio.create_task(slices.run())
    await asyncio.sleep(0.01)
    slices.close()
    worker.go.set()
    assert not any(await asyncio.gather(running, waiting))
    assert worker.begun == 1


async def test_a_cancelled_wish_blocks_nobody() -> None:
    worker = Scripted([False, False])
    slices = Slices(worker)
    running, waiting = asyncio.create_task(slices.run()), asyncio.create_task(slices.run())
    await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    again = asyncio.create_task(slices.run())
    worker.go.set()
    await asyncio.gather(running, again)
    assert worker.begun == 2


async def test_polling_comes_back_at_once_soon_or_jittered() -> None:
    worker = Scripted([True, False, False])
    worker.go.set()
    slices = Slices(worker)
    polling = Polling(slices, 5.0, Random(1))
    assert await polling.turn() == 0.0, "work remains"
    assert 4.0 <= await polling.turn() <= 6.0
    slices.hinted()
    assert await polling.turn() == 0.2
