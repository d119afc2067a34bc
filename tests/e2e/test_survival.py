"""Processes die at random moments: the task ends as if nothing had happened (P-11 to P-14, P-21, P-22, P-36)."""

import hashlib
import random
import signal
from pathlib import Path

import psutil
import pytest

from tests.e2e.site import Site, opened, until

OBJECTS, SIZE = 3_000, 20_000
LARGE = 40 << 20
DEATHS = 5
# What a dead worker held is free after these seconds, not after twenty.
QUICK_LEASE = {"OMS_LEASE_SECONDS": "5"}


def filled(site: Site) -> int:
    """3,000 small objects and two of several parts; the bytes of all."""
    for n in range(OBJECTS):
        site.source.put("from", b"small/%05d" % n, hashlib.shake_128(b"%d" % n).digest(SIZE))
    for n in range(2):
        site.source.put("from", b"large/%d" % n, hashlib.shake_128(b"L%d" % n).digest(LARGE))
    return OBJECTS * SIZE + 2 * LARGE


def all_workers(site: Site) -> None:
    site.kill("worker")


def one_worker(site: Site) -> None:
    site.kill("worker", most=1)


def redis(site: Site) -> None:
    site.kill("redis-server")


def postgres(site: Site) -> None:
    """An immediate shutdown, as `pg_ctl -m immediate` sends it to the postmaster."""
    site.kill("postgres -D", signal.SIGQUIT)


@pytest.mark.parametrize("death", [one_worker, all_workers, redis, postgres])
def test_five_deaths_in_one_run(tmp_path: Path, death) -> None:  # type: ignore[no-untyped-def]
    rng = random.Random(death.__name__)
    slow = {"latency_ms": 150}
    with opened(tmp_path, source=slow, destination=slow, environment=QUICK_LEASE) as site:
        total = filled(site)
        site.source.reset_counters()
        task_id = site.create()
        # Random moments of the work, so that no machine is too quick for them.
        for read in sorted(rng.sample(range(20, OBJECTS * 3 // 4), DEATHS)):
            until(lambda: site.source.counters().requests("get"), lambda gets, read=read: gets >= read, 60)
            death(site)
        ended = site.wait(task_id, seconds=120)
        assert (ended["status"], ended["error_reason"]) == (5, None)
        assert (ended["total_num"], ended["failed_num"]) == (OBJECTS + 2, 0)
        site.assert_copied()
        site.assert_adds_up(task_id)
        sent = site.source.counters().bytes_out("get")
        # Each death may repeat what was in the air: the windows' objects and four parts a large object.
        in_flight = 2 * 512 * SIZE + 2 * 4 * (16 << 20)
        print(f"{death.__name__}: {sent - total} bytes sent again, {in_flight} a death allowed")
        assert sent - total <= DEATHS * in_flight


def test_kill_of_oms_up_ends_all_and_the_next_start_goes_on(tmp_path: Path) -> None:
    slow = {"latency_ms": 100}
    with opened(tmp_path, source=slow, destination=slow, environment=QUICK_LEASE) as site:
        filled(site)
        task_id = site.create()
        until(lambda: site.task(task_id), lambda task: task["successful_num"] > 100, 30)
        family = psutil.Process(site.engine.process.pid).children(recursive=True)
        site.engine.process.kill()
        site.engine.process.wait()
        gone, alive = psutil.wait_procs(family, timeout=5)
        assert (len(gone) > 5, alive) == (True, [])
        site.engine.begin()
        assert site.wait(task_id, seconds=90)["status"] == 5
        site.assert_copied()
        site.assert_adds_up(task_id)
