"""What workers have asked of the stores: running totals, and the pause of a task that has reached its ceiling."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from uuid import UUID

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from engine.ceiling import reached
from engine.failures import Side
from engine.states import TaskEvent, TaskStatus, advance
from ledger.leasing import Leasing
from ledger.pool import Connection, execute, fetch_one
from ledger.values import TaskId

# Totals only grow, so the larger one is the later one, in whatever order they come. A task that is gone has none; who
# deletes or restarts one may hold it for minutes, and the others must not wait for that.
SAVE = """
INSERT INTO request_count AS c (task_id, run_no, tally, side, operation, requests, sent, received)
SELECT t.id, x.run_no, x.tally, x.side, x.operation, x.requests, x.sent, x.received
  FROM unnest(%(tasks)s::bigint[], %(runs)s::int[], %(tallies)s::uuid[], %(sides)s::text[], %(operations)s::text[],
              %(requests)s::bigint[], %(sent)s::bigint[], %(received)s::bigint[])
         AS x (task_id, run_no, tally, side, operation, requests, sent, received)
  JOIN task t ON t.id = x.task_id
 ORDER BY t.id, x.run_no, x.tally, x.side, x.operation
   FOR KEY SHARE OF t SKIP LOCKED
ON CONFLICT (task_id, run_no, tally, side, operation) DO UPDATE
   SET requests = greatest(c.requests, excluded.requests), sent = greatest(c.sent, excluded.sent),
       received = greatest(c.received, excluded.received)
RETURNING task_id"""
THERE = "SELECT id FROM task WHERE id = ANY(%(tasks)s)"
LIMITED = """
SELECT t.id, t.run_no, t.status, t.max_requests,
       (SELECT coalesce(sum(c.requests), 0)::bigint FROM request_count c
         WHERE c.task_id = t.id AND c.run_no = t.run_no) AS asked
  FROM task t
 WHERE t.id = ANY(%(tasks)s) AND t.max_requests IS NOT NULL AND t.status IN (2, 6) AND t.desired = 'run'"""
# As a stop does it; the dispatcher makes 3 of it when the last lease is gone.
PAUSE = """
UPDATE task SET status = %(after)s, desired = 'pause', version = version + 1
 WHERE id = (SELECT id FROM task
              WHERE id = %(task)s AND run_no = %(run)s AND status = %(before)s AND desired = 'run'
                AND max_requests <= %(asked)s FOR NO KEY UPDATE SKIP LOCKED)
RETURNING project_id"""
AUDIT = """
INSERT INTO audit (project_id, actor, action, resource, request_id, detail)
VALUES (%(project)s, 'engine', 'task.requestLimitReached', %(resource)s, '', %(detail)s)"""


@dataclass(frozen=True, slots=True)
class RequestCount:
    """The running total of one operation at one side; `tally` is the process that counted. Bytes are of bodies."""

    task_id: TaskId
    run_no: int
    tally: UUID
    side: Side
    operation: str
    requests: int
    sent: int
    received: int


@dataclass(frozen=True, slots=True)
class Counted:
    """What became of totals: tasks that pause now since their ceiling is reached, and tasks to be told of again."""

    paused: frozenset[TaskId] = frozenset()
    left: frozenset[TaskId] = frozenset()


class RequestCounts(Leasing):
    """Counting without a lease: what was asked was asked, whoever holds the work by now."""

    async def count_requests(self, counts: Sequence[RequestCount]) -> Counted:
        """Writes totals, and lets a task pause that has reached its ceiling. A task that somebody holds is left."""
        if not counts:
            return Counted()
        saved = {row["task_id"] for row in await self._pool.fetch_all(SAVE, _columns(counts))}
        limited = await self._pool.fetch_all(LIMITED, {"tasks": sorted(saved)})
        over = [row for row in limited if reached(row["max_requests"], row["asked"])]
        paused = frozenset([TaskId(row["id"]) for row in over if await self._paused(row)])
        return Counted(paused, await self._left({one.task_id for one in counts} - saved))

    async def _left(self, unsaved: Set[TaskId]) -> frozenset[TaskId]:
        if not unsaved:
            return frozenset()
        rows = await self._pool.fetch_all(THERE, {"tasks": sorted(unsaved)})
        return frozenset(TaskId(row["id"]) for row in rows)

    async def _paused(self, row: DictRow) -> bool:
        async def work(connection: Connection) -> bool:
            before = TaskStatus(row["status"])
            names = {"task": row["id"], "run": row["run_no"], "asked": row["asked"], "before": int(before)}
            after = advance(before, TaskEvent.STOPPED)
            changed = await fetch_one(connection, PAUSE, {**names, "after": int(after)})
            if changed is None:
                return False
            detail = {name: row[name] for name in ("run_no", "max_requests", "asked")}
            entry = {
                "project": changed["project_id"],
                "resource": f"task:{row['id']}",
                "detail": Jsonb(detail),
            }
            await execute(connection, AUDIT, entry)
            return True

        return await self._pool.in_transaction(work)


def _columns(counts: Sequence[RequestCount]) -> dict[str, list[object]]:
    return {
        "tasks": [one.task_id for one in counts],
        "runs": [one.run_no for one in counts],
        "tallies": [one.tally for one in counts],
        "sides": [one.side.value for one in counts],
        "operations": [one.operation for one in counts],
        "requests": [one.requests for one in counts],
        "sent": [one.sent for one in counts],
        "received": [one.received for one in counts],
    }
