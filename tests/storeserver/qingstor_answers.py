"""QingStor's answers in JSON: listings in the order of its storage, uploads, buckets and errors (clouds.md B9)."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import md5
from typing import Any

import orjson

from tests.storeserver import multipart, objects
from tests.storeserver.listing import Page, collect, max_keys, spoil
from tests.storeserver.message import Request, Response, S3Error, iso_ms
from tests.storeserver.model import Bucket, Version
from tests.storeserver.service import Service

_FIRST = b"\x01"  # the marker of a spoiled page that begins again


def _answer(fields: dict[str, Any]) -> Response:
    return Response(200, [("Content-Type", "application/json")], orjson.dumps(fields))


def _text(raw: bytes) -> str:
    return raw.decode("utf-8")


def error_document(error: S3Error, request_id: str) -> bytes:
    """The document of a refusal."""
    fields = {"code": error.code, "message": error.message, "request_id": request_id, "url": "https://docs"}
    return orjson.dumps(fields)


def list_buckets(service: Service, request: Request) -> Response:
    """GET on the service."""
    buckets = [
        {"name": one.name, "location": service.region(one), "created": iso_ms(int(one.created))}
        for one in service.storage.buckets.values()
    ]
    return _answer({"count": len(buckets), "buckets": buckets})


def list_page(service: Service, request: Request) -> Response:
    """GET of a bucket; a fault may spoil the page."""
    query, bucket = request.query, service.bucket(request.bucket)
    prefix, delimiter, after = (query.get(name, b"") for name in ("prefix", "delimiter", "marker"))
    limit = max_keys(request)
    how = request.fault.page if request.fault else ""
    page = _collect(bucket, prefix, delimiter, b"" if how == "repeat" else after, limit)
    spoil(page, how, after)
    response = _answer(
        {
            "name": bucket.name,
            "prefix": _text(prefix),
            "delimiter": _text(delimiter),
            "limit": limit,
            "marker": _text(after),
            "has_more": page.truncated,
            "next_marker": _text(page.next),
            "keys": [_entry(request, key, one) for key, one in page.entries if one is not None],
            "common_prefixes": [_text(key) for key, one in page.entries if one is None],
        }
    )
    match request.fault.xml if request.fault else "":
        case "broken":
            response.body = response.body[: len(response.body) * 2 // 3]
        case "doctype":
            response.body += b"<!-- and more -->"
        case "empty":
            response.body = b""
        case _:
            pass
    return response


def _collect(bucket: Bucket, prefix: bytes, delimiter: bytes, after: bytes, limit: int) -> Page:
    """Up to `limit` entries after `after` in the order of their hashes, and so not in that of their bytes."""
    entries: list[tuple[bytes, Version | None]] = []
    start: bytes = b""
    more = True
    while more:
        part = collect(bucket, prefix, delimiter, start, 1000)
        entries += part.entries
        start, more = part.next, part.truncated
    entries.sort(key=lambda entry: _place(entry[0]))
    if after not in (b"", _FIRST):
        entries = [entry for entry in entries if _place(entry[0]) > _place(after)]
    shown = entries[:limit]
    truncated = len(entries) > len(shown)
    return Page(shown, truncated, shown[-1][0] if truncated and shown else b"")


def _place(key: bytes) -> bytes:
    return md5(key, usedforsecurity=False).digest()


def _entry(request: Request, key: bytes, version: Version) -> dict[str, Any]:
    headers = version.properties.headers
    return {
        "key": _text(key),
        "size": version.size,
        "modified": int(version.modified),
        "created": iso_ms(int(version.modified)),
        "mime_type": headers.get("content-type", "application/octet-stream"),
        "etag": f'"{version.etag}"',
        "encrypted": False,
        "storage_class": request.flavor.class_name(version.properties.storage_class),
    }


def put(service: Service, request: Request) -> Response:
    """PUT of a whole object: 201."""
    response = objects.write(service, request)
    response.status = 201
    return response


def upload_part(service: Service, request: Request) -> Response:
    """PUT of a part: 201."""
    response = multipart.upload_part(service, request)
    response.status = 201
    return response


def initiate(service: Service, request: Request) -> Response:
    """POST ?uploads."""
    upload = multipart.begin(service, request)
    return _answer({"bucket": request.bucket, "key": _text(upload.key), "upload_id": upload.upload_id})


def list_parts(service: Service, request: Request) -> Response:
    """GET ?upload_id; no flag tells whether there are more."""
    upload = multipart.find(service, request)
    raw = request.query.get("part_number_marker") or b"-1"
    numbers = [number for number in sorted(upload.parts) if number > int(raw)][: max_keys(request)]
    parts = [
        {
            "part_number": number,
            "created": iso_ms(int(upload.parts[number].modified)),
            "etag": f'"{upload.parts[number].etag}"',
            "size": upload.parts[number].body.size,
        }
        for number in numbers
    ]
    return _answer({"count": len(parts), "object_parts": parts})


def list_uploads(service: Service, request: Request) -> Response:
    """GET ?uploads."""
    query, bucket = request.query, service.bucket(request.bucket)
    prefix, marker = query.get("prefix", b""), query.get("key_marker", b"")
    id_marker = query.get("upload_id_marker", b"").decode()
    found = sorted((one.key, one.upload_id) for one in bucket.uploads.values() if one.key.startswith(prefix))
    found = [one for one in found if one > (marker, id_marker)]
    shown = found[: max_keys(request)]
    more = len(found) > len(shown)
    uploads = [
        {
            "key": _text(key),
            "upload_id": upload_id,
            "created": iso_ms(int(bucket.uploads[upload_id].initiated)),
        }
        for key, upload_id in shown
    ]
    return _answer(
        {
            "name": bucket.name,
            "prefix": _text(prefix),
            "has_more": more,
            "next_key_marker": _text(shown[-1][0]) if more else "",
            "next_upload_id_marker": shown[-1][1] if more else "",
            "uploads": uploads,
        }
    )


def complete(service: Service, request: Request) -> Response:
    """POST ?upload_id with the list of parts: 201 without a body. The ETag is what the writer names, if he does."""
    if request.fault is not None and request.fault.complete_error:
        multipart.find(service, request)
        refusal = S3Error(200, request.fault.complete_error, "As the fault script says.")
        document = error_document(refusal, service.request_id())
        return Response(200, [("Content-Type", "application/json")], document)
    etag = request.headers.get("etag", "").strip('"')
    multipart.finish(service, request, _asked_parts(service, request), etag=etag)
    return Response(201)


def _asked_parts(service: Service, request: Request) -> list[tuple[int, str]]:
    """Numbers and ETags; a part that is named without an ETag is taken as it is."""
    stored = multipart.find(service, request).parts
    try:
        parts = orjson.loads(objects.body_bytes(request))["object_parts"]
        asked = [(int(one["part_number"]), str(one.get("etag", "")).strip('"')) for one in parts]
    except (ValueError, KeyError, TypeError, AttributeError) as broken:
        raise S3Error(400, "invalid_request", "The body is not well-formed.") from broken
    if not asked:
        raise S3Error(400, "invalid_request", "You must name at least one part.")
    return [(number, etag or (stored[number].etag if number in stored else "")) for number, etag in asked]


OPERATIONS: dict[str, Callable[[Service, Request], Response]] = {
    "list_buckets": list_buckets,
    "list": list_page,
    "put": put,
    "upload_part": upload_part,
    "initiate": initiate,
    "list_parts": list_parts,
    "list_uploads": list_uploads,
    "complete": complete,
}
