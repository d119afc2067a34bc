"""Listing one key range of the source beside the destination, page by page, each page one transaction (design 5)."""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from connectors.objects import ObjectInfo, ObjectPage
from engine.digest import Digested
from engine.selection import after_for, just_after
from engine.spec import TaskType
from ledger.values import Desired, ListedPage, RangeClaim
from workers.transfer.bucket_kind import encrypts_by_default, is_file_system
from workers.transfer.context import TaskContext
from workers.transfer.destination import DestinationListing
from workers.transfer.leases import Lease
from workers.transfer.listing import pages
from workers.transfer.sifting import Sifted, Sifter
from workers.transfer.signals import LeaseLost, Stopped
from workers.transfer.splitting import split_points
from workers.transfer.url_lists import UrlSifter
from workers.transfer.verifying import VerifySifter

PAGES_BEFORE_A_CUT = 2


@dataclass(frozen=True, slots=True)
class Stride:
    """The part of a source page that lies in the range, and whether the range ends with it."""

    objects: tuple[ObjectInfo, ...]
    cursor: bytes
    last: bool


class RangeScan:
    """One claimed range on its way to its end."""

    def __init__(self, context: TaskContext, lease: Lease, claim: RangeClaim) -> None:
        self._context = context
        self._lease = lease
        self._claim = claim
        self._hi = claim.hi
        self._destination = DestinationListing(context, claim.prefix)
        self._listed = context.facts.spec.task_type in (TaskType.LIST, TaskType.URL_LIST)
        self._sifter = (VerifySifter if context.facts.verifies else Sifter)(context)
        self._start = claim.cursor or after_for(claim.lo, claim.prefix)

    async def run(self) -> None:
        """To the end of the range. Raises Stopped, LeaseLost, StoreError."""
        await self._ask_the_bucket()
        self._context.scans += 1
        try:
            await self._scan()
        finally:
            self._context.scans -= 1

    async def _scan(self) -> None:
        page_no, after = self._claim.page_no, self._start
        async with aclosing(pages(self._context, self._claim, self._start, lambda: self._hi)) as found:
            async for page in found:
                stride = self._within(page)
                listed = Digested([(one.key, one.size, one.etag) for one in stride.objects])
                sifted = await self._sift(stride.objects, after, listed)
                self._lease.check()
                await self._save(page_no, stride, sifted, listed)
                if stride.last:
                    return
                page_no, after = page_no + 1, stride.cursor
                if page_no >= self._claim.page_no + PAGES_BEFORE_A_CUT:
                    await self._spread(stride)

    async def _ask_the_bucket(self) -> None:
        """A verification writes nothing, so it need not know."""
        context = self._context
        if context.facts.verifies:
            return
        sifter = UrlSifter if context.facts.spec.task_type is TaskType.URL_LIST else Sifter
        self._sifter = sifter(
            context,
            check_encryption=await encrypts_by_default(context),
            file_system=await is_file_system(context),
        )

    def _within(self, page: ObjectPage) -> Stride:
        low, hi = max(self._claim.lo, just_after(self._claim.cursor)), self._hi
        inside = tuple(one for one in page.objects if low <= one.key and (hi is None or one.key < hi))
        passed = bool(page.objects) and hi is not None and page.objects[-1].key >= hi
        cursor = inside[-1].key if inside else (page.after or b"")
        return Stride(self._sifter.sources(inside), cursor, last=passed or page.after is None)

    async def _sift(self, objects: Sequence[ObjectInfo], after: bytes, listed: Digested) -> Sifted:
        sifter = self._sifter
        sights = await self._destination.look(
            [sifter.renamed(one.key) for one in objects], sifter.renamed(after)
        )
        return sifter.sift(objects, sights, listed)

    async def _save(self, page_no: int, stride: Stride, sifted: Sifted, listed: Digested) -> None:
        page = ListedPage(
            page_no=page_no,
            cursor=stride.cursor,
            listed=len(stride.objects),
            listed_bytes=sum(max(one.size, 0) for one in stride.objects),
            digest=listed.digest.to_bytes(),
            units=sifted.units,
            segments=sifted.segments,
            last=stride.last,
        )
        saved = await self._context.ledger.save_page(self._claim, page)
        if not saved.alive:
            raise LeaseLost
        if saved.desired is not Desired.RUN or self._context.stopping.is_set():
            raise Stopped
        await self._wait_for_backlog(saved.backlog)

    async def _wait_for_backlog(self, backlog: int) -> None:
        """Listing far ahead of copying only fills the ledger."""
        context = self._context
        while backlog > context.limits.backlog:
            await context.clock.sleep(0.2)
            if context.stopping.is_set():
                raise Stopped
            self._lease.check()
            backlog = context.backlog()

    async def _spread(self, stride: Stride) -> None:
        """A range that goes on is cut when more could be listed than there are, here or by others."""
        context, traits = self._context, self._context.pair.source.traits
        if self._listed or not (stride.objects and traits.ordered and traits.start_after):
            return
        idle = max(context.limits.ranges - context.scans, context.idle_lanes())
        now = context.clock.monotonic()
        if idle <= context.open_ranges() or now < context.cut_at + context.limits.cut_every:
            return
        context.cut_at = now
        points = await split_points(context, self._claim, stride.objects[0].key, stride.cursor, self._hi)
        for point in reversed(points):
            if not await context.ledger.split_range(self._claim, point):
                raise LeaseLost
            self._hi = point
