"""Pages of keys in JSON, in the order of the vendor's storage, which is not that of bytes."""

from connectors.objects import ObjectInfo
from connectors.s3.channel import Ask
from connectors.s3.dialects import Dialect
from connectors.s3.headers import plain_etag
from connectors.s3.json_answers import Answer
from connectors.s3.listing import RawPage, Wanted
from engine.failures import Operation


class QingPages:
    """The `PageForm` of QingStor. Its pages are walked: `after` is the store's marker, and pages are always full."""

    def ask(self, dialect: Dialect, wanted: Wanted, after: bytes, token: str) -> Ask:
        """See `PageForm`."""
        query: list[tuple[str, str | bytes | None]] = [("limit", "1000")]
        for name, value in (("prefix", wanted.prefix), ("delimiter", wanted.delimiter), ("marker", after)):
            if value:
                query.append((name, value))
        return Ask(Operation.LIST, "GET", query=tuple(sorted(query)))

    def parse(self, body: bytes, dialect: Dialect) -> RawPage:
        """See `PageForm`."""
        page = Answer.parse(body)
        return RawPage(
            objects=tuple(_object(one, dialect) for one in page.all("keys")),
            truncated=page.flag("has_more"),
            marker=page.key("next_marker"),
            folders=tuple(dict.fromkeys(page.keys("common_prefixes"))),
        )


def _object(entry: Answer, dialect: Dialect) -> ObjectInfo:
    word = entry.text("storage_class")
    return ObjectInfo(
        key=entry.key("key"),
        size=entry.number("size"),
        modified_ms=entry.number("modified") * 1000,
        etag=plain_etag(entry.text("etag")),
        storage_class=word,
        availability=dialect.availability(word),
    )
