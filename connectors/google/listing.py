"""Pages of keys in JSON. An end is believed only when nothing follows the last key that it shows (P-14, P-15)."""

from dataclasses import replace

from connectors.google.channel import GoogleChannel, JsonAsk
from connectors.google.resources import FIELDS, info_of
from connectors.objects import FolderPage, ObjectPage
from connectors.s3.channel import Ask
from connectors.s3.dialects import Dialect
from connectors.s3.json_answers import Answer, BrokenJson
from connectors.s3.listing import RawPage, Wanted, fetch
from engine.failures import Operation

_FIELDS = f"kind,nextPageToken,prefixes,items({FIELDS})"


class JsonPages:
    """The `PageForm` of Google. A page without a token is the last one."""

    def ask(self, dialect: Dialect, wanted: Wanted, after: bytes, token: str) -> Ask:
        """See `PageForm`. The offset is inclusive: what stands at it is dropped by the caller."""
        query: list[tuple[str, str | bytes | None]] = [
            ("fields", _FIELDS),
            ("maxResults", str(min(wanted.limit, 1000))),
            ("projection", "noAcl"),
        ]
        for name, value in (
            ("delimiter", wanted.delimiter),
            ("pageToken", token),
            ("prefix", wanted.prefix),
            ("startOffset", after),
        ):
            if value:
                query.append((name, value))
        return JsonAsk(Operation.LIST, "GET", query=tuple(sorted(query)), path="/o")

    def parse(self, body: bytes, dialect: Dialect) -> RawPage:
        """See `PageForm`."""
        page = Answer.parse(body)
        # An empty document would look like an end.
        if page.text("kind") != "storage#objects":
            raise BrokenJson("the answer is no page of objects")
        token = page.text("nextPageToken")
        return RawPage(
            objects=tuple(info_of(one) for one in page.all("items")),
            truncated=bool(token),
            token=token,
            folders=tuple(name.encode() for name in page.texts("prefixes")),
        )


_PAGES = JsonPages()


async def list_page(channel: GoogleChannel, prefix: bytes, after: bytes, limit: int) -> ObjectPage:
    """See `Lister.list_page`."""
    page = await _fetch(channel, Wanted(prefix, after, limit))
    return ObjectPage(page.objects, page.objects[-1].key if page.truncated else None)


async def list_folder(channel: GoogleChannel, prefix: bytes, after: bytes, limit: int) -> FolderPage:
    """See `FolderLister.list_folder`."""
    page = await _fetch(channel, Wanted(prefix, after, limit, "/"))
    return FolderPage(page.folders, page.objects, page.last() if page.truncated else None)


async def _fetch(channel: GoogleChannel, wanted: Wanted) -> RawPage:
    """A page; its end is looked at twice, since nothing but a missing field tells it from a page that goes on."""
    page = await fetch(channel, wanted, _PAGES)
    last = page.last()
    if page.truncated or not last:
        return page
    following = await fetch(channel, replace(wanted, after=last), _PAGES)
    return replace(page, truncated=bool(following.last()))
