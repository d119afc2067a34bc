"""Nothing is lost while Postgres takes no writes, its disk is full, or a worker stands still for good (P-23, P-35)."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from tests.chaos.installation import DATA_BYTES, small_disk
from tests.e2e.site import Site, opened, until

OBJECTS = 1500
QUICK_LEASE = {"OMS_LEASE_SECONDS": "3"}
SLOW = {"latency_ms": 150}


def filled(site: Site) -> None:
    for n in range(OBJECTS):
        site.source.put("from", b"%04d" % n, b"%04d" % n * 100)


def shown(site: Site, task_id: int) -> dict[str, Any]:
    """The task; while Postgres starts again the API says that it cannot know."""
    try:
        return site.task(task_id)
    except (RuntimeError, OSError) as error:
        return {"status": None, "why": str(error)}


@contextmanager
def read_only(site: Site) -> Iterator[None]:
    """Postgres refuses every write."""
    url = site.database_url

    def switch(value: str) -> None:
        options = "-c default_transaction_read_only=off"
        with psycopg.connect(url, autocommit=True, options=options) as connection:
            connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}".encode())
            connection.execute("SELECT pg_reload_conf()")

    switch("on")
    try:
        yield
    finally:
        switch("off")


@contextmanager
def disk_full(site: Site) -> Iterator[None]:
    """The file system that holds Postgres has no byte left."""
    filler = site.root / "data" / "filler"
    try:
        with filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 20))
    except OSError:
        yield
    finally:
        filler.unlink()


@pytest.mark.parametrize("broken", [read_only, disk_full])
def test_a_database_that_takes_no_writes_stops_claims_and_loses_nothing(tmp_path: Path, broken) -> None:  # type: ignore[no-untyped-def]
    with (
        small_disk(tmp_path / "data", DATA_BYTES) as small,
        opened(tmp_path, source=SLOW, destination=SLOW, environment=QUICK_LEASE) as site,
    ):
        if broken is disk_full and not small:
            print("not shown: no right to mount a small disk here")
            broken = read_only
        filled(site)
        task_id = site.create()
        until(lambda: site.task(task_id), lambda task: task["successful_num"] > 50, 60)
        with broken(site):
            time.sleep(6)
            # Whoever held something has let go of it by now, and nobody has been able to take anything.
            began = site.source.counters().requests("get")
            time.sleep(4)
            # A full disk takes what fits into pages that are there: leases may go on, and copying with them.
            assert broken is disk_full or site.source.counters().requests("get") == began
        ended = until(lambda: shown(site, task_id), lambda task: task["status"] in (4, 5), 150)
        assert (ended["status"], ended["successful_num"] + ended["skipped_num"], ended["failed_num"]) == (
            5,
            OBJECTS,
            0,
        )
        site.assert_copied()
        site.assert_adds_up(task_id)


def test_a_worker_that_stands_still_for_good_is_replaced(tmp_path: Path) -> None:
    """A process that is stopped cannot end itself; one that only has much to do is left alone."""
    environment = QUICK_LEASE | {"OMS_WATCHDOG_SECONDS": "5"}
    with opened(tmp_path, source=SLOW, destination=SLOW, environment=environment) as site:
        filled(site)
        task_id = site.create()
        until(lambda: site.task(task_id), lambda task: task["successful_num"] > 50, 60)
        workers = {one.pid: one for one in site.processes("cli.main worker")}
        stopped, *others = workers.values()
        stopped.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        psutil.wait_procs([stopped], timeout=60)
        took = time.monotonic() - began
        assert not stopped.is_running()
        until(
            lambda: len({one.pid for one in site.processes("cli.main worker")} - {stopped.pid}),
            lambda n: n == 2,
            30,
        )
        assert site.wait(task_id, seconds=120)["status"] == 5
        assert all(one.is_running() for one in others)
        assert took > 5
        site.assert_copied()
        site.assert_adds_up(task_id)
        print(f"ended after {took:.1f} s")
