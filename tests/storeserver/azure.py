"""Azure's operations on blobs: whole ones, blocks, tiers, and refusals (clouds.md B7)."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable

from tests.storeserver import azure_listing as listing
from tests.storeserver import xml
from tests.storeserver.azure_shown import content_md5, date, tier
from tests.storeserver.body import Body, Reader
from tests.storeserver.conditions import check_read, check_write, parse_range
from tests.storeserver.message import Request, Response, S3Error
from tests.storeserver.model import ARCHIVED, Bucket, Properties, Version
from tests.storeserver.naming import STANDARD_HEADERS
from tests.storeserver.objects import body_bytes, check_digest
from tests.storeserver.service import Service, no_such_key

_FOREVER = 10.0**12
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


# --- whole blobs ---------------------------------------------------------------------------------------


def _describe(request: Request, version: Version, now: float) -> list[tuple[str, str]]:
    properties = version.properties
    shown = {"content-type": "application/octet-stream"} | properties.headers
    result = [
        ("Last-Modified", date(version.modified)),
        ("ETag", f'"{request.flavor.etag(version.etag)}"'),
        ("Accept-Ranges", "bytes"),
        ("x-ms-blob-type", "BlockBlob"),
        ("x-ms-server-encrypted", "true"),
        *((STANDARD_HEADERS[name], value) for name, value in shown.items()),
        *((f"x-ms-meta-{name}", value) for name, value in properties.metadata.items()),
    ]
    if request.method == "HEAD":
        result.append(("x-ms-access-tier", tier(request, version)))
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
        if md5 := content_md5(version):
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
    if md5 := content_md5(version):
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
    headers = [("ETag", f'"{request.flavor.etag(etag)}"'), ("Last-Modified", date(version.modified))]
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


OPERATIONS: dict[str, Callable[[Service, Request], Response]] = {
    "list_buckets": listing.list_buckets,
    "head_bucket": listing.head_bucket,
    "create_bucket": listing.create_bucket,
    "delete_bucket": listing.delete_bucket,
    "list": listing.list_page,
    "get": _read,
    "head": _read,
    "put": _put,
    "delete": _delete,
    "upload_part": _put_block,
    "complete": _put_block_list,
    "list_parts": _list_blocks,
    "list_uploads": listing.list_uncommitted,
    "restore": _set_tier,
}
