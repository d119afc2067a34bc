"""The commands that a cluster starts: `celery -A workers.tasks worker`, `oms worker`, `oms beat`."""

import signal
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest
import redis

from tests.workers.processes import Process, Rows, open_rows, process, until
from tests.workers.servers import MortalRedis, mortal_redis

CELERY = ["-m", "celery", "-A", "workers.tasks", "worker"]


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    with open_rows(database_url) as found:
        yield found


@pytest.fixture
def server() -> Iterator[MortalRedis]:
    with mortal_redis() as found:
        yield found


@pytest.fixture
def environment(database_url: str, server: MortalRedis, tmp_path: Path) -> dict[str, str]:
    key = tmp_path / "master.key"
    key.write_text("a" * 43 + "=\n")
    return {"OMS_DATABASE_URL": database_url, "OMS_REDIS_URL": server.url, "OMS_MASTER_KEY_FILE": str(key)}


def promoted_and_stopped(worker: Process, rows: Rows) -> None:
    """A waiting task gets its slot, and SIGTERM ends the worker in good order."""
    worker.wait_for("worker_started")
    rows.add_task(1, status=1)
    until(lambda: rows.one("SELECT status FROM task") == 2, 5)
    status, seconds = worker.end(signal.SIGTERM)
    assert status == 0
    assert seconds < 4
    assert rows.one("SELECT count(*) FROM worker") == 0


def test_celery_starts_a_worker_without_any_option(
    rows: Rows, environment: Mapping[str, str], tmp_path: Path
) -> None:
    with process(CELERY, environment, tmp_path, "celery") as worker:
        promoted_and_stopped(worker, rows)
    text = worker.log.read_text()
    assert "(thread)" in text, "the threads pool is the app's choice"
    assert "mingle" not in text


def test_oms_worker_runs_under_its_name(rows: Rows, environment: Mapping[str, str], tmp_path: Path) -> None:
    command = ["-P", "-m", "cli.main", "worker", "--name", "worker-7"]
    with process(command, environment, tmp_path, "oms") as worker:
        worker.wait_for("worker_started")
        until(lambda: rows.one("SELECT count(*) FROM worker WHERE name = 'worker-7'") == 1, 5)
        promoted_and_stopped(worker, rows)


def test_a_worker_without_a_database_says_what_is_missing(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with process(CELERY, {**environment, "OMS_DATABASE_URL": ""}, tmp_path, "celery") as worker:
        assert worker.child.wait(20) != 0
    assert "OMS_DATABASE_URL is not set" in worker.log.read_text()


def test_the_scheduler_dispatches_and_rings(
    rows: Rows, server: MortalRedis, environment: Mapping[str, str], tmp_path: Path
) -> None:
    with process(["-P", "-m", "cli.main", "beat"], environment, tmp_path, "beat") as beat:
        beat.wait_for("beat_started")
        rows.add_task(1, status=1)
        until(lambda: rows.one("SELECT status FROM task") == 2, 8)
        with redis.Redis.from_url(server.url) as client:
            until(lambda: client.llen("control") > 0, 8)
        status, seconds = beat.end(signal.SIGTERM)
    assert status == 0
    assert seconds < 3


def test_the_scheduler_bears_the_loss_of_redis(
    rows: Rows, server: MortalRedis, environment: Mapping[str, str], tmp_path: Path
) -> None:
    with process(["-P", "-m", "cli.main", "beat"], environment, tmp_path, "beat") as beat:
        beat.wait_for("beat_started")
        server.kill()
        rows.add_task(1, status=1)
        until(lambda: rows.one("SELECT status FROM task") == 2, 8)
        time.sleep(1)
        assert beat.child.poll() is None


def paused(rows: Rows, task: int) -> bool:
    return bool(rows.one("SELECT status = 3 FROM task WHERE id = %s", task))


def test_a_pausing_task_is_paused_within_half_a_second_of_its_last_lease(
    rows: Rows, environment: Mapping[str, str], tmp_path: Path
) -> None:
    tasks = range(1, 6)
    for task in tasks:
        rows.add_task(task, units=1)
    rows.run(
        "UPDATE unit SET state = 'leased', claim_id = gen_random_uuid(),"
        " lease_until = clock_timestamp() + interval '1 hour'"
    )
    rows.run("UPDATE task SET status = 7, desired = 'pause'")
    with process(CELERY, environment, tmp_path, "celery") as worker:
        worker.wait_for("worker_started")
        time.sleep(2)
        for task in tasks:
            assert rows.one("SELECT status FROM task WHERE id = %s", task) == 7
            time.sleep(0.37)
            rows.run("UPDATE unit SET state = 'ready', lease_until = 'epoch' WHERE task_id = %s", task)
            assert until(partial(paused, rows, task), 3) < 0.5


def test_the_outbox_is_passed_on_and_marked(
    rows: Rows, environment: Mapping[str, str], tmp_path: Path
) -> None:
    rows.run("INSERT INTO outbox (dedupe_key, topic, payload) VALUES ('w', 'wake', '{\"task_id\": 1}')")
    rows.run("INSERT INTO outbox (dedupe_key, topic, payload) VALUES ('n', 'notify', '{}')")
    with process(CELERY, environment, tmp_path, "celery") as worker:
        worker.wait_for("worker_started")
        until(lambda: rows.one("SELECT count(*) FROM outbox WHERE sent_at IS NOT NULL") == 1, 5)
    assert rows.one("SELECT topic FROM outbox WHERE sent_at IS NOT NULL") == "wake"


def test_a_worker_whose_database_is_away_starts_and_ends_all_the_same(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    away = {**environment, "OMS_DATABASE_URL": f"postgresql://oms@/oms?host={tmp_path}"}
    with process(CELERY, away, tmp_path, "celery") as worker:
        worker.wait_for("worker_started")
        time.sleep(2)
        assert worker.child.poll() is None
        status, seconds = worker.end(signal.SIGTERM)
    assert status == 0
    assert seconds < 7
