"""The end of a run: no upload left open, the records written, the recount equal to the counters (reliability 3.10)."""

import asyncio
import logging
from contextlib import suppress

from connectors.errors import StoreError
from engine.codes import message
from engine.outcomes import decode
from ledger.values import ListHeld, RunClaim, UploadRow, Verification
from workers.transfer.context import TaskContext
from workers.transfer.endings import give_back
from workers.transfer.leases import Lease, LeaseKeeper
from workers.transfer.records import RecordWriter
from workers.transfer.signals import LeaseLost, TaskFailed, Waiting
from workers.transfer.strays import abort_recorded

log = logging.getLogger(__name__)
HELD_AGAIN = 1.0
# Permission, account, space and archives: what every object of the task would meet.
BUCKET_WIDE = frozenset(
    {
        *("TRF.0051", "TRF.0053", "TRF.0054", "TRF.0055", "TRF.0056", "TRF.0063", "TRF.0152", "TRF.0154"),
        *("TRF.0160", "TRF.0201", "TRF.0202"),
    }
)


class Finish:
    """One claimed run whose ranges and units are all done."""

    writer = RecordWriter

    def __init__(
        self, context: TaskContext, lease: Lease, claim: RunClaim, keeper: LeaseKeeper, worker: str
    ) -> None:
        self._context = context
        self._lease = lease
        self._claim = claim
        self._keeper = keeper
        self._worker = worker

    async def run(self) -> None:
        """The task is 5 or 4 afterwards. TaskFailed: the ledger contradicts itself. Raises StoreError, LeaseLost."""
        await self._close_uploads()
        await self._write_records()
        self._lease.check()
        found = await self._end()
        if found is None:
            raise LeaseLost
        if found.problems or found.gaps:
            log.error("run_does_not_add_up", extra={"task": self._context.facts.task_id, "found": str(found)})
            raise TaskFailed("TRF.0001", "; ".join((*found.problems, *found.gaps)))

    async def _end(self) -> Verification | None:
        return await self._context.ledger.end_run(self._claim, await self._single_reason())

    async def _close_uploads(self) -> None:
        for row in await self._context.ledger.open_uploads(self._context.facts.task_id):
            if row.state == "leaked":
                await self._sweep(row)
            else:
                await abort_recorded(self._context, row)

    async def _sweep(self, row: UploadRow) -> None:
        """What a deleted task left behind must not keep this one from its end."""
        self._lease.check()
        fields = {"task": row.task_id, "upload": row.upload_id}
        try:
            await abort_recorded(self._context, row)
        except StoreError as error:
            log.warning("upload_not_swept", extra=fields | {"why": str(error)})
        else:
            log.info("upload_swept", extra=fields)

    async def _write_records(self) -> None:
        context = self._context
        while True:
            asked_at = context.clock.monotonic()
            try:
                claim = await context.ledger.claim_record(
                    context.facts.task_id, self._worker, context.clock.now_ms(), finish=self._claim
                )
            except ListHeld as held:
                raise Waiting(HELD_AGAIN) from held
            if claim is None:
                return
            lease = self._keeper.hold(claim.fence, asked_at)
            try:
                await self.writer(context, lease, claim).run()
            except StoreError:
                await give_back(context.ledger, lease)
                raise
            except asyncio.CancelledError:
                # Who finishes next waits until no list is held.
                with suppress(TimeoutError):
                    async with asyncio.timeout(context.limits.grace / 2):
                        await give_back(context.ledger, lease)
                raise
            finally:
                self._keeper.drop(lease)

    async def _single_reason(self) -> tuple[str, str] | None:
        """The one reason that all failures share, if it concerns the bucket rather than an object (clouds.md D2)."""
        reasons: set[str] = set()
        async for payload in self._context.ledger.failed_payloads(self._claim):
            reasons.update(outcome.detail[:8] for outcome in decode(payload))
            if len(reasons) > 1:
                return None
        shared = reasons & BUCKET_WIDE
        return (min(shared), message(min(shared))) if shared else None
