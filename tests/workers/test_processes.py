"""Worker processes: messages alone, polling alone, a dying Redis, SIGTERM, a blocked loop."""

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.workers.processes import Process, Rows, open_rows, process, until
from tests.workers.servers import MortalRedis, mortal_redis, tcp_redis
from workers.broker.doorbell import Doorbell

Start = Callable[..., Process]


def ring(url: str) -> None:
    bell = Doorbell(url)
    assert asyncio.run(bell.ring("high", 1))
    bell.close()


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    with open_rows(database_url) as found:
        yield found


@pytest.fixture
def server() -> Iterator[MortalRedis]:
    with mortal_redis() as found:
        yield found


@pytest.fixture
def start(database_url: str, tmp_path: Path) -> Iterator[Start]:
    """Starts stand-in workers that are killed at the end."""
    key = tmp_path / "master.key"
    key.write_text("a" * 43 + "=\n")
    with ExitStack() as stack:

        def begin(url: str, name: str = "w1", unit_seconds: float = 0.05, **more: object) -> Process:
            environment = {
                "OMS_DATABASE_URL": database_url,
                "OMS_REDIS_URL": url,
                "OMS_MASTER_KEY_FILE": str(key),
                "OMS_LEASE_SECONDS": "20",
                **{name: str(value) for name, value in more.items()},
            }
            command = ["-m", "tests.workers.standin", name, str(unit_seconds)]
            started = stack.enter_context(process(command, environment, tmp_path, name))
            started.wait_for("worker_started")
            return started

        yield begin


def test_messages_alone_do_all_work(rows: Rows, server: MortalRedis, start: Start) -> None:
    start(server.url, OMS_POLL_SECONDS=0)
    rows.add_task(1, units=20)
    ring(server.url)
    until(lambda: rows.done() == 20, 5)


def test_messages_come_over_tcp_and_from_a_numbered_database_too(rows: Rows, start: Start) -> None:
    with tcp_redis() as url:
        start(url, OMS_POLL_SECONDS=0)
        rows.add_task(1, units=8)
        ring(url)
        until(lambda: rows.done() == 8, 4)


def test_work_that_nobody_rang_for_is_rung_for_again(rows: Rows, server: MortalRedis, start: Start) -> None:
    start(server.url, OMS_POLL_SECONDS=0)
    time.sleep(1)
    rows.add_task(1, units=20)
    until(lambda: rows.done() == 20, 15)


def test_without_messages_and_polling_nothing_moves(rows: Rows, start: Start) -> None:
    with mortal_redis(started=False) as absent:
        start(absent.url, OMS_POLL_SECONDS=0)
        rows.add_task(1, units=4)
        time.sleep(7)
    assert rows.done() == 0


def test_polling_alone_does_all_work_while_redis_is_dead(rows: Rows, start: Start) -> None:
    with mortal_redis(started=False) as absent:
        worker = start(absent.url, OMS_POLL_SECONDS=1)
        rows.add_task(1, units=20)
        until(lambda: rows.done() == 20, 8)
        status, seconds = worker.end(signal.SIGTERM)
    assert status == 0
    assert seconds < 4


def test_a_worker_attaches_to_a_redis_that_comes_late(rows: Rows, start: Start) -> None:
    with mortal_redis(started=False) as late:
        start(late.url, OMS_POLL_SECONDS=0)
        time.sleep(3)
        late.start()
        rows.add_task(1, units=8)
        until(lambda: rows.done() == 8, 25)


def test_a_killed_redis_stops_nothing_and_is_attached_again(
    rows: Rows, server: MortalRedis, start: Start
) -> None:
    start(server.url, unit_seconds=0.3, OMS_POLL_SECONDS=1)
    rows.add_task(1, units=60)
    until(lambda: rows.done() >= 8, 10)
    server.kill()
    before = rows.done()
    time.sleep(3)
    assert rows.done() > before
    server.start()
    until(lambda: rows.done() == 60, 15)


def test_messages_alone_work_again_after_redis_was_killed(
    rows: Rows, server: MortalRedis, start: Start
) -> None:
    start(server.url, OMS_POLL_SECONDS=0)
    rows.add_task(1, units=4)
    until(lambda: rows.done() == 4, 10)
    server.kill()
    time.sleep(2)
    server.start()
    rows.add_units(1, 4)
    until(lambda: rows.done() == 8, 40)


@pytest.mark.parametrize("before", ["nothing", "kill", "freeze"])
def test_sigterm_releases_all_leases_within_three_seconds(
    rows: Rows, server: MortalRedis, start: Start, before: str
) -> None:
    if before != "nothing":
        getattr(server, before)()
    worker = start(server.url, unit_seconds=600, OMS_POLL_SECONDS=1)
    rows.add_task(1, units=10)
    until(lambda: rows.leased() > 0, 10)
    worker.child.send_signal(signal.SIGTERM)
    assert until(lambda: rows.leased() == 0, 3) < 3
    assert worker.child.wait(5) == 0
    assert rows.one("SELECT count(*) FROM unit WHERE state = 'ready'") == 10
    assert rows.one("SELECT count(*) FROM worker") == 0


def test_a_second_sigterm_changes_nothing(rows: Rows, server: MortalRedis, start: Start) -> None:
    worker = start(server.url, unit_seconds=600, OMS_POLL_SECONDS=1)
    rows.add_task(1, units=10)
    until(lambda: rows.leased() > 0, 10)
    worker.child.send_signal(signal.SIGTERM)
    time.sleep(0.05)
    status, _ = worker.end(signal.SIGTERM)
    assert status == 0
    assert rows.leased() == 0


def test_the_watchdog_ends_a_process_whose_loop_is_blocked(
    rows: Rows, server: MortalRedis, start: Start, tmp_path: Path
) -> None:
    file = tmp_path / "last_loop"
    worker = start(server.url, OMS_WATCHDOG_SECONDS=2, OMS_LAST_LOOP_FILE=file)
    time.sleep(3)
    assert worker.child.poll() is None
    assert time.time() - file.stat().st_mtime < 1
    status, seconds = worker.end(signal.SIGWINCH)
    assert status == 70
    assert 1.5 < seconds < 4
    assert worker.count("loop_stands_still") == 1


def test_a_stopped_and_continued_process_is_not_bitten(rows: Rows, server: MortalRedis, start: Start) -> None:
    worker = start(server.url, OMS_WATCHDOG_SECONDS=1)
    worker.child.send_signal(signal.SIGSTOP)
    time.sleep(3)
    worker.child.send_signal(signal.SIGCONT)
    time.sleep(2)
    assert worker.child.poll() is None


def test_two_workers_count_each_other(rows: Rows, server: MortalRedis, start: Start) -> None:
    start(server.url, "w1")
    start(server.url, "w2")
    until(lambda: rows.one("SELECT count(*) FROM worker") == 2, 10)
