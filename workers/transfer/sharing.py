"""A large upload's owner lets other workers send the parts that he is far from (reliability 3.8).

Each part is recorded, in a span of the ledger, or else the owner's: whatever becomes of those who help, none is lost.
"""

import asyncio
from collections import deque
from collections.abc import Iterable

from engine.parts import spans_to_share
from ledger.values import StoredPart, UnitClaim
from workers.transfer.context import TaskContext
from workers.transfer.sending import PartSender
from workers.transfer.signals import LeaseLost

# Seconds between two looks at what others have.
LOOK = 0.5


class Sharing:
    """What is out of the parts of one upload. Nothing, where the whole has to pass here in its order."""

    def __init__(self, context: TaskContext, claim: UnitClaim, sender: PartSender) -> None:
        self._context = context
        self._claim = claim
        self._sender = sender
        self._row = sender.going.row
        # Parts that were in spans when we last knew.
        self._out: set[int] = set()
        # Whether a span may be there that nobody holds.
        self._free = True
        self._asking = asyncio.Lock()

    async def begin(self) -> None:
        """Offer what is missing beyond the first span, when it is much. Raises LeaseLost."""
        sender, row = self._sender, self._row
        if sender.whole is not None:
            return
        # What the owner before us has offered is out still.
        self._lend(await self._context.ledger.shared_spans(row))
        limits, plan = self._context.limits, sender.going.plan
        if len(sender.missing) * plan.part_size >= limits.shared_bytes:
            per_span = max(1, limits.span_bytes // plan.part_size)
            spans = spans_to_share(sender.missing, plan.count, per_span)
            listed, version = sender.going.subject.source_key, sender.going.subject.version
            if not await self._context.ledger.share_parts(self._claim, row, listed, version, spans):
                raise LeaseLost
            self._lend(spans)
        if self._out:
            sender.refill = self.refill

    async def refill(self) -> None:
        """Take back a span that nobody holds when there is soon nothing to send."""
        async with self._asking:
            if self._free and len(self._sender.missing) < self._sender.lanes:
                await self._take_back()

    async def rest(self) -> None:
        """Wait until there is something to send, or all that others have sent is known. Raises LeaseLost."""
        context = self._context
        while self._out and not context.stopping.is_set():
            # In this order: the parts of a span that is gone by now are recorded.
            if not await context.ledger.shared_spans(self._row):
                await self._recorded()
            elif not await self._take_back():
                await context.clock.sleep(LOOK)
                continue
            return

    def _lend(self, spans: Iterable[tuple[int, int]]) -> None:
        for first, last in spans:
            self._out.update(range(first, last + 1))
        self._sender.missing = deque(one for one in self._sender.missing if one not in self._out)

    async def _take_back(self) -> bool:
        span = await self._context.ledger.take_span(self._claim, self._row)
        self._free = span is not None
        if span is not None:
            self._back(range(span.first, span.last + 1), span.stored)
        return self._free

    async def _recorded(self) -> None:
        """No span is left. A part that is not recorded was in one whose way back to us got lost."""
        found = await self._context.ledger.find_upload(self._claim, self._sender.going.subject.idx)
        if found is None or found.id != self._row.id:
            raise LeaseLost
        self._back(sorted(self._out), found.parts)

    def _back(self, numbers: Iterable[int], recorded: Iterable[StoredPart]) -> None:
        """These are ours again; what others have recorded of what was out is done."""
        sender = self._sender
        for part in recorded:
            if part.number in self._out:
                sender.stored.setdefault(part.number, part)
        sender.expect(number for number in numbers if number in self._out)
        self._out.difference_update(numbers)
