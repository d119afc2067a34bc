"""Listing pages: V1 and V2, in UTF-8 byte order, with prefix, delimiter and markers."""

from __future__ import annotations

import base64
import binascii
import functools
import re
import time
from dataclasses import dataclass
from urllib.parse import quote

from tests.storeserver.flavors import Flavor
from tests.storeserver.message import Request, Response, S3Error, shown_time
from tests.storeserver.model import Bucket, Version
from tests.storeserver.xml import answer, element, escape

MAX_KEYS = 1000
_OWNER = b"<Owner><ID>storeserver</ID><DisplayName>storeserver</DisplayName></Owner>"
_PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/-_."
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_ENTRY = (
    b"<Contents><Key>%b</Key><LastModified>%b</LastModified><ETag>&quot;%b&quot;</ETag>"
    b"<Size>%d</Size>%b%b</Contents>"
)


@dataclass(slots=True)
class Page:
    """One page of a listing: objects and common prefixes in order, and where the next one starts."""

    entries: list[tuple[bytes, Version | None]]
    truncated: bool
    next: bytes = b""


def max_keys(request: Request, name: str = "max-keys") -> int:
    """The page size asked for, at most 1,000."""
    raw = request.query.get(name, b"")
    if not raw:
        return MAX_KEYS
    if not raw.isdigit():
        raise S3Error(400, "InvalidArgument", f"Argument {name} must be an integer between 0 and 2147483647")
    return min(int(raw), MAX_KEYS)


def url_encoding(request: Request) -> str:
    """How names are to be encoded, "" for not at all; raises InvalidArgument for another encoding."""
    wanted = request.query.get("encoding-type")
    if wanted is not None and wanted.lower() != b"url":
        raise S3Error(400, "InvalidArgument", "Invalid Encoding Method specified in Request")
    if not request.flavor.encodes_listing:
        return "replaced"
    return request.flavor.encoding if wanted is not None else ""


def encode_name(name: bytes, *, url: str) -> bytes:
    """A key as it stands in the page: encoded in one of the manners of `Flavor`, or as it is."""
    if url != "all" and not name.translate(None, _PLAIN):
        return name
    match url:
        case "form":
            return quote(name, safe="/-_.*").replace("%20", "+").encode()
        case "percent":
            return quote(name, safe="/").encode()
        case "all":
            return quote(name, safe="").encode()
        case "replaced":
            return _replaced(name)
        case _:
            return escape(name)


def _replaced(name: bytes) -> bytes:
    """Escaped as Go's XML writer does: white space by number, and U+FFFD for what XML cannot hold."""
    text = _NO_XML.sub("\ufffd", name.decode("utf-8", "replace"))
    raw = escape(text.encode())
    return raw.replace(b"\t", b"&#x9;").replace(b"\n", b"&#xA;")


def successor(prefix: bytes) -> bytes | None:
    """The smallest key above all that begin with `prefix`; None when there is none."""
    trimmed = prefix.rstrip(b"\xff")
    return trimmed[:-1] + bytes([trimmed[-1] + 1]) if trimmed else None


def collect(
    bucket: Bucket, prefix: bytes, delimiter: bytes, after: bytes, limit: int, *, inclusive: bool = False
) -> Page:
    """Up to `limit` entries strictly after `after`, or from it on."""
    page = Page([], False)
    start: bytes | None = prefix
    exclusive = False
    if after >= prefix:
        start, exclusive = after, not inclusive
        if not inclusive and delimiter and after > prefix and _rolled(after, prefix, delimiter) == after:
            start, exclusive = successor(after), False
    while start is not None and limit > 0:
        start = _run(bucket, prefix, delimiter, start, limit, page, exclusive=exclusive)
        exclusive = False
    return page


def _rolled(key: bytes, prefix: bytes, delimiter: bytes) -> bytes:
    at = key.find(delimiter, len(prefix))
    return key[: at + len(delimiter)] if at >= 0 else b""


def _run(
    bucket: Bucket, prefix: bytes, delimiter: bytes, start: bytes, limit: int, page: Page, *, exclusive: bool
) -> bytes | None:
    """Take entries until the end, a full page, or a common prefix; returns where to seek on."""
    for version in bucket.seek(start, exclusive=exclusive):
        key = version.key
        if not key.startswith(prefix):
            return None
        rolled = _rolled(key, prefix, delimiter) if delimiter else b""
        if len(page.entries) == limit:
            page.truncated, page.next = True, page.entries[-1][0]
            return None
        if rolled:
            page.entries.append((rolled, None))
            return successor(rolled)
        page.entries.append((key, version))
    return None


def _token(position: bytes) -> bytes:
    return base64.urlsafe_b64encode(b"1" + position)


def _position(token: bytes) -> bytes:
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as broken:
        raise S3Error(400, "InvalidArgument", "The continuation token provided is incorrect") from broken
    if raw[:1] != b"1":
        raise S3Error(400, "InvalidArgument", "The continuation token provided is incorrect")
    return raw[1:]


def list_objects(request: Request, bucket: Bucket) -> Response:
    """Answer a listing of either version; a fault may spoil the page."""
    query = request.query
    second = query.get("list-type") == b"2"
    url, limit = url_encoding(request), max_keys(request)
    prefix, delimiter = query.get("prefix", b""), query.get("delimiter", b"")
    if second:
        token = query.get("continuation-token")
        # The SDK of OSS sends an empty token with its first request.
        given = token if request.flavor.name == "oss" else token is not None
        after = _position(token or b"") if given else query.get("start-after", b"")
    else:
        after = query.get("marker", b"")
    how = request.fault.page if request.fault else ""
    page = collect(bucket, prefix, delimiter, b"" if how == "repeat" else after, limit)
    spoil(page, how, after)
    parts = [element("Name", bucket.name), b"<Prefix>%b</Prefix>" % encode_name(prefix, url=url)]
    parts += _second_head(page, query, url=url) if second else _first_head(request, page, url=url)
    parts.append(element("MaxKeys", limit))
    if delimiter:
        parts.append(b"<Delimiter>%b</Delimiter>" % encode_name(delimiter, url=url))
    if url and url != "replaced":
        parts.append(b"<EncodingType>url</EncodingType>")
    parts.append(
        b"<IsTruncated>true</IsTruncated>" if page.truncated else b"<IsTruncated>false</IsTruncated>"
    )
    owner = not second or query.get("fetch-owner") == b"true"
    parts += [_contents(request, name, v, url=url, owner=owner) for name, v in page.entries if v is not None]
    prefixes = [name for name, v in page.entries if v is None]
    parts += [
        b"<CommonPrefixes><Prefix>%b</Prefix></CommonPrefixes>" % encode_name(n, url=url) for n in prefixes
    ]
    return spoil_xml(request, answer(request, "ListBucketResult", *parts))


def _first_head(request: Request, page: Page, *, url: str) -> list[bytes]:
    parts = [b"<Marker>%b</Marker>" % encode_name(request.query.get("marker", b""), url=url)]
    if page.next and (request.flavor.next_marker or request.query.get("delimiter")):
        wrong = request.flavor.wrong_marker and page.entries
        told = page.entries[0][0] if wrong else page.next
        parts.append(b"<NextMarker>%b</NextMarker>" % encode_name(told, url=url))
    return parts


def _second_head(page: Page, query: dict[str, bytes], *, url: str) -> list[bytes]:
    parts = [element("KeyCount", len(page.entries))]
    if "continuation-token" in query:
        parts.append(element("ContinuationToken", query["continuation-token"]))
    if "start-after" in query:
        parts.append(b"<StartAfter>%b</StartAfter>" % encode_name(query["start-after"], url=url))
    if page.next:
        parts.append(element("NextContinuationToken", _token(page.next)))
    return parts


def _contents(request: Request, key: bytes, version: Version, *, url: str, owner: bool) -> bytes:
    return _ENTRY % (
        encode_name(key, url=url),
        shown_time(request, version.modified).encode(),
        request.flavor.etag(version.etag).encode(),
        version.size,
        _OWNER if owner else b"",
        _class_element(version.properties.storage_class, request.flavor) + _more(request, version),
    )  # fmt: skip


@functools.lru_cache(maxsize=64)
def _class_element(storage_class: str, flavor: Flavor) -> bytes:
    return element("StorageClass", flavor.class_name(storage_class))


def _more(request: Request, version: Version) -> bytes:
    """What OSS tells of an object besides."""
    if request.flavor.name != "oss":
        return b""
    kind = element("Type", "Multipart" if version.upload_id else "Normal")
    match version.restore_state(time.time()) if version.restore_ready else "":
        case "ongoing":
            return kind + element("RestoreInfo", 'ongoing-request="true"')
        case "restored":
            return kind + element("RestoreInfo", 'ongoing-request="false", expiry-date="some day"')
    return kind


def spoil(page: Page, how: str, after: bytes) -> None:
    """Make a page lie in the way that a fault script names."""
    match how:
        case "no_token":
            page.truncated, page.next = True, b""
        case "same_token":
            page.truncated, page.next = True, after
        case "empty":
            page.entries, page.truncated = [], True
            page.next = after or b"\x01"
        case "unordered":
            page.entries.reverse()
        case "duplicate" if page.entries:
            page.entries.append(page.entries[-1])
        case _:
            pass


def spoil_xml(request: Request, response: Response) -> Response:
    """Make a document lie in the way that a fault script names."""
    match request.fault.xml if request.fault else "":
        case "broken":
            response.body = response.body[: len(response.body) * 2 // 3]
        case "doctype":
            head, _, rest = response.body.partition(b"?>\n")
            bomb = b'<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>\n'
            response.body = (
                head + b"?>\n" + bomb + rest.replace(b"<Prefix></Prefix>", b"<Prefix>&b;</Prefix>", 1)
            )
        case "empty":
            response.body = b""
        case _:
            pass
    return response
