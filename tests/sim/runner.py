"""Running seeds: one, or many side by side, and what they saw."""

import asyncio
import gc
import logging
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tests.sim.loop import START, Stuck, VirtualLoop
from tests.sim.sizes import shrink
from tests.sim.watch import Watch
from tests.sim.world import World

CHUNK = 25
MOST_REAL_SECONDS = 60.0


@dataclass(slots=True)
class Result:
    """What came of a seed. `trace` is equal for equal runs."""

    seed: int
    violations: list[tuple[str, str]]
    seen: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    virtual_seconds: float = 0.0
    calls: int = 0
    trace: str = ""


def run_seed(seed: int, off: frozenset[str] = frozenset()) -> Result:
    """One seed, in this process."""
    shrink()
    loop = VirtualLoop()
    world = World(seed, loop, off)
    watch = Watch(world.checks)
    logger = logging.getLogger("workers.transfer")
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    logger.addHandler(watch)
    try:
        loop.run_until_complete(asyncio.wait_for(world.run(), 100_000))
    except Stuck:
        world.checks.complain("P-23", "everybody waits for everybody")
    finally:
        logger.removeHandler(watch)
        _forget(loop)
    ends = Counter(one.status.name for one in world.model.tasks.values()) or Counter({"removed": 1})
    trace = f"{loop.steps} {loop.time():.6f} {sorted(world.weather.seen.items())} {sorted(ends.items())}"
    return Result(
        seed, world.checks.violations, world.weather.seen, ends, loop.time() - START, loop.steps, trace
    )


def _forget(loop: VirtualLoop) -> None:
    """What still waits in a finished world waits for nothing."""
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # no public way
    loop.close()


def _run_some(given: tuple[list[int], frozenset[str]]) -> list[Result]:
    seeds, off = given
    gc.disable()
    results = [run_seed(seed, off) for seed in seeds]
    gc.collect()
    return results


def run_many(seeds: Iterable[int], *, jobs: int, off: frozenset[str] = frozenset()) -> Iterator[Result]:
    """All seeds, on `jobs` processes, in any order."""
    wanted = list(seeds)
    chunks = [(wanted[start : start + CHUNK], off) for start in range(0, len(wanted), CHUNK)]
    if jobs == 1:
        for chunk in chunks:
            yield from _run_some(chunk)
        return
    context = multiprocessing.get_context("fork")
    with context.Pool(jobs, maxtasksperchild=20) as pool:
        for results in pool.imap_unordered(_run_some, chunks):
            yield from results


def cores() -> int:
    """How many run at once."""
    return max(1, len(os.sched_getaffinity(0)))


def clock() -> float:
    """Real seconds."""
    return time.perf_counter()
