"""How batches of synchronisation tasks end: in good order by a recount, or as failures when nothing helps."""

import logging

from ledger.finishing import Finishing
from ledger.pool import Connection, Pool, execute, fetch_one
from ledger.sync_statistics import ADD_UP, NOW_BUCKET
from ledger.values import RunClaim, TaskId, Verification
from ledger.voiding import LIVE, VOID_EXPIRED

log = logging.getLogger(__name__)

HELD = """
SELECT t.sync_id FROM run r JOIN task t ON t.id = r.task_id
 WHERE r.task_id = %(task)s AND r.run_no = %(run)s AND r.epoch = %(epoch)s AND r.claim_id = %(claim)s
   AND t.desired <> 'halt' FOR NO KEY UPDATE"""
FORGET_UPLOADS = "DELETE FROM upload WHERE task_id = %(task)s AND state = 'closed'"
REMOVE = "DELETE FROM task WHERE id = %(task)s"

HALTED = "SELECT id FROM task WHERE sync_id IS NOT NULL AND desired = 'halt' ORDER BY id"
LOCKED = """
SELECT sync_id, fatal_code, fatal_message FROM task
 WHERE id = %(task)s AND desired = 'halt' FOR NO KEY UPDATE SKIP LOCKED"""
FAIL_REST = f"""
INSERT INTO sync_statistic AS o (sync_id, bucket_ms, failure)
SELECT %(sync)s, {NOW_BUCKET}, coalesce(sum(n - bit_count(done)), 0) FROM unit WHERE task_id = %(task)s
{ADD_UP}"""
LEAK_UPLOADS = """
UPDATE upload SET state = 'leaked' WHERE task_id = %(task)s AND state IN ('intent', 'open')"""


class SyncEndings(Finishing):
    """Finishing, for batches too."""

    async def end_batch(self, claim: RunClaim) -> Verification | None:
        """Removes a batch whose outcomes add up: they are counted, and its lists are written.

        Otherwise nothing changes and `problems` says why. None: lease lost, or removed by an earlier call.
        """
        found = await self._verify(claim)
        if found is None or found.problems:
            return found
        parameters = self.fenced(claim.fence)

        async def remove(connection: Connection) -> bool:
            if await fetch_one(connection, HELD, parameters) is None:
                return False
            await execute(connection, FORGET_UPLOADS, parameters)
            return await execute(connection, REMOVE, parameters) == 1

        return found if await self._pool.in_transaction(remove) else None


async def bury(pool: Pool) -> None:
    """Ends batches that met a fatal error and that nobody holds any more: what has no outcome has failed."""
    for row in await pool.fetch_all(HALTED):
        await _buried(pool, TaskId(row["id"]))


async def _buried(pool: Pool, task_id: TaskId) -> None:
    async def work(connection: Connection) -> None:
        names = {"task": task_id}
        task = await fetch_one(connection, LOCKED, names)
        if task is None:
            return
        await fetch_one(connection, VOID_EXPIRED, names)
        live = await fetch_one(connection, LIVE, names)
        if live is None or live["live"]:
            return
        await execute(connection, FAIL_REST, names | {"sync": task["sync_id"]})
        await execute(connection, LEAK_UPLOADS, names)
        await execute(connection, REMOVE, names)
        log.error(
            "batch_failed", extra={"task": task_id, "code": task["fatal_code"], "why": task["fatal_message"]}
        )

    await pool.in_transaction(work)
