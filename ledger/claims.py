"""Taking, keeping and giving back leases. A fence is (epoch, claim_id): void once either differs in its row."""

from collections.abc import Sequence
from typing import Any, TypeVar
from uuid import UUID, uuid4

from psycopg.rows import DictRow

from ledger.leasing import Leasing
from ledger.pool import Connection, fetch_one
from ledger.rows import FREE, LIVE, RANGE_ORDER, UNIT_ORDER, none, units
from ledger.values import Fence, Leased, RangeClaim, RunClaim, SpanClaim, TaskId, UnitClaim

C = TypeVar("C", RunClaim, RangeClaim, UnitClaim, SpanClaim)

_RUNNING = "t.id = %(task)s AND t.status = 2 AND t.desired = 'run'"
# A scalar, so that the open rows come out of their index in order and the first free one ends the search.
OF_RUN = f"x.task_id = %(task)s AND x.run_no = (SELECT t.run_no FROM task t WHERE {_RUNNING})"
TAKE = """epoch = x.epoch + 1, claim_id = %(claim)s, worker = %(worker)s,
           lease_until = clock_timestamp() + make_interval(secs => %(lease)s)"""

# A lease that ran out while it was held counts as a crash of its owner at cur_idx.
CLAIM_UNIT = f"""
UPDATE unit x SET state = 'leased', attempts = x.attempts + 1, {TAKE}, cur_idx = NULL,
       crash_idx = CASE WHEN x.state = 'leased' THEN x.cur_idx ELSE x.crash_idx END,
       crash_n = CASE WHEN x.state = 'ready' THEN x.crash_n
                      WHEN x.cur_idx IS NOT DISTINCT FROM x.crash_idx THEN x.crash_n + 1 ELSE 1 END
 WHERE x.id = (SELECT x.id FROM unit x
                WHERE {OF_RUN} AND {units("%(large)s::boolean")} AND x.state <> 'done' AND {FREE}
                ORDER BY {UNIT_ORDER} LIMIT 1 FOR UPDATE OF x SKIP LOCKED)
RETURNING x.run_no, x.id, x.epoch, x.claim_id, x.manifest, x.n, x.large, x.done::text AS done, x.seq, x.attempts,
          x.crash_n, x.crash_idx, (extract(epoch FROM x.decided_at) * 1000)::bigint AS decided_ms,
          coalesce((extract(epoch FROM x.restoring_since) * 1000)::bigint, 0) AS restoring_ms, x.restoring_asks"""
ADOPT_UNIT = """
SELECT run_no, id, epoch, claim_id, manifest, n, large, done::text AS done, seq, attempts, crash_n, crash_idx,
       (extract(epoch FROM decided_at) * 1000)::bigint AS decided_ms,
       coalesce((extract(epoch FROM restoring_since) * 1000)::bigint, 0) AS restoring_ms, restoring_asks
  FROM unit WHERE task_id = %(task)s AND state = 'leased' AND claim_id = %(claim)s"""

CLAIM_RANGE = f"""
UPDATE key_range x SET state = 'leased', attempts = x.attempts + 1, {TAKE}
 WHERE x.id = (SELECT x.id FROM key_range x
                WHERE {OF_RUN} AND x.state <> 'done' AND {FREE}
                ORDER BY {RANGE_ORDER} LIMIT 1 FOR UPDATE OF x SKIP LOCKED)
RETURNING x.run_no, x.id, x.epoch, x.claim_id, x.lo, x.hi, x.prefix, x.exact, x.cursor, x.page_no, x.attempts"""
ADOPT_RANGE = """
SELECT run_no, id, epoch, claim_id, lo, hi, prefix, exact, cursor, page_no, attempts
  FROM key_range WHERE task_id = %(task)s AND state = 'leased' AND claim_id = %(claim)s"""

_OPEN = "x.task_id = r.task_id AND x.run_no = r.run_no AND x.state <> 'done'"


def _claim_run(condition: str) -> str:
    return f"""
UPDATE run x SET {TAKE}
 WHERE (x.task_id, x.run_no) = (SELECT r.task_id, r.run_no FROM task t
          JOIN run r ON r.task_id = t.id AND r.run_no = t.run_no
         WHERE {_RUNNING} AND r.lease_until <= clock_timestamp() AND {condition} FOR NO KEY UPDATE OF r SKIP LOCKED)
RETURNING x.run_no, x.run_no AS id, x.epoch, x.claim_id"""


_NO_LIST_HELD = """NOT EXISTS (SELECT FROM record c WHERE c.task_id = t.id AND c.run_no = t.run_no
                          AND c.state = 'planned' AND c.lease_until > clock_timestamp())"""
# Parts of an object that failed or is complete may be on their way still.
_NO_SPAN_HELD = (
    f"""NOT EXISTS (SELECT FROM part_span x WHERE x.task_id = t.id AND x.run_no = t.run_no AND {LIVE})"""
)
CLAIM_PREPARE = _claim_run("r.phase = 'prepare'")
# A list that somebody is writing is waited for, so the finisher finds every list free.
CLAIM_FINISH = _claim_run(f"""r.phase = 'active' AND NOT t.scanner AND {_NO_LIST_HELD} AND {_NO_SPAN_HELD}
           AND {none("unit", _OPEN, UNIT_ORDER)} AND {none("key_range", _OPEN, RANGE_ORDER)}""")
# What a group's scanner has listed becomes tasks while it goes on listing.
CLAIM_CUT = _claim_run("r.phase = 'active' AND t.scanner")
ADOPT_RUN = """
SELECT run_no, run_no AS id, epoch, claim_id FROM run WHERE task_id = %(task)s AND claim_id = %(claim)s"""

WANTED = f"SELECT 1 AS wanted FROM task t WHERE {_RUNNING}"
FINISH_WANTED = f"{WANTED} AND {_NO_LIST_HELD} AND {_NO_SPAN_HELD}"

_FENCE = "epoch = %(epoch)s AND claim_id = %(claim)s"
_FREED = "claim_id = NULL, worker = NULL"
_LATER = "clock_timestamp() + make_interval(secs => %(delay)s)"
RELEASE = {
    Leased.UNIT: f"""UPDATE unit SET state = 'ready', {_FREED}, lease_until = 'epoch', cur_idx = NULL,
                            not_before = {_LATER} WHERE id = %(row)s AND state = 'leased' AND {_FENCE}""",
    Leased.RANGE: f"""UPDATE key_range SET state = 'ready', {_FREED}, lease_until = 'epoch',
                             not_before = {_LATER} WHERE id = %(row)s AND state = 'leased' AND {_FENCE}""",
    Leased.SPAN: f"""UPDATE part_span SET state = 'ready', {_FREED}, lease_until = 'epoch',
                             not_before = {_LATER} WHERE id = %(row)s AND state = 'leased' AND {_FENCE}""",
    # A run and a record have no state for it: nobody's lease keeps them from being claimed until then.
    Leased.RUN: f"""UPDATE run SET {_FREED}, lease_until = {_LATER}
                     WHERE task_id = %(task)s AND run_no = %(run)s AND {_FENCE} AND lease_until > 'epoch'""",
    Leased.RECORD: f"""UPDATE record SET {_FREED}, lease_until = {_LATER}
                        WHERE id = %(row)s AND state = 'planned' AND {_FENCE} AND lease_until > 'epoch'""",
}

_RENEW_ONE = """
 {table}_renewed AS (
   UPDATE {table} x SET lease_until = clock_timestamp() + make_interval(secs => %(lease)s) FROM f
    WHERE f.tab = '{table}' AND {identity} AND x.epoch = f.epoch AND x.claim_id = f.claim_id AND {held}
   RETURNING f.at)"""
_BY_ID = "x.id = f.id"
_LEASED = "x.state = 'leased' AND x.lease_until > 'epoch'"
RENEW = (
    """
WITH f AS (
  SELECT * FROM unnest(%(at)s::int[], %(tab)s::text[], %(task)s::bigint[], %(run)s::int[], %(id)s::bigint[],
                       %(epoch)s::bigint[], %(claim)s::uuid[]) AS f(at, tab, task, run, id, epoch, claim_id)),"""
    + ",".join(
        [
            _RENEW_ONE.format(table="unit", identity=_BY_ID, held=_LEASED),
            _RENEW_ONE.format(table="key_range", identity=_BY_ID, held=_LEASED),
            _RENEW_ONE.format(table="part_span", identity=_BY_ID, held=_LEASED),
            # Once run out it stays so: the finisher has seen it free, and needs to find it so.
            _RENEW_ONE.format(
                table="record",
                identity=_BY_ID,
                held="x.state = 'planned' AND x.lease_until > clock_timestamp()",
            ),
            _RENEW_ONE.format(
                table="run",
                identity="x.task_id = f.task AND x.run_no = f.run",
                held="x.lease_until > 'epoch'",
            ),
        ]
    )
    + """
SELECT at FROM unit_renewed UNION ALL SELECT at FROM key_range_renewed UNION ALL SELECT at FROM part_span_renewed
UNION ALL SELECT at FROM record_renewed UNION ALL SELECT at FROM run_renewed"""
)


class Claims(Leasing):
    """Leases on runs, ranges and units."""

    async def claim_prepare(self, task_id: TaskId, worker: str) -> RunClaim | None:
        """The right to plan a run that nobody plans; None when there is none or the task is not to run."""
        row = await self._claim(CLAIM_PREPARE, ADOPT_RUN, task_id, worker)
        return await self._confirmed(RunClaim(fence_of(Leased.RUN, task_id, row))) if row else None

    async def claim_finish(self, task_id: TaskId, worker: str) -> RunClaim | None:
        """The right to end a run; only when all its ranges and units are done and no list is being written."""
        row = await self._claim(CLAIM_FINISH, ADOPT_RUN, task_id, worker)
        return (
            await self._confirmed(RunClaim(fence_of(Leased.RUN, task_id, row)), FINISH_WANTED)
            if row
            else None
        )

    async def claim_cut(self, task_id: TaskId, worker: str) -> RunClaim | None:
        """The right to make tasks of a group out of what its scanner has listed."""
        row = await self._claim(CLAIM_CUT, ADOPT_RUN, task_id, worker)
        return await self._confirmed(RunClaim(fence_of(Leased.RUN, task_id, row))) if row else None

    async def claim_range(self, task_id: TaskId, worker: str) -> RangeClaim | None:
        """The right to list the first free range from its cursor on."""
        row = await self._claim(CLAIM_RANGE, ADOPT_RANGE, task_id, worker)
        return await self._confirmed(_range_claim(task_id, row)) if row else None

    async def claim_unit(self, task_id: TaskId, worker: str, *, large: bool) -> UnitClaim | None:
        """The right to do the oldest free unit of that kind; an owner that vanished is counted."""
        row = await self._claim(CLAIM_UNIT, ADOPT_UNIT, task_id, worker, large=large)
        return await self._confirmed(_unit_claim(task_id, row)) if row else None

    async def renew(self, fences: Sequence[Fence]) -> frozenset[Fence]:
        """Those still ours, each with a fresh lease; one statement for all tables."""
        if not fences:
            return frozenset()
        parameters = {
            "lease": self._lease_seconds,
            "at": list(range(len(fences))),
            "tab": [fence.table.value for fence in fences],
            "task": [fence.task_id for fence in fences],
            "run": [fence.run_no for fence in fences],
            "id": [fence.row for fence in fences],
            "epoch": [fence.epoch for fence in fences],
            "claim": [fence.claim_id for fence in fences],
        }
        return frozenset(fences[row["at"]] for row in await self._pool.fetch_all(RENEW, parameters))

    async def release(self, fence: Fence, *, delay: float = 0.0) -> None:
        """Gives back at once, claimable after `delay` seconds. No effect under a void fence."""
        await self._pool.execute(RELEASE[fence.table], self.fenced(fence, delay=delay))

    async def _claim(self, sql: str, adopt: str, task_id: TaskId, worker: str, **more: Any) -> DictRow | None:
        """Claims once: after a lost answer the claim that did land is looked for first."""
        claim: UUID = uuid4()
        parameters = {"task": task_id, "worker": worker, "claim": claim, "lease": self._lease_seconds, **more}
        tried = False

        async def attempt(connection: Connection) -> DictRow | None:
            nonlocal tried
            landed = await fetch_one(connection, adopt, parameters) if tried else None
            tried = True
            return landed or await fetch_one(connection, sql, parameters)

        return await self._pool.run(attempt)

    async def _confirmed(self, claim: C, wanted: str = WANTED) -> C | None:
        """Reads `desired` again in a snapshot younger than the claim: one from before a pause is given back."""
        if await self._pool.fetch_one(wanted, {"task": claim.fence.task_id}):
            return claim
        await self.release(claim.fence)
        return None


def fence_of(table: Leased, task_id: TaskId, row: DictRow) -> Fence:
    """Of a row that a claim has answered."""
    return Fence(table, task_id, row["run_no"], row["id"], row["epoch"], row["claim_id"])


def _range_claim(task_id: TaskId, row: DictRow) -> RangeClaim:
    return RangeClaim(
        fence=fence_of(Leased.RANGE, task_id, row),
        lo=row["lo"],
        hi=row["hi"],
        prefix=row["prefix"],
        exact=row["exact"],
        cursor=row["cursor"],
        page_no=row["page_no"],
        attempts=row["attempts"],
    )


def _unit_claim(task_id: TaskId, row: DictRow) -> UnitClaim:
    return UnitClaim(
        fence=fence_of(Leased.UNIT, task_id, row),
        manifest=row["manifest"],
        n=row["n"],
        large=row["large"],
        done=tuple(bit == "1" for bit in row["done"]),
        seq=row["seq"],
        attempts=row["attempts"],
        decided_ms=row["decided_ms"],
        crashes=row["crash_n"],
        suspect=row["crash_idx"],
        restoring_ms=row["restoring_ms"],
        restoring_asks=row["restoring_asks"],
    )
