"""What there is to do, what the owners want, and the facts of a task."""

from collections.abc import Sequence

from psycopg.rows import DictRow

from engine import spec
from engine.records import LINES_PER_FILE, LISTS_TOGETHER
from engine.states import TaskStatus
from engine.windows import parse_policy
from ledger.leasing import Leasing
from ledger.rows import AHEAD, FREE, LIVE, RANGE_ORDER, SPAN_OFFERED, UNIT_ORDER, counted, none, units
from ledger.values import Control, Desired, Fence, Leased, OpenWork, TaskFacts, TaskId

# Counting stops here: more than this is simply "much".
SEEN = 1000

_OF_RUN = "x.task_id = r.task_id AND x.run_no = r.run_no"
_OPEN = f"{_OF_RUN} AND x.state <> 'done'"
_SMALL, _LARGE = f"{_OPEN} AND {units('false')}", f"{_OPEN} AND {units('true')}"


def _leased(table: str, condition: str, order: str) -> str:
    """Live leases among the first open rows: those are claimed first."""
    return f"""(SELECT count(*) FROM (SELECT x.state, x.lease_until FROM {table} x WHERE {condition}
                ORDER BY {order} LIMIT {SEEN}) AS x WHERE {LIVE})"""


_RUN_FREE = "r.lease_until <= clock_timestamp()"
_NO_LIST_HELD = f"""NOT EXISTS (SELECT FROM record x WHERE {_OF_RUN} AND x.state = 'planned'
                                AND x.lease_until > clock_timestamp())"""
_SPANS_HELD = f"(SELECT count(*) FROM part_span x WHERE {_OF_RUN} AND {LIVE})"
_SPAN_OFFERED = f"EXISTS (SELECT FROM part_span x WHERE {_OF_RUN} AND {FREE} AND {SPAN_OFFERED})"
_ALL_DONE = f"{none('unit', _OPEN, UNIT_ORDER)} AND {none('key_range', _OPEN, RANGE_ORDER)}"
_RANGES_DONE = none("key_range", _OPEN, RANGE_ORDER)
# While ranges are open, listing comes first: lists wait until they are some.
_SKIPS_TO_WRITE = f"""coalesce((SELECT sum(x.skip) FROM counter x WHERE {_OF_RUN}), 0)
  - coalesce((SELECT sum(x.lines) FROM record x WHERE {_OF_RUN} AND x.kind = 'skip'), 0)
  >= {LINES_PER_FILE} * CASE WHEN {_RANGES_DONE} THEN 1 ELSE {LISTS_TOGETHER} END"""
_LIST_LEFT = f"""EXISTS (SELECT FROM record x WHERE {_OF_RUN} AND x.state = 'planned'
                         AND x.lease_until <= clock_timestamp())"""

_ENOUGH = f"""EXISTS (SELECT FROM task_group g WHERE g.id = t.group_id
  AND (SELECT sum(x.listed) >= g.task_objects OR sum(x.listed_bytes) >= g.task_bytes FROM counter x WHERE {_OF_RUN}))"""
_CUT = f"r.phase = 'active' AND {_RUN_FREE} AND ({_RANGES_DONE} OR {_ENOUGH})"

OPEN_WORK = f"""
SELECT t.id AS task_id, t.run_no, t.project_id,
       r.phase = 'prepare' AND {_RUN_FREE} AS prepare,
       {counted("key_range", f"{_OPEN} AND {FREE}", RANGE_ORDER, SEEN)} AS ranges,
       CASE WHEN t.scanner THEN 0 ELSE {counted("unit", f"{_SMALL} AND {FREE}", UNIT_ORDER, SEEN)} END AS units,
       CASE WHEN t.scanner THEN 0 ELSE {counted("unit", f"{_LARGE} AND {FREE}", UNIT_ORDER, SEEN)} END AS large,
       {_leased("key_range", _OPEN, RANGE_ORDER)} + {_leased("unit", _SMALL, UNIT_ORDER)}
         + {_leased("unit", _LARGE, UNIT_ORDER)} + {_SPANS_HELD} AS leased,
       {_SPAN_OFFERED} AS spans,
       NOT t.scanner AND r.phase = 'active' AND {_RUN_FREE} AND ({_LIST_LEFT} OR {_SKIPS_TO_WRITE}) AS record,
       NOT t.scanner AND r.phase = 'active' AND {_RUN_FREE} AND {_NO_LIST_HELD} AND {_ALL_DONE}
         AND {_SPANS_HELD} = 0 AS finish,
       CASE WHEN t.scanner THEN {_CUT} ELSE false END AS cut,
       CASE WHEN t.scanner THEN {AHEAD} ELSE false END AS ahead
  FROM task t JOIN run r ON r.task_id = t.id AND r.run_no = t.run_no
 WHERE t.status = 2 AND t.desired = 'run'
 ORDER BY t.priority, t.queued_at, t.id"""

CONTROLS = """
SELECT t.id, t.run_no, t.starts, t.desired, t.status, t.bandwidth, t.version,
       coalesce(r.failed_only, false) AS failed_only
  FROM task t LEFT JOIN run r ON r.task_id = t.id AND r.run_no = t.run_no WHERE t.id = ANY(%(tasks)s)"""

FACTS = """
SELECT id, project_id, name, group_id::text AS group_id, region, spec, scanner, sync_id::text AS sync_id,
       verifies, reread
  FROM task WHERE id = %(task)s"""

_HELD = {
    Leased.UNIT: "SELECT FROM unit WHERE id = %(row)s AND state = 'leased'",
    Leased.RANGE: "SELECT FROM key_range WHERE id = %(row)s AND state = 'leased'",
    Leased.SPAN: "SELECT FROM part_span WHERE id = %(row)s AND state = 'leased'",
    Leased.RECORD: "SELECT FROM record WHERE id = %(row)s AND state = 'planned'",
    Leased.RUN: "SELECT FROM run WHERE task_id = %(task)s AND run_no = %(run)s AND phase <> 'ended'",
}
# The first fatal error is the one that is shown. A batch whose keys went with a stop waits for new ones.
HALT = """
UPDATE task SET desired = 'halt', fatal_code = coalesce(fatal_code, %(code)s), version = version + 1,
       fatal_message = CASE WHEN fatal_code IS NULL THEN %(message)s ELSE fatal_message END
 WHERE id = %(task)s AND run_no = %(run)s AND status IN (2, 6, 7) AND desired <> 'halt'
   AND (sync_id IS NULL OR desired = 'run')
   AND EXISTS ({held} AND epoch = %(epoch)s AND claim_id = %(claim)s FOR SHARE)"""


class Controls(Leasing):
    """Reading what is wanted; asking for the end after a fatal error."""

    async def open_work(self) -> tuple[OpenWork, ...]:
        """Tasks that are to run, the most urgent first, with what each offers; counts stop at SEEN."""
        return tuple(OpenWork(**row) for row in await self._pool.fetch_all(OPEN_WORK))

    async def controls(self, task_ids: Sequence[TaskId]) -> dict[TaskId, Control]:
        """What workers must know of these tasks, all of one snapshot; a task that is gone is missing."""
        rows = await self._pool.fetch_all(CONTROLS, {"tasks": list(task_ids)})
        return {TaskId(row["id"]): _control(row) for row in rows}

    async def facts(self, task_id: TaskId) -> TaskFacts | None:
        """The immutable side of a task."""
        row = await self._pool.fetch_one(FACTS, {"task": task_id})
        if row is None:
            return None
        return TaskFacts(
            task_id=task_id,
            project_id=row["project_id"],
            name=row["name"],
            group_id=row["group_id"],
            region=row["region"],
            spec=spec.from_json(row["spec"]),
            scanner=row["scanner"],
            sync_id=row["sync_id"],
            verifies=row["verifies"],
            reread=row["reread"],
        )

    async def halt(self, fence: Fence, code: str, message: str) -> None:
        """A fatal error: no claim is granted any more, and the task becomes 4 with `code` when no lease is left.

        No effect under a void fence; a later error does not replace the first.
        """
        sql = HALT.format(held=_HELD[fence.table])
        await self._pool.execute(sql, self.fenced(fence, code=code, message=message))


def _control(row: DictRow) -> Control:
    return Control(
        task_id=TaskId(row["id"]),
        run_no=row["run_no"],
        starts=row["starts"],
        desired=Desired(row["desired"]),
        status=TaskStatus(row["status"]),
        bandwidth=parse_policy(row["bandwidth"]),
        version=row["version"],
        failed_only=row["failed_only"],
    )
