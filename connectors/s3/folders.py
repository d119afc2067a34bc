"""One level of the keys at a time, as people look at a bucket."""

from connectors.objects import FolderPage
from connectors.s3.channel import Channel
from connectors.s3.listing import XML_PAGES, PageForm, Wanted, fetch


async def list_folder(
    channel: Channel, prefix: bytes, after: bytes, limit: int, form: PageForm = XML_PAGES
) -> FolderPage:
    """See `FolderLister.list_folder`."""
    page = await fetch(channel, Wanted(prefix, after, limit, "/"), form)
    return FolderPage(page.folders, page.objects, page.last() if page.truncated else None)
