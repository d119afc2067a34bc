"""Which task runs next, and what becomes of tasks that are to stop: for the dispatcher, any number of them at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.rows import DictRow

from engine.states import TaskEvent, TaskStatus, advance
from ledger.control import OPEN_WORK
from ledger.endings import Ending, end
from ledger.pool import Connection, Pool, execute, fetch_all, fetch_one
from ledger.rows import RESTING
from ledger.values import TaskId
from ledger.voiding import FORGET_WORKER, LIVE, VOID_EXPIRED, VOID_WORKER

WAITED_TOO_LONG = "TRF.0003"
WAITING_DAYS = 30
ALIVE_SECONDS = 15.0

# One after the other: each must see the slots that the one before has filled. Tasks that only list for their group
# have slots of their own, so that a listing and what it finds never wait for each other.
PROMOTION = "SELECT pg_advisory_xact_lock(7105002)"
PROMOTE = f"""
WITH running AS (
  SELECT project_id, region, scanner, count(*) AS n FROM task t
   WHERE status IN (2, 6, 7) AND sync_id IS NULL AND NOT {RESTING}
   GROUP BY project_id, region, scanner),
waiting AS (
  SELECT id, project_id, region, scanner,
         row_number() OVER (PARTITION BY project_id, region, scanner ORDER BY priority, queued_at, id) AS place
    FROM task WHERE status = 1),
chosen AS (
  SELECT w.id FROM waiting w LEFT JOIN running r ON r.project_id = w.project_id AND r.region = w.region
   AND r.scanner = w.scanner
   WHERE w.place <= %(slots)s - coalesce(r.n, 0)),
promoted AS (
  UPDATE task t SET status = 2, desired = 'run', fatal_code = NULL, fatal_message = NULL, error_code = NULL,
         error_message = NULL, running_since = clock_timestamp(), ended_at = NULL, version = t.version + 1,
         first_started_at = coalesce(t.first_started_at, clock_timestamp())
    FROM chosen c WHERE t.id = c.id AND t.status = 1
  RETURNING t.id, t.run_no, t.priority, t.queued_at),
runs AS (INSERT INTO run (task_id, run_no) SELECT id, run_no FROM promoted ON CONFLICT DO NOTHING)
SELECT id AS task_id, priority FROM promoted ORDER BY priority, queued_at, id"""

DUE = f"""
SELECT w.task_id, t.priority FROM ({OPEN_WORK}) AS w JOIN task t ON t.id = w.task_id
 WHERE w.prepare OR w.finish OR w.record OR w.cut OR w.spans OR w.ranges + w.units + w.large > 0
 ORDER BY t.priority, t.queued_at, t.id"""

DRAINING = """
SELECT id FROM task WHERE status IN (2, 6, 7) AND sync_id IS NULL
   AND (desired <> 'run' OR fatal_code IS NOT NULL) ORDER BY id"""
LOCKED = """
SELECT status, desired, fatal_code, fatal_message FROM task
 WHERE id = %(task)s AND status IN (2, 6, 7) AND (desired <> 'run' OR fatal_code IS NOT NULL)
   FOR NO KEY UPDATE SKIP LOCKED"""

WAITING_LONG = """
SELECT id FROM task WHERE status = 1 AND queued_at < clock_timestamp() - make_interval(days => %(days)s) ORDER BY id"""

HEARTBEAT = """
WITH gone AS (DELETE FROM worker WHERE seen_at < clock_timestamp() - interval '1 day' AND name <> %(worker)s)
INSERT INTO worker (name, instance) VALUES (%(worker)s, coalesce(%(instance)s::uuid, gen_random_uuid()))
ON CONFLICT (name) DO UPDATE SET seen_at = clock_timestamp(),
   started_at = CASE WHEN %(instance)s::uuid IS NULL OR worker.instance = %(instance)s::uuid THEN worker.started_at
                     ELSE clock_timestamp() END,
   instance = coalesce(%(instance)s::uuid, worker.instance)"""
LIVE_WORKERS = """
SELECT count(*) AS n FROM worker WHERE seen_at > clock_timestamp() - make_interval(secs => %(seconds)s)"""


@dataclass(frozen=True, slots=True)
class Due:
    """A task whose doorbell is to be rung. `priority` 0 goes first."""

    task_id: TaskId
    priority: int


async def promote(pool: Pool, slots_per_region: int) -> list[Due]:
    """Moves waiting tasks into the free slots of their project and region: by priority, then first come first served.

    Running are 2, 6 and 7. Dispatchers take turns, so slots are never exceeded, but by tasks that waited for objects
    to be restored and go on: those need no slot meanwhile, and get no second place in the queue.
    """

    async def work(connection: Connection) -> list[Due]:
        await connection.execute(PROMOTION)
        return _due(await fetch_all(connection, PROMOTE, {"slots": slots_per_region}))

    return await pool.in_transaction(work)


async def due(pool: Pool) -> list[Due]:
    """Running tasks that have something to claim right now."""
    return _due(await pool.fetch_all(DUE))


async def settle(pool: Pool) -> list[TaskId]:
    """Ends what is to stop and has no lease left: 7 becomes 3, and 4 after a fatal error. Returns those that changed.

    A lease that ran out counts as none: it is voided first, so its owner can write nothing more.
    """
    rows = await pool.fetch_all(DRAINING)
    ids = [TaskId(row["id"]) for row in rows]
    return [task_id for task_id in ids if await _settled(pool, task_id)]


async def expire_waiting(pool: Pool, days: int = WAITING_DAYS) -> list[TaskId]:
    """Fails tasks that waited for a slot for more than `days`, and wipes their credentials (oms-behaviour 4.2)."""
    rows = await pool.fetch_all(WAITING_LONG, {"days": days})
    ids = [TaskId(row["id"]) for row in rows]
    after = advance(TaskStatus.WAITING, TaskEvent.EXPIRED)
    return [
        task_id
        for task_id in ids
        if await _ended(pool, Ending(task_id, TaskStatus.WAITING, after, WAITED_TOO_LONG))
    ]


async def void_worker(pool: Pool, worker: str) -> int:
    """Makes the leases of a worker that is known to be dead claimable at once; how many there were."""

    async def work(connection: Connection) -> int:
        await execute(connection, FORGET_WORKER, {"worker": worker})
        return await _voided(connection, VOID_WORKER, {"worker": worker})

    return await pool.in_transaction(work)


async def void_expired(pool: Pool, task_id: TaskId) -> int:
    """Voids what ran out of a task: no late write of its owners counts any more; how many there were."""
    return await pool.in_transaction(lambda connection: _voided(connection, VOID_EXPIRED, {"task": task_id}))


async def heartbeat(pool: Pool, worker: str, instance: UUID | None = None) -> None:
    """A sign of life; another `instance` under the same name is a new start."""
    await pool.execute(HEARTBEAT, {"worker": worker, "instance": instance})


async def live_workers(pool: Pool, within: float = ALIVE_SECONDS) -> int:
    """How many workers gave a sign of life in the last `within` seconds."""
    row = await pool.fetch_one(LIVE_WORKERS, {"seconds": within})
    return row["n"] if row else 0


async def farewell(pool: Pool, worker: str) -> None:
    """A worker goes in good order."""
    await pool.execute(FORGET_WORKER, {"worker": worker})


async def _settled(pool: Pool, task_id: TaskId) -> bool:
    async def work(connection: Connection) -> bool:
        task = await fetch_one(connection, LOCKED, {"task": task_id})
        if task is None:
            return False
        await _voided(connection, VOID_EXPIRED, {"task": task_id})
        live = await fetch_one(connection, LIVE, {"task": task_id})
        if live is None or live["live"]:
            return False
        return await end(connection, _drained(task_id, task))

    return await pool.in_transaction(work)


def _drained(task_id: TaskId, task: DictRow) -> Ending:
    before = TaskStatus(task["status"])
    if task["fatal_code"] is not None:
        after = advance(before, TaskEvent.FAILED)
        return Ending(task_id, before, after, task["fatal_code"], task["fatal_message"])
    pausing = before if before is TaskStatus.PAUSING else advance(before, TaskEvent.STOPPED)
    return Ending(task_id, before, advance(pausing, TaskEvent.DRAINED))


async def _ended(pool: Pool, ending: Ending) -> bool:
    return await pool.in_transaction(lambda connection: end(connection, ending))


async def _voided(connection: Connection, sql: str, parameters: dict[str, Any]) -> int:
    row = await fetch_one(connection, sql, parameters)
    return row["voided"] if row else 0


def _due(rows: Sequence[DictRow]) -> list[Due]:
    return [Due(TaskId(row["task_id"]), row["priority"]) for row in rows]
