"""What workers have asked of the stores: running totals, and the pause of a task that has reached its ceiling."""

from collections.abc import Sequence
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

# Totals only grow, so the larger one is the later one, in whatever order they come. A task that is gone has none.
SAVE = """
INSERT INTO request_count AS c (task_id, run_no, tally, side, operation, requests, sent, received)
SELECT t.id, x.run_no, x.tally, x.side, x.operation, x.requests, x.sent, x.received
  FROM unnest(%(tasks)s::bigint[], %(runs)s::int[], %(tallies)s::uuid[], %(sides)s::text[], %(operations)s::text[],
              %(requests)s::bigint[], %(sent)s::bigint[], %(received)s::bigint[])
         AS x (task_id, run_no, tally, side, operation, requests, sent, received)
  JOIN task t ON t.id = x.task_id
 ORDER BY t.id, x.run_no, x.tally, x.side, x.operation
   FOR KEY SHARE OF t
ON CONFLICT (task_id, run_no, tally, side, operation) DO UPDATE
   SET requests = greatest(c.requests, excluded.requests), sent = greatest(c.sent, excluded.sent),
       received = greatest(c.received, excluded.received)"""
LIMITED = """
SELECT t.id, t.run_no, t.status, t.max_requests,
       (SELECT coalesce(sum(c.requests), 0)::bigint FROM request_count c
         WHERE c.task_id = t.id AND c.run_no = t.run_no) AS asked
  FROM task t
 WHERE t.id = ANY(%(tasks)s) AND t.max_requests IS NOT NULL AND t.status IN (2, 6) AND t.desired = 'run'"""
# As a stop does it; the dispatcher makes 3 of it when the last lease is gone.
PAUSE = """
UPDATE task SET status = %(after)s, desired = 'pause', version = version + 1
 WHERE id = %(task)s AND run_no = %(run)s AND status = %(before)s AND desired = 'run' AND max_requests <= %(asked)s
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


class RequestCounts(Leasing):
    """Counting without a lease: what was asked was asked, whoever holds the work by now."""

    async def count_requests(self, counts: Sequence[RequestCount]) -> frozenset[TaskId]:
        """Those of the tasks that this call makes pause, since their ceiling is reached."""
        if not counts:
            return frozenset()
        await self._pool.execute(SAVE, _columns(counts))
        tasks = sorted({one.task_id for one in counts})
        limited = await self._pool.fetch_all(LIMITED, {"tasks": tasks})
        over = [row for row in limited if reached(row["max_requests"], row["asked"])]
        return frozenset([TaskId(row["id"]) for row in over if await self._paused(row)])

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
