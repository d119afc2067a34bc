"""Dashboards that look at a project of 10,000 tasks while a migration runs."""

import asyncio
import time
from pathlib import Path

import aiohttp
import psycopg
import pytest

from tests.e2e.site import Site, opened

TASKS = 10_000
RATE = 50
SECONDS = 20
MOST_MS = 100
LOOKS = 3

_FILL = """
INSERT INTO task (id, project_id, name, task_type, region, spec, status, created_at, first_started_at, ended_at,
                  running_ms)
SELECT 100000000000000 + n, t.project_id, 'from-into-' || n, t.task_type, t.region, t.spec, 5,
       t.created_at - n * interval '1 s', t.created_at - n * interval '1 s', t.created_at, 1000
  FROM task t, generate_series(1, %(n)s) AS n WHERE t.id = %(like)s"""
_RUNS = """
INSERT INTO run (task_id, run_no, phase) SELECT id, 1, 'ended' FROM task
 WHERE id BETWEEN 100000000000000 AND 100000000999999"""
_COUNTERS = """
INSERT INTO counter (task_id, run_no, shard, listed, listed_bytes, ok, ok_bytes)
SELECT id, 1, s, 1000, 1000000, 1000, 1000000 FROM task, generate_series(0, 15) AS s
 WHERE id BETWEEN 100000000000000 AND 100000000999999"""


async def _look(site: Site, project_id: str, token: str) -> list[float]:
    """Seconds that each answer took; requests leave on time whether earlier ones are answered or not."""
    url = f"http://{site.engine._host}/v2/{project_id}/tasks"
    took: list[float] = []
    async with aiohttp.ClientSession(headers={"X-Auth-Token": token}) as session:

        async def get(n: int) -> None:
            query = {"limit": str((10, 10, 10, 50)[n % 4]), "offset": str((0, 100, 5000, 0)[n % 4])}
            began = time.monotonic()
            async with session.get(url, params=query) as answer:
                assert answer.status == 200
                assert (await answer.json())["count"] > TASKS
            took.append(time.monotonic() - began)

        begun, asked = time.monotonic(), []
        for n in range(RATE * SECONDS):
            await asyncio.sleep(max(0.0, begun + n / RATE - time.monotonic()))
            asked.append(asyncio.create_task(get(n)))
        await asyncio.gather(*asked)
    return sorted(took)


@pytest.mark.slow
def test_ten_thousand_tasks_are_listed_in_time_while_a_migration_runs(tmp_path: Path) -> None:
    with opened(tmp_path, source={"latency_ms": 20}, destination={"latency_ms": 20}) as site:
        first = site.create()
        site.wait(first)
        with psycopg.connect(site.database_url, autocommit=True) as connection:
            connection.execute(_FILL, {"n": TASKS, "like": first})
            connection.execute(_RUNS)
            connection.execute(_COUNTERS)
            connection.execute("VACUUM ANALYZE task, run, counter")
        for n in range(3000):
            site.source.put("from", b"%05d" % n, b"x" * 25_000)
        window = {"start": "00:00", "end": "23:59", "max_bandwidth": 1_048_576}
        running = site.create(bandwidth_policy=[window])
        site.wait(running, 2)
        # What else the machine does can only add to it: a quiet one of three looks is what the engine takes.
        slowest = [_p99(site, running)]
        while slowest[-1] >= MOST_MS and len(slowest) < LOOKS:
            slowest.append(_p99(site, running))
        assert min(slowest) < MOST_MS


def _p99(site: Site, running: int) -> float:
    """Of one look, in milliseconds; the migration has gone on meanwhile."""
    moved = site.task(running)["successful_num"]
    took = asyncio.run(_look(site, site.engine._project, site.engine._token))
    p50, p99 = (took[int(len(took) * share)] * 1000 for share in (0.5, 0.99))
    print(f"{len(took)} requests at {RATE}/s over {TASKS} tasks: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    assert site.task(running)["successful_num"] > moved
    return p99
