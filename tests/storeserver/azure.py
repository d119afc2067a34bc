"""Azure's operations: containers, listings by marker, whole blobs, blocks, tiers, refusals (clouds.md B7)."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable
from urllib.parse import quote

from tests.storeserver import buckets, xml
from tests.storeserver.body import Body, Reader
from tests.storeserver.conditions import check_read, check_write, parse_range
from tests.storeserver.listing import Page, collect, spoil, spoil_xml
from tests.storeserver.message import Request, Response, S3Error, http_date
from tests.storeserver.model import ARCHIVED, Bucket, Properties, Version
from tests.storeserver.naming import STANDARD_HEADERS
from tests.storeserver.objects import body_bytes, check_digest
from tests.storeserver.service import Service, no_such_key

_FOREVER = 10.0**12
_NO_XML = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CODES = {
    "NoSuchBucket": "ContainerNotFound",
    "NoSuchKey": "BlobNotFound",
    "AccessDenied": "AuthorizationPermissionMismatch",
    "PreconditionFailed": "ConditionNotMet",
    "BadDigest": "Md5Mismatch",
    "InvalidDigest": "InvalidMd5",
    "KeyTooLongError": "OutOfRangeInput",
    "BucketAlreadyOwnedByYou": "ContainerAlreadyExists",
}


def refuse(request: Request, error: S3Error, request_id: str) -> Response:
    """A refusal in Azure's words; those of a fault script stay as they are."""
    scripted = request.fault is not None and request.fault.status
    code = error.code if scripted else _CODES.get(error.code, error.code)
    headers = [("x-ms-request-id", request_id), ("x-ms-error-code", code), *error.headers]
    if request.method == "HEAD":
        return Response(error.status, headers, head_only=True)
    extra = b"".join(xml.element(name, value) for name, value in error.extra.items())
    body = b"<Error>%b%b%b</Error>" % (
        xml.element("Code", code), xml.element("Message", error.message), extra,
    )  # fmt: skip
    return Response(error.status, [*headers, ("Content-Type", "application/xml")], body)


# --- containers ----------------------------------------------------------------------------------------


def _list_buckets(service: Service, request: Request) -> Response:
    found = sorted(service.storage.buckets)
    prefix, marker = (request.query.get(name, b"").decode() for name in ("prefix", "marker"))
    left = [name for name in found if name.startswith(prefix) and name > marker]
    shown = left[: _limit(request)]
    entries = b"".join(
        b"<Container>%b<Properties>%b</Properties></Container>"
        % (xml.element("Name", name), xml.element("Last-Modified", _date(service.storage.buckets[name].created)))
        for name in shown
    )  # fmt: skip
    following = shown[-1] if len(left) > len(shown) else ""
    return xml.answer(
        request,
        "EnumerationResults",
        b"<Containers>%b</Containers>" % entries,
        xml.element("NextMarker", following),
    )


def _head_bucket(service: Service, request: Request) -> Response:
    bucket = service.bucket(request.bucket)
    headers = [("ETag", '"0x8D"'), ("Last-Modified", _date(bucket.created))]
    return Response(200, headers, head_only=request.method == "HEAD")


def _create_bucket(service: Service, request: Request) -> Response:
    buckets.create(service, request)
    return Response(201, [("ETag", '"0x8D"'), ("Last-Modified", _date(service.now()))])


def _delete_bucket(service: Service, request: Request) -> Response:
    service.bucket(request.bucket)
    service.storage.delete_bucket(request.bucket)
    return Response(202)


# --- listings ------------------------------------------------------------------------------------------


def _list_page(service: Service, request: Request) -> Response:
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
        xml.element("Last-Modified", _date(version.modified)),
        xml.element("Etag", request.flavor.etag(version.etag)),
        xml.element("Content-Length", version.size),
        xml.element(
            "Content-Type", version.properties.headers.get("content-type", "application/octet-stream")
        ),
        xml.element("Content-MD5", _md5(version)),
        xml.element("BlobType", "BlockBlob"),
        xml.element("AccessTier", _tier(request, version)),
    ]
    if version.restore_state(time.time()) == "ongoing":
        told.append(xml.element("ArchiveStatus", "rehydrate-pending-to-hot"))
    return b"<Blob>%b<Properties>%b</Properties></Blob>" % (_name(name), b"".join(told))


# --- whole blobs ---------------------------------------------------------------------------------------


def _tier(request: Request, version: Version) -> str:
    restored = version.restore_state(time.time()) == "restored"
    return "Hot" if restored else request.flavor.class_name(version.properties.storage_class)


def _md5(version: Version) -> str:
    """The MD5 that a blob has of its own: blobs of blocks have none."""
    return base64.b64encode(bytes.fromhex(version.body.md5)).decode() if version.body.md5 else ""


def _describe(request: Request, version: Version, now: float) -> list[tuple[str, str]]:
    properties = version.properties
    shown = {"content-type": "application/octet-stream"} | properties.headers
    result = [
        ("Last-Modified", _date(version.modified)),
        ("ETag", f'"{request.flavor.etag(version.etag)}"'),
        ("Accept-Ranges", "bytes"),
        ("x-ms-blob-type", "BlockBlob"),
        ("x-ms-server-encrypted", "true"),
        *((STANDARD_HEADERS[name], value) for name, value in shown.items()),
        *((f"x-ms-meta-{name}", value) for name, value in properties.metadata.items()),
    ]
    if request.method == "HEAD":
        result.append(("x-ms-access-tier", _tier(request, version)))
        if version.restore_state(now) == "ongoing":
            result.append(("x-ms-archive-status", "rehydrate-pending-to-hot"))
    return result


def _found(service: Service, request: Request) -> Version:
    found = service.bucket(request.bucket).newest(request.key)
    if found is None:
        raise no_such_key(request.key)
    return found


def _read(service: Service, request: Request) -> Response:
    version, now = _found(service, request), service.now()
    headers = _describe(request, version, now)
    if check_read(request, version):
        return Response(304, headers, head_only=True)
    if request.method == "HEAD":
        if md5 := _md5(version):
            headers.append(("Content-MD5", md5))
        return Response(200, headers, length=version.size, head_only=True)
    if not version.readable(now):
        under_way = version.restore_state(now) == "ongoing"
        raise S3Error(409, "BlobBeingRehydrated" if under_way else "BlobArchived", "The blob is archived.")
    asked = request.headers.get("x-ms-range") or request.headers.get("range")
    span = (
        None if request.fault is not None and request.fault.ignore_range else parse_range(asked, version.size)
    )
    start, end = span or (0, version.size)
    if md5 := _md5(version):
        headers.append(("x-ms-blob-content-md5" if span else "Content-MD5", md5))
    if span is not None:
        headers.append(("Content-Range", f"bytes {start}-{end - 1}/{version.size}"))
    reader = Reader(service.storage.files, version.body, start, end)
    return Response(206 if span else 200, headers, reader=reader, start=start, length=end - start)


def _properties(service: Service, request: Request) -> Properties:
    headers = request.headers
    standard = {
        name: headers[f"x-ms-blob-{name}"] for name in STANDARD_HEADERS if f"x-ms-blob-{name}" in headers
    }
    metadata = {name[10:]: value for name, value in headers.items() if name.startswith("x-ms-meta-")}
    if not all(map(_IDENTIFIER.fullmatch, metadata)):
        raise S3Error(400, "InvalidMetadata", "A name is no identifier.")
    if sum(len(name) + len(value) for name, value in metadata.items()) > service.config.max_meta_bytes:
        raise S3Error(400, "MetadataTooLarge", "The metadata is too large.")
    word = headers.get("x-ms-access-tier", "Hot")
    name = request.flavor.class_of(word)
    if name is None:
        raise S3Error(400, "InvalidHeaderValue", "There is no such tier.")
    return Properties(standard, metadata, name)


def _stored(service: Service, request: Request, body: Body, etag: str) -> Response:
    bucket = service.bucket(request.bucket)
    _check_condition(request, bucket)
    version = Version(request.key, body, etag, service.now(), _properties(service, request))
    service.storage.put(bucket, version)
    service.blocks.pop((bucket.name, request.key), None)
    headers = [("ETag", f'"{request.flavor.etag(etag)}"'), ("Last-Modified", _date(version.modified))]
    return Response(201, headers)


def _check_condition(request: Request, bucket: Bucket) -> None:
    try:
        check_write(request, bucket)
    except S3Error as refusal:
        if "if-none-match" in request.headers and refusal.status == 412:
            raise S3Error(409, "BlobAlreadyExists", "The specified blob already exists.") from refusal
        raise S3Error(412, "PreconditionFailed", "The condition is not met.") from refusal


def _put(service: Service, request: Request) -> Response:
    body = request.body
    assert body is not None
    if request.headers.get("x-ms-blob-type") != "BlockBlob":
        raise S3Error(400, "InvalidHeaderValue", "Only block blobs are offered here.")
    check_digest(service, request, body)
    return _stored(service, request, body, body.md5)


def _delete(service: Service, request: Request) -> Response:
    _found(service, request)
    service.storage.drop(service.bucket(request.bucket), request.key, "null")
    return Response(202)


# --- blocks --------------------------------------------------------------------------------------------


def _put_block(service: Service, request: Request) -> Response:
    body, block_id = request.body, request.query.get("blockid", b"").decode("latin-1")
    assert body is not None
    service.bucket(request.bucket)
    check_digest(service, request, body)
    if not body.size:
        raise S3Error(400, "InvalidHeaderValue", "A block must not be empty.")
    staged = service.blocks.setdefault((request.bucket, request.key), {})
    if any(len(other) != len(block_id) for other in staged):
        raise S3Error(400, "InvalidBlobOrBlock", "The ids of a blob's blocks must have one length.")
    staged[block_id] = body
    return Response(201, [("Content-MD5", base64.b64encode(bytes.fromhex(body.md5)).decode())])


def _put_block_list(service: Service, request: Request) -> Response:
    staged = service.blocks.get((request.bucket, request.key), {})
    service.bucket(request.bucket)
    if request.fault is not None and request.fault.complete_error:
        code = xml.element("Code", request.fault.complete_error)
        return Response(200, [("Content-Type", "application/xml")], b"<Error>%b</Error>" % code)
    named = [node.text or "" for node in xml.parse(body_bytes(request))]
    if not all(block_id in staged for block_id in named):
        raise S3Error(400, "InvalidBlockList", "The specified block list is invalid.")
    chosen = [staged[block_id] for block_id in named]
    body = Body(tuple(part for one in chosen for part in one.segments), sum(one.size for one in chosen))
    etag = f"{int(time.time() * 1e7):016x}{len(chosen):016x}"[3:]
    return _stored(service, request, body, etag)


def _list_blocks(service: Service, request: Request) -> Response:
    staged = service.blocks.get((request.bucket, request.key))
    if staged is None and service.bucket(request.bucket).newest(request.key) is None:
        raise no_such_key(request.key)
    entries = b"".join(
        b"<Block>%b%b</Block>" % (xml.element("Name", block_id), xml.element("Size", body.size))
        for block_id, body in sorted((staged or {}).items())
    )
    return xml.answer(request, "BlockList", b"<UncommittedBlocks>%b</UncommittedBlocks>" % entries)


def _list_uncommitted(service: Service, request: Request) -> Response:
    bucket, prefix = service.bucket(request.bucket), request.query.get("prefix", b"")
    keys = sorted(key for name, key in service.blocks if name == bucket.name and key.startswith(prefix))
    told = xml.element("Last-Modified", _date(service.now())) + xml.element("Content-Length", 0)
    entries = b"".join(b"<Blob>%b<Properties>%b</Properties></Blob>" % (_name(key), told) for key in keys)
    return xml.answer(
        request, "EnumerationResults", b"<Blobs>%b</Blobs>" % entries, xml.element("NextMarker", "")
    )


# --- tiers ---------------------------------------------------------------------------------------------


def _set_tier(service: Service, request: Request) -> Response:
    """An archived blob comes back after a while and stays; others change at once."""
    version, bucket = _found(service, request), service.bucket(request.bucket)
    name = request.flavor.class_of(request.headers.get("x-ms-access-tier", ""))
    if name is None or request.headers.get("x-ms-rehydrate-priority", "Standard") not in ("Standard", "High"):
        raise S3Error(400, "InvalidHeaderValue", "There is no such tier or priority.")
    now = service.now()
    if version.properties.storage_class not in ARCHIVED or version.restore_state(now) == "restored":
        version.properties.storage_class = name
        return Response(200)
    if version.restore_state(now) == "ongoing":
        raise S3Error(409, "BlobBeingRehydrated", "The blob is being rehydrated.")
    version.restore_ready, version.restore_until = now + service.config.restore_seconds, _FOREVER
    service.storage.note_state(bucket, version)
    return Response(202)


def _date(seconds: float) -> str:
    return http_date(int(seconds))


OPERATIONS: dict[str, Callable[[Service, Request], Response]] = {
    "list_buckets": _list_buckets,
    "head_bucket": _head_bucket,
    "create_bucket": _create_bucket,
    "delete_bucket": _delete_bucket,
    "list": _list_page,
    "get": _read,
    "head": _read,
    "put": _put,
    "delete": _delete,
    "upload_part": _put_block,
    "complete": _put_block_list,
    "list_parts": _list_blocks,
    "list_uploads": _list_uncommitted,
    "restore": _set_tier,
}
