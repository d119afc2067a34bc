"""Pages of keys in JSON, which carries every character without an encoding."""

from connectors.objects import ObjectInfo
from connectors.s3.channel import Ask
from connectors.s3.dates import iso_ms
from connectors.s3.dialects import Dialect
from connectors.s3.headers import plain_etag
from connectors.s3.json_answers import Answer
from connectors.s3.listing import RawPage, Wanted
from engine.failures import Operation


class JsonPages:
    """The `PageForm` of BOS."""

    def ask(self, dialect: Dialect, wanted: Wanted, after: bytes, token: str) -> Ask:
        """See `PageForm`."""
        query: list[tuple[str, str | bytes | None]] = [("maxKeys", str(min(wanted.limit, 1000)))]
        for name, value in (("prefix", wanted.prefix), ("delimiter", wanted.delimiter), ("marker", after)):
            if value:
                query.append((name, value))
        return Ask(Operation.LIST, "GET", query=tuple(sorted(query)), headers=dialect.list_headers)

    def parse(self, body: bytes, dialect: Dialect) -> RawPage:
        """See `PageForm`."""
        page = Answer.parse(body)
        return RawPage(
            objects=tuple(_object(one, dialect) for one in page.all("contents")),
            truncated=page.flag("isTruncated"),
            marker=page.key("nextMarker"),
            folders=tuple(one.key("prefix") for one in page.all("commonPrefixes")),
        )


def _object(entry: Answer, dialect: Dialect) -> ObjectInfo:
    word = entry.text("storageClass")
    return ObjectInfo(
        key=entry.key("key"),
        size=entry.number("size"),
        modified_ms=iso_ms(entry.text("lastModified")),
        etag=plain_etag(entry.text("eTag")),
        storage_class=word,
        availability=dialect.availability(word),
    )
