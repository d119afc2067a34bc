"""Listings whose order is the store's own: page by page after the store's marker, to the end (clouds.md B9)."""

from collections.abc import AsyncIterator
from itertools import islice

from connectors.objects import ObjectInfo, WalkedPage
from connectors.s3.channel import Channel
from connectors.s3.errors import broken
from connectors.s3.listing import PageForm, RawPage, Wanted, check_folders
from connectors.s3.xml import BrokenXml
from connectors.wire import WireAnswer
from engine.failures import Operation


async def walk_page(channel: Channel, prefix: bytes, marker: bytes, form: PageForm) -> WalkedPage:
    """See `Walker.walk_page`."""
    page, _ = await _page(channel, Wanted(prefix, b"", 1000), marker, form)
    return WalkedPage(page.objects, page.marker if page.truncated else None)


async def smallest(channel: Channel, wanted: Wanted, form: PageForm) -> RawPage:
    """The first names greater than `wanted.after` in byte order, found by a walk over everything in little memory."""
    kept: dict[bytes, ObjectInfo | None] = {}
    dropped = False
    async for page in _walk(channel, wanted, form):
        kept |= dict.fromkeys(folder for folder in page.folders if folder > wanted.after)
        kept |= {info.key: info for info in page.objects if info.key > wanted.after}
        dropped = dropped or len(kept) > wanted.limit
        kept = {name: kept[name] for name in islice(sorted(kept), wanted.limit)}
    return RawPage(
        objects=tuple(info for info in kept.values() if info is not None),
        truncated=dropped and bool(kept),
        folders=tuple(name for name, info in kept.items() if info is None),
    )


async def _walk(channel: Channel, wanted: Wanted, form: PageForm) -> AsyncIterator[RawPage]:
    marker, seen = b"", set[bytes]()
    while True:
        page, answer = await _page(channel, wanted, marker, form)
        yield page
        if not page.truncated:
            return
        marker = page.marker
        if marker in seen:
            raise broken(Operation.LIST, answer, "the listing repeats its marker")
        seen.add(marker)


async def _page(
    channel: Channel, wanted: Wanted, marker: bytes, form: PageForm
) -> tuple[RawPage, WireAnswer]:
    """One page and the answer that brought it. Raises Corrupted for one that cannot be, or shows no way on."""
    answer = await channel.call(form.ask(channel.dialect, wanted, marker, ""))
    try:
        page = form.parse(answer.document, channel.dialect)
        check_folders(tuple(sorted(page.folders)), wanted)
        if any(not info.key or not info.key.startswith(wanted.prefix) for info in page.objects):
            raise BrokenXml("the page holds a key outside the prefix")
        if page.truncated and page.marker in (b"", marker):
            raise BrokenXml("a truncated page shows no way on")
    except (ValueError, TypeError) as error:
        raise broken(Operation.LIST, answer, str(error)[:200]) from error
    return page, answer
