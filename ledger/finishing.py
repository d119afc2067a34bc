"""The end of a run: a recount is the gate, and everything that follows from it is one transaction."""

from typing import Any, TypeAlias

from psycopg.rows import DictRow

from engine.codes import message
from engine.states import TaskEvent, TaskStatus, advance
from ledger.endings import Ending, end
from ledger.leasing import Leasing
from ledger.pool import Connection, execute, fetch_one
from ledger.records import recorded_kinds
from ledger.recount import COUNTED, left, recount, with_problems
from ledger.values import RunClaim, Tally, TaskId, Verification

Reason: TypeAlias = tuple[str, str]

SOME_FAILED = "TRF.0004"
NOTHING_FOUND = "TRF.0012"

_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
_FENCE = "r.task_id = %(task)s AND r.run_no = %(run)s AND r.epoch = %(epoch)s AND r.claim_id = %(claim)s"
# Where nobody plans lists any more (see ledger.records), nobody ends the run.
RUN = f"""
SELECT r.phase, r.failed_only, r.base_listed, t.status, t.spec
  FROM run r JOIN task t ON t.id = r.task_id
 WHERE {_FENCE}
   AND (r.phase = 'ended' OR t.run_no = r.run_no AND t.status IN (2, 7) AND t.desired <> 'halt')"""
LOCKED_RUN = f"{RUN} AND t.run_no = r.run_no FOR NO KEY UPDATE"
# What the snapshot unpacked is only added up here: units are closed, so nothing else can have come.
JOURNAL = """
SELECT coalesce(sum(n) FILTER (WHERE kind = 'ok'), 0)::bigint AS ok,
       coalesce(sum(bytes) FILTER (WHERE kind = 'ok'), 0)::bigint AS ok_bytes,
       coalesce(sum(n) FILTER (WHERE kind = 'skip'), 0)::bigint AS skip,
       coalesce(sum(bytes) FILTER (WHERE kind = 'skip'), 0)::bigint AS skip_bytes,
       coalesce(sum(n) FILTER (WHERE kind = 'fail'), 0)::bigint AS fail,
       coalesce(sum(bytes) FILTER (WHERE kind = 'fail'), 0)::bigint AS fail_bytes
  FROM (SELECT kind, n, bytes FROM segment WHERE task_id = %(task)s AND run_no = %(run)s
        UNION ALL SELECT kind, lines, bytes FROM record
         WHERE task_id = %(task)s AND run_no = %(run)s AND state = 'written' AND kind IN ('ok', 'skip')) AS journal"""
CLOSE = """
UPDATE run SET phase = 'ended', ended_at = clock_timestamp(), lease_until = 'epoch'
 WHERE task_id = %(task)s AND run_no = %(run)s"""


class Finishing(Leasing):
    """Verifying and ending a run."""

    async def verify_run(self, claim: RunClaim) -> Verification:
        """The recount of the run in one snapshot. A lost lease is one of the problems."""
        return await self._verify(claim) or with_problems(_NOTHING, ["the lease is lost"])

    async def end_run(self, claim: RunClaim, failure: tuple[str, str] | None = None) -> Verification | None:
        """Ends run and task when nothing is wrong; otherwise nothing changes and `problems` says why.

        5 when all succeeded, else 4 with TRF.0004, or TRF.0012 when nothing was found; `failure` (code, message)
        takes the place of TRF.0004 when no object succeeded. A pause that came too late loses. None: lease lost, or
        the task is halted.
        The same call again changes nothing.
        """
        found = await self._verify(claim)
        if found is None or found.problems:
            return found
        return await self._pool.in_transaction(
            lambda connection: self._end(connection, claim, found, failure)
        )

    async def _verify(self, claim: RunClaim) -> Verification | None:
        parameters = self.fenced(claim.fence)

        async def verify(connection: Connection) -> Verification | None:
            await connection.execute(_SNAPSHOT)
            run = await fetch_one(connection, RUN, parameters)
            if run is None:
                return None
            return await recount(connection, _with_kinds(parameters, run), failed_only=run["failed_only"])

        return await self._pool.in_transaction(verify)

    async def _end(
        self, connection: Connection, claim: RunClaim, found: Verification, failure: Reason | None
    ) -> Verification | None:
        parameters = self.fenced(claim.fence)
        run = await fetch_one(connection, LOCKED_RUN, parameters)
        if run is None:
            return None
        if run["phase"] == "ended":
            return found
        problems = [
            *await _changes(connection, _with_kinds(parameters, run), found),
            *await left(connection, _with_kinds(parameters, run)),
        ]
        if problems:
            return with_problems(found, problems)
        await end(connection, _ending(claim.fence.task_id, run, _reason(run, found, failure)))
        await execute(connection, CLOSE, parameters)
        return found


_NOTHING = Verification(Tally(), Tally(), 0, 0, 0)


def _ending(task_id: TaskId, run: DictRow, reason: Reason | None) -> Ending:
    before = TaskStatus(run["status"])
    event = TaskEvent.FAILED if reason else TaskEvent.FINISHED
    code, text = reason or (None, None)
    return Ending(task_id, before, advance(before, event), code, text, final=True)


def _reason(run: DictRow, found: Verification, failure: Reason | None) -> Reason | None:
    """Why the task failed; None when it did not."""
    if found.counted.fail:
        return failure if failure and not found.counted.ok else (SOME_FAILED, message(SOME_FAILED))
    if found.listed + run["base_listed"] == 0:
        return NOTHING_FOUND, message(NOTHING_FOUND)
    return None


async def _changes(connection: Connection, run: dict[str, Any], found: Verification) -> list[str]:
    counted = await fetch_one(connection, COUNTED, run) or {}
    listed = counted.pop("listed")
    del counted["listed_bytes"]
    journal = await fetch_one(connection, JOURNAL, run) or {}
    same = Tally(**counted) == Tally(**journal) == found.counted and listed == found.listed
    return [] if same else ["the journal changed while it was counted"]


def _with_kinds(parameters: dict[str, Any], run: DictRow) -> dict[str, Any]:
    return parameters | {"kinds": [kind.value for kind in recorded_kinds(run["spec"])]}
