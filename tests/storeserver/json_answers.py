"""BOS's answers, which are JSON: listings, uploads, buckets and errors (clouds.md B5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from tests.storeserver import multipart, objects
from tests.storeserver.listing import collect, max_keys, spoil
from tests.storeserver.message import Request, Response, S3Error, iso_ms
from tests.storeserver.model import Version
from tests.storeserver.service import Service

_OWNER = {"id": "storeserver", "displayName": "storeserver"}


def _answer(fields: dict[str, Any]) -> Response:
    return Response(200, [("Content-Type", "application/json; charset=utf-8")], orjson.dumps(fields))


def _text(raw: bytes) -> str:
    return raw.decode("utf-8")


def error_document(error: S3Error, request_id: str) -> bytes:
    """The document of a refusal."""
    return orjson.dumps({"code": error.code, "message": error.message, "requestId": request_id})


def list_buckets(service: Service, request: Request) -> Response:
    """GET on the service."""
    buckets = [
        {"name": one.name, "location": service.region(one), "creationDate": iso_ms(int(one.created))}
        for one in sorted(service.storage.buckets.values(), key=lambda one: one.name)
    ]
    return _answer({"owner": _OWNER, "buckets": buckets})


def location(service: Service, request: Request) -> Response:
    """GET ?location."""
    return _answer({"locationConstraint": service.region(service.bucket(request.bucket))})


def list_page(service: Service, request: Request) -> Response:
    """GET of a bucket; a fault may spoil the page."""
    query, bucket = request.query, service.bucket(request.bucket)
    prefix, delimiter, after = (query.get(name, b"") for name in ("prefix", "delimiter", "marker"))
    limit = max_keys(request, "maxKeys")
    how = request.fault.page if request.fault else ""
    page = collect(bucket, prefix, delimiter, b"" if how == "repeat" else after, limit)
    spoil(page, how, after)
    fields: dict[str, Any] = {
        "name": bucket.name,
        "prefix": _text(prefix),
        "delimiter": _text(delimiter),
        "marker": _text(after),
        "maxKeys": limit,
        "isTruncated": page.truncated,
        "contents": [_entry(request, key, one) for key, one in page.entries if one is not None],
    }
    if page.next:
        fields["nextMarker"] = _text(page.next)
    folders = [{"prefix": _text(key)} for key, one in page.entries if one is None]
    if folders:
        fields["commonPrefixes"] = folders
    return spoiled(request, _answer(fields))


def spoiled(request: Request, response: Response) -> Response:
    """A document that a fault may break."""
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


def _entry(request: Request, key: bytes, version: Version) -> dict[str, Any]:
    return {
        "key": _text(key),
        "lastModified": iso_ms(int(version.modified)).replace(".000Z", "Z"),
        "eTag": version.etag,
        "size": version.size,
        "storageClass": request.flavor.class_name(version.properties.storage_class),
        "owner": _OWNER,
    }


def initiate(service: Service, request: Request) -> Response:
    """POST ?uploads."""
    upload = multipart.begin(service, request)
    return _answer({"bucket": request.bucket, "key": _text(upload.key), "uploadId": upload.upload_id})


def list_parts(service: Service, request: Request) -> Response:
    """GET ?uploadId."""
    upload = multipart.find(service, request)
    raw = request.query.get("partNumberMarker") or b"0"
    after = int(raw) if raw.isdigit() else 0
    numbers = [number for number in sorted(upload.parts) if number > after]
    shown = numbers[: max_keys(request, "maxParts")]
    parts = [
        {
            "partNumber": number,
            "lastModified": iso_ms(int(upload.parts[number].modified)),
            "eTag": upload.parts[number].etag,
            "size": upload.parts[number].body.size,
        }
        for number in shown
    ]
    return _answer(
        {
            "bucket": request.bucket,
            "key": _text(upload.key),
            "uploadId": upload.upload_id,
            "initiated": iso_ms(int(upload.initiated)),
            "partNumberMarker": after,
            "nextPartNumberMarker": shown[-1] if shown else after,
            "maxParts": 1000,
            "isTruncated": len(numbers) > len(shown),
            "storageClass": request.flavor.class_name(upload.properties.storage_class),
            "owner": _OWNER,
            "parts": parts,
        }
    )


def list_uploads(service: Service, request: Request) -> Response:
    """GET ?uploads, in order of key."""
    query = request.query
    prefix, marker = query.get("prefix", b""), query.get("keyMarker", b"")
    uploads = service.bucket(request.bucket).uploads.values()
    found = sorted((one.key, one.upload_id) for one in uploads if one.key.startswith(prefix))
    found = [one for one in found if one[0] > marker]
    shown = found[: max_keys(request, "maxUploads")]
    entries = [
        {
            "key": _text(key),
            "uploadId": upload_id,
            "initiated": iso_ms(int(service.bucket(request.bucket).uploads[upload_id].initiated)),
            "owner": _OWNER,
        }
        for key, upload_id in shown
    ]
    fields: dict[str, Any] = {
        "bucket": request.bucket,
        "prefix": _text(prefix),
        "keyMarker": _text(marker),
        "maxUploads": 1000,
        "isTruncated": len(found) > len(shown),
        "uploads": entries,
    }
    if len(found) > len(shown):
        fields["nextKeyMarker"] = _text(shown[-1][0])
    return _answer(fields)


def complete(service: Service, request: Request) -> Response:
    """POST ?uploadId with the list of parts."""
    if request.fault is not None and request.fault.complete_error:
        multipart.find(service, request)
        refusal = S3Error(200, request.fault.complete_error, "As the fault script says.")
        return Response(
            200, [("Content-Type", "application/json")], error_document(refusal, service.request_id())
        )
    version = multipart.finish(service, request, _asked_parts(request))
    bucket = service.bucket(request.bucket)
    response = _answer({"bucket": bucket.name, "key": _text(version.key), "eTag": version.etag})
    response.headers += objects.stored_headers(request, bucket, version)
    return response


def _asked_parts(request: Request) -> list[tuple[int, str]]:
    try:
        parts = orjson.loads(objects.body_bytes(request))["parts"]
        asked = [(int(one["partNumber"]), str(one["eTag"]).strip('"')) for one in parts]
    except (ValueError, KeyError, TypeError) as broken:
        raise S3Error(400, "MalformedJSON", "The JSON you provided was not well-formed.") from broken
    if not asked:
        raise S3Error(400, "MalformedJSON", "You must specify at least one part.")
    return asked


def copy(service: Service, request: Request) -> Response:
    """PUT with a copy source."""
    version = objects.duplicate(service, request)
    return _answer({"eTag": version.etag, "lastModified": iso_ms(int(version.modified))})


def restore(service: Service, request: Request) -> Response:
    """POST ?restore; days and tier are headers."""
    days = request.own("restore-days") or "7"
    tier = request.own("restore-tier") or "Standard"
    if not days.isdigit() or not 1 <= int(days) <= 30 or tier not in ("Standard", "Expedited", "LowCost"):
        raise S3Error(400, "InvalidArgument", "The days or the tier are wrong.")
    return objects.begin_restore(service, request, int(days))


OPERATIONS: dict[str, Callable[[Service, Request], Response]] = {
    "list_buckets": list_buckets,
    "location": location,
    "list": list_page,
    "initiate": initiate,
    "list_parts": list_parts,
    "list_uploads": list_uploads,
    "complete": complete,
    "copy": copy,
    "restore": restore,
}
