"""A worker stands still for three leases in the middle of everything: what it does later has no effect (P-01, P-20).

One worker is alone and is stopped when each of its tasks has reached a point of its own; the other one then does all
the work, and the first wakes up to finish requests and statements under leases that are void.
"""

import hashlib
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psutil
import psycopg
import pytest

from tests.e2e.site import AK, REGIONS, SK, Site, opened, until

LEASE = 3.0
HELD_MS = 12_000
SMALL, LARGE = 5_000, (17 << 20) + 1
# Objects of each task; one that is uploaded in parts is alone.
OBJECTS = 5

# At a request: which operation of which store is held there, for which keys, after how many others.
REQUESTS: dict[str, dict[str, Any]] = {
    "prepare: is the bucket there": {"side": "destination", "op": "head_bucket"},
    "a page of the listing": {"side": "source", "op": "list", "after": 1},
    "before GET": {"side": "source", "op": "get", "key": "1"},
    "in the middle of GET": {"side": "source", "op": "get", "key": "1", "stall_after": 100},
    "before PUT": {"side": "destination", "op": "put", "key": "1"},
    "creating an upload": {"side": "destination", "op": "initiate"},
    "a part": {"side": "destination", "op": "upload_part"},
    "completing an upload": {"side": "destination", "op": "complete"},
    "writing a list": {"side": "destination", "op": "put", "prefix": "oms/"},
}
# At a statement: which table's change waits. `lands`: it takes effect while nobody hears the answer, or never does.
STATEMENTS: dict[str, dict[str, Any]] = {
    "PUT done, its checkpoint lands unheard": {"on": "INSERT ON segment", "lands": True},
    "PUT done, its checkpoint is lost": {"on": "INSERT ON segment", "lands": False},
    "inside the transaction of a page": {"on": "INSERT ON unit", "lands": True},
    "an upload's id on its way": {"on": "UPDATE ON upload", "lands": False},
    "a part's acknowledgement on its way": {"on": "INSERT ON upload_part", "lands": False},
    "the end of the run": {"on": "UPDATE OF status ON task", "lands": False},
}
POINTS = (*REQUESTS, *STATEMENTS)
LARGE_POINTS = {
    "creating an upload", "a part", "completing an upload", "an upload's id on its way",
    "a part's acknowledgement on its way",
}  # fmt: skip

# The trigger waits for a lock that the test holds; the other worker's statements find it free. A task is known by its
# source bucket, `left-N`.
TRIGGERS = """
CREATE TABLE hold (n integer, tab text);
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE found bigint; waits integer;
BEGIN
  IF TG_TABLE_NAME = 'task' THEN found := NEW.id;
  ELSIF TG_TABLE_NAME = 'upload_part' THEN SELECT task_id INTO found FROM upload WHERE id = NEW.upload;
  ELSE found := NEW.task_id; END IF;
  SELECT h.n INTO waits FROM hold h JOIN task t ON t.spec #>> '{source,bucket}' = 'left-' || h.n
   WHERE t.id = found AND h.tab = TG_TABLE_NAME;
  IF waits IS NOT NULL AND NOT (TG_TABLE_NAME = 'task' AND to_jsonb(NEW) ->> 'status' <> '5') THEN
    PERFORM pg_advisory_xact_lock(4711, waits);
  END IF;
  RETURN NEW;
END $$;"""
TRIGGER = "CREATE TRIGGER hold BEFORE {on} FOR EACH ROW EXECUTE FUNCTION hold();"
WAITING = """
SELECT l.objid::int AS point, l.pid FROM pg_locks l
 WHERE l.locktype = 'advisory' AND l.classid = 4711 AND NOT l.granted"""
LEDGER = """
SELECT 'task' AS what, t.id::text, t.status::text || ' ' || t.version AS x FROM task t
UNION ALL SELECT 'counter', task_id::text, sum(listed) || ' ' || sum(ok) || ' ' || sum(skip) || ' ' || sum(fail)
            FROM counter GROUP BY task_id
UNION ALL SELECT 'unit', id::text, state || ' ' || epoch || ' ' || seq || ' ' || done::text FROM unit
UNION ALL SELECT 'range', id::text, state || ' ' || epoch || ' ' || page_no FROM key_range
UNION ALL SELECT 'run', task_id::text, phase || ' ' || epoch FROM run
UNION ALL SELECT 'record', id::text, state || ' ' || epoch || ' ' || coalesce(encode(sha256, 'hex'), '') FROM record
UNION ALL SELECT 'upload', id::text, state || ' ' || coalesce(upload_id, '') FROM upload
UNION ALL SELECT 'segment', id::text, kind || ' ' || n FROM segment ORDER BY 1, 2"""


def body(point: int, number: int, *, large: bool) -> bytes:
    return hashlib.shake_128(b"%d/%d" % (point, number)).digest(LARGE if large else SMALL)


@dataclass
class Stage:
    """What the stop has left behind."""

    site: Site
    tasks: dict[str, int]
    before: list[tuple[Any, ...]]
    after: list[tuple[Any, ...]]
    reached: set[str]
    stood_still: float
    log: str


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The play: one worker at all points, stopped, replaced, awake again."""
    environment = {"OMS_LEASE_SECONDS": str(LEASE), "OMS_SLOTS": "40", "OMS_POLL_SECONDS": "1"}
    with opened(tmp_path_factory.mktemp("stopped"), environment=environment) as site:
        second, first = worker(site, "worker-2"), worker(site, "worker-1")
        second.send_signal(signal.SIGSTOP)
        tasks = {point: number_of(point) for point in POINTS}
        with psycopg.connect(site.database_url, autocommit=True) as holder:
            set_triggers(holder)
            ids = {point: begin(site, point, number) for point, number in tasks.items()}
            reached = wait_for_all(site, tasks)
            first.send_signal(signal.SIGSTOP)
            stopped_at = time.monotonic()
            let_go(site, holder)
        second.send_signal(signal.SIGCONT)
        for task_id in ids.values():
            site.wait(task_id, seconds=60)
        # Held requests have been carried out by now, after those of the other worker.
        time.sleep(max(0.0, stopped_at + max(3 * LEASE, HELD_MS / 1000) + 0.5 - time.monotonic()))
        before = rows(site)
        first.send_signal(signal.SIGCONT)
        stood_still = time.monotonic() - stopped_at
        time.sleep(2 * LEASE)
        log = (site.root / "data/logs/worker-1.log").read_text()
        yield Stage(site, ids, before, rows(site), reached, stood_still, log)


def number_of(point: str) -> int:
    return POINTS.index(point) + 1


def worker(site: Site, name: str) -> psutil.Process:
    return next(
        one for one in site.processes("cli.main worker") if f"--name {name}" in " ".join(one.cmdline())
    )


def rows(site: Site) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in site.rows(LEDGER)]


def begin(site: Site, point: str, number: int) -> int:
    """A task between buckets of its own that will stop at its point."""
    large = point in LARGE_POINTS
    left, right = f"left-{number}", f"right-{number}"
    site.source.create_bucket(left)
    site.destination.create_bucket(right)
    for n in range(1 if large else OBJECTS):
        site.source.put(left, b"%d" % n, body(number, n, large=large))
    node = site.request()
    request = {
        "src_node": node["src_node"] | {"bucket": left},
        "dst_node": {"region": REGIONS[1], "ak": AK, "sk": SK, "bucket": right},
    }
    if point in REQUESTS:
        what = dict(REQUESTS[point])
        server = getattr(site, what.pop("side"))
        held = {"stall": HELD_MS / 1000} if "stall_after" in what else {"delay_ms": HELD_MS}
        server.faults.add(bucket=left if server is site.source else right, times=1, **what, **held)
    return site.create(**request)


def set_triggers(holder: psycopg.Connection[Any]) -> None:
    """Statements at the points wait from now on."""
    holder.execute(TRIGGERS)
    for point, what in STATEMENTS.items():
        holder.execute("INSERT INTO hold VALUES (%s, %s)", [number_of(point), table_of(what["on"])])
        holder.execute("SELECT pg_advisory_lock(4711, %s)", [number_of(point)])
    for on in {what["on"] for what in STATEMENTS.values()}:
        holder.execute(TRIGGER.format(on=on).encode())


def table_of(on: str) -> str:
    return on.rpartition(" ")[2]


def wait_for_all(site: Site, tasks: dict[str, int]) -> set[str]:
    """Every point has been reached: requests are held, statements wait."""

    def reached() -> list[str]:
        waiting = {row["point"] for row in site.rows(WAITING)}
        found = [point for point in STATEMENTS if tasks[point] in waiting]
        acted = {
            fault["bucket"]: fault["acted"]
            for server in (site.source, site.destination)
            for fault in server.faults.all()
        }
        for point in REQUESTS:
            side = "left" if REQUESTS[point]["side"] == "source" else "right"
            if acted.get(f"{side}-{tasks[point]}"):
                found.append(point)
        return found

    return set(until(reached, lambda found: len(found) == len(POINTS), 9))


def let_go(site: Site, holder: psycopg.Connection[Any]) -> None:
    """Statements that land are let through, the others are cut off with their session; nothing is held then."""
    for row in site.rows(WAITING):
        if not STATEMENTS[POINTS[row["point"] - 1]]["lands"]:
            holder.execute("SELECT pg_terminate_backend(%s)", [row["pid"]])
    until(lambda: len(site.rows(WAITING)), lambda n: n == sum(one["lands"] for one in STATEMENTS.values()), 5)
    holder.execute("SELECT pg_advisory_unlock_all()")
    until(lambda: len(site.rows(WAITING)), lambda n: n == 0, 5)


def test_the_worker_stood_at_every_point_for_three_leases(stage: Stage) -> None:
    assert stage.reached == set(POINTS)
    assert stage.stood_still >= 3 * LEASE
    print(f"{len(POINTS)} points, {stage.stood_still:.1f} s")


@pytest.mark.parametrize("point", POINTS)
def test_the_task_ends_as_if_nobody_had_stopped(stage: Stage, point: str) -> None:
    site, task_id, number = stage.site, stage.tasks[point], number_of(point)
    large = point in LARGE_POINTS
    count = 1 if large else OBJECTS
    ended = site.task(task_id)
    assert (ended["status"], ended["total_num"], ended["failed_num"]) == (5, count, 0)
    assert ended["successful_num"] + ended["skipped_num"] == count
    keys = [key for key in site.destination.keys(f"right-{number}") if not key.startswith(b"oms/")]
    assert keys == [b"%d" % n for n in range(count)]
    for n in range(count):
        assert site.destination.get(f"right-{number}", b"%d" % n) == body(number, n, large=large)
    assert site.destination.uploads(f"right-{number}") == []


def test_what_the_worker_wrote_after_it_woke_up_has_changed_nothing(stage: Stage) -> None:
    """Not one row of tasks, counters, units, ranges, lists, uploads or segments."""
    assert stage.after == stage.before
    assert "lease_lost" in stage.log
    # Statements and sessions that the play itself held or cut off are no failures of the worker.
    cut_off = ("hold()", "server closed the connection", "terminating connection", "due to lock timeout")
    failed = [line for line in stage.log.splitlines() if "job_failed" in line]
    assert [line for line in failed if not any(words in line for words in cut_off)] == []
    assert stage.site.task(next(iter(stage.tasks.values())))["status"] == 5
