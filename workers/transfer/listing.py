"""The pages of a range: from the source's own listing, in order or sorted, from one HEAD, or from a list file."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from itertools import islice
from pathlib import Path

from connectors.capabilities import Walker
from connectors.errors import NotFound
from connectors.objects import ObjectInfo, ObjectPage
from engine.listfile import ListRefused
from engine.policy import UNKNOWN
from engine.spec import TaskType
from ledger.values import RangeClaim
from workers.transfer.context import TaskContext
from workers.transfer.lists import ListFile, sort_list
from workers.transfer.runs import spool_folder
from workers.transfer.signals import TaskFailed
from workers.transfer.url_lists import url_pages
from workers.transfer.walking import walked_pages

PAGE = 1000


def pages(
    context: TaskContext, claim: RangeClaim, start: bytes, end: Callable[[], bytes | None]
) -> AsyncGenerator[ObjectPage, None]:
    """Pages in key order from after `start` on, one asked for ahead; the last one is not truncated.

    None is asked for ahead that lies behind `end()`, where the range ends now: it may be cut meanwhile.
    """
    if context.facts.spec.task_type is TaskType.LIST:
        return _listed_pages(context, start)
    if context.facts.spec.task_type is TaskType.URL_LIST:
        return url_pages(context, start)
    if claim.exact:
        return _single_page(context, claim)
    source = context.pair.source
    if not source.traits.ordered and isinstance(source, Walker):
        return walked_pages(context, source, claim.prefix, start)
    return _store_pages(context, claim, start, end)


async def _store_pages(
    context: TaskContext, claim: RangeClaim, start: bytes, end: Callable[[], bytes | None]
) -> AsyncGenerator[ObjectPage, None]:
    def ask(after: bytes) -> asyncio.Future[ObjectPage]:
        store = context.pair.source
        return asyncio.ensure_future(context.source(lambda: store.list_page(claim.prefix, after, PAGE)))

    coming: asyncio.Future[ObjectPage] | None = ask(start)
    try:
        while coming is not None:
            page = await coming
            hi = end()
            more = page.after is not None and (hi is None or page.after < hi)
            coming = ask(page.after) if more and page.after is not None else None
            yield page
            if coming is None and page.after is not None:
                coming = ask(page.after)
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)


async def _single_page(context: TaskContext, claim: RangeClaim) -> AsyncGenerator[ObjectPage, None]:
    """An object that is named: gone since the start is an empty range, and then TRF.0012 or nothing."""
    try:
        head = await context.source(lambda: context.pair.source.head(claim.lo))
    except NotFound:
        yield ObjectPage((), None)
        return
    yield ObjectPage((head.info,), None)


async def _listed_pages(context: TaskContext, start: bytes) -> AsyncGenerator[ObjectPage, None]:
    """Lines as objects of unknown size and version; equal keys always share a page, in the order of their lines."""
    with spool_folder() as folder:
        try:
            lines = await sort_list(ListFile(context), Path(folder))
        except ListRefused as refused:
            raise TaskFailed(refused.code, str(refused)) from refused
        rows = lines.read(start)
        page = [_unknown(line.key) for line in islice(rows, PAGE)]
        for line in rows:
            if len(page) >= PAGE and line.key != page[-1].key:
                yield ObjectPage(tuple(page), page[-1].key)
                page = []
            page.append(_unknown(line.key))
        yield ObjectPage(tuple(page), None)


def _unknown(key: bytes) -> ObjectInfo:
    return ObjectInfo(key, UNKNOWN, UNKNOWN, "")
