"""Containers of Azure, and the listings of what they hold (clouds.md B7)."""

from __future__ import annotations

import base64
import re
import time
from urllib.parse import quote

from tests.storeserver import buckets, xml
from tests.storeserver.azure_shown import content_md5, date, tier
from tests.storeserver.listing import Page, collect, spoil, spoil_xml
from tests.storeserver.message import Request, Response, S3Error
from tests.storeserver.model import Version
from tests.storeserver.service import Service

_NO_XML = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]")


def list_buckets(service: Service, request: Request) -> Response:
    """The containers of the account."""
    found = sorted(service.storage.buckets)
    prefix, marker = (request.query.get(name, b"").decode() for name in ("prefix", "marker"))
    left = [name for name in found if name.startswith(prefix) and name > marker]
    shown = left[: _limit(request)]
    entries = b"".join(
        b"<Container>%b<Properties>%b</Properties></Container>"
        % (xml.element("Name", name), xml.element("Last-Modified", date(service.storage.buckets[name].created)))
        for name in shown
    )  # fmt: skip
    following = shown[-1] if len(left) > len(shown) else ""
    return xml.answer(
        request,
        "EnumerationResults",
        b"<Containers>%b</Containers>" % entries,
        xml.element("NextMarker", following),
    )


def head_bucket(service: Service, request: Request) -> Response:
    """Whether a container is there."""
    bucket = service.bucket(request.bucket)
    headers = [("ETag", '"0x8D"'), ("Last-Modified", date(bucket.created))]
    return Response(200, headers, head_only=request.method == "HEAD")


def create_bucket(service: Service, request: Request) -> Response:
    """A new container."""
    buckets.create(service, request)
    return Response(201, [("ETag", '"0x8D"'), ("Last-Modified", date(service.now()))])


def delete_bucket(service: Service, request: Request) -> Response:
    """Without a container."""
    service.bucket(request.bucket)
    service.storage.delete_bucket(request.bucket)
    return Response(202)


def list_page(service: Service, request: Request) -> Response:
    """A page of blobs, from its marker on."""
    query, bucket = request.query, service.bucket(request.bucket)
    prefix, delimiter = query.get("prefix", b""), query.get("delimiter", b"")
    after = _position(query.get("marker", b""))
    how = request.fault.page if request.fault else ""
    page = collect(bucket, prefix, delimiter, b"" if how == "repeat" else after, _limit(request))
    spoil(page, how, after)
    entries = b"".join(_entry(request, name, version) for name, version in page.entries)
    children = [
        xml.element("MaxResults", _limit(request)),
        b"<Blobs>%b</Blobs>" % entries,
        b"" if how == "no_token" else _next_marker(page),
    ]
    response = xml.answer(request, "EnumerationResults", b"<Prefix></Prefix>", *children)
    return spoil_xml(request, response)


def _next_marker(page: Page) -> bytes:
    return xml.element("NextMarker", _marker(page.next) if page.truncated else b"")


def _marker(name: bytes) -> bytes:
    return b"2!" + base64.urlsafe_b64encode(name)


def _position(marker: bytes) -> bytes:
    try:
        return base64.urlsafe_b64decode(marker.removeprefix(b"2!"))
    except ValueError as broken:
        raise S3Error(400, "OutOfRangeInput", "The marker is none.") from broken


def _limit(request: Request) -> int:
    raw = request.query.get("maxresults", b"5000")
    if not raw.isdigit() or int(raw) < 1:
        raise S3Error(400, "OutOfRangeQueryParameterValue", "maxresults is out of range.")
    return min(int(raw), 5000)


def _name(name: bytes) -> bytes:
    if _NO_XML.search(name):
        return b'<Name Encoded="true">%b</Name>' % quote(name, safe="").encode()
    return xml.element("Name", name)


def _entry(request: Request, name: bytes, version: Version | None) -> bytes:
    if version is None:
        return b"<BlobPrefix>%b</BlobPrefix>" % _name(name)
    told = [
        xml.element("Last-Modified", date(version.modified)),
        xml.element("Etag", request.flavor.etag(version.etag)),
        xml.element("Content-Length", version.size),
        xml.element(
            "Content-Type", version.properties.headers.get("content-type", "application/octet-stream")
        ),
        xml.element("Content-MD5", content_md5(version)),
        xml.element("BlobType", "BlockBlob"),
        xml.element("AccessTier", tier(request, version)),
    ]
    if version.restore_state(time.time()) == "ongoing":
        told.append(xml.element("ArchiveStatus", "rehydrate-pending-to-hot"))
    return b"<Blob>%b<Properties>%b</Properties></Blob>" % (_name(name), b"".join(told))


def list_uncommitted(service: Service, request: Request) -> Response:
    """Blobs that have blocks which no list names."""
    bucket, prefix = service.bucket(request.bucket), request.query.get("prefix", b"")
    keys = sorted(key for name, key in service.blocks if name == bucket.name and key.startswith(prefix))
    told = xml.element("Last-Modified", date(service.now())) + xml.element("Content-Length", 0)
    entries = b"".join(b"<Blob>%b<Properties>%b</Properties></Blob>" % (_name(key), told) for key in keys)
    return xml.answer(
        request, "EnumerationResults", b"<Blobs>%b</Blobs>" % entries, xml.element("NextMarker", "")
    )
