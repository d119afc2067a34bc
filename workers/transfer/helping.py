"""Sending a span of parts of an object that another worker has: he decides what becomes of it (reliability 3.8)."""

import logging

from connectors.errors import Fatal, StoreError
from engine.manifest import Entry
from engine.parts import plan_of
from ledger.values import SpanClaim, StoredPart
from workers.transfer.budget import ByteBudget
from workers.transfer.context import TaskContext
from workers.transfer.cutting import until_stopped
from workers.transfer.leases import Lease
from workers.transfer.room import Room
from workers.transfer.sending import Going, PartSender
from workers.transfer.signals import Stopped
from workers.transfer.subjects import Subject

log = logging.getLogger(__name__)


class _Over(Exception):
    """The upload is complete or aborted, or the span is not ours any more."""


class SpanWork:
    """One claimed span. Nothing that goes wrong here is an outcome: the owner meets it and decides."""

    def __init__(self, context: TaskContext, lease: Lease, claim: SpanClaim, budget: ByteBudget) -> None:
        self._context = context
        self._lease = lease
        self._claim = claim
        row, span = claim.upload, claim.span
        going = Going(_subject(claim), plan_of(row.src_size, row.part_size), row)
        self._sender = PartSender(context, lease, Room(context, budget), going, self._record)
        self._sender.stored.update((part.number, part) for part in span.stored)
        self._sender.expect(range(span.first, span.last + 1))

    async def run(self) -> None:
        """Until all parts are recorded, or what is left is the owner's. Raises Stopped, LeaseLost, Fatal."""
        await until_stopped(self._context, self._lease, self._sent())

    async def _sent(self) -> None:
        ledger = self._context.ledger
        try:
            await self._sender.send()
        except Fatal:
            raise
        except StoreError as error:
            log.info("span_returned", extra={"fence": str(self._claim.fence), "why": str(error)})
            await ledger.return_span(self._claim)
        except _Over:
            await ledger.end_span(self._claim)
        else:
            if self._sender.missing:
                raise Stopped
            await ledger.end_span(self._claim)

    async def _record(self, part: StoredPart) -> bool:
        if not await self._context.ledger.add_span_parts(self._claim, [part]):
            raise _Over
        return True


def _subject(claim: SpanClaim) -> Subject:
    """The version that the upload is of, wherever it is read from."""
    row = claim.upload
    entry = Entry(claim.source_key, row.src_size, -1, row.src_etag, version=claim.version)
    return Subject.of(0, entry, row.dst_key)
