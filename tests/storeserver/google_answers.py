"""Google's answers in JSON: listings, objects, buckets, uploads and refusals (clouds.md B6, D1)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

import orjson

from tests.storeserver import google_auth, google_objects
from tests.storeserver.body import Reader, Sink
from tests.storeserver.json_answers import spoiled
from tests.storeserver.listing import collect, max_keys, spoil
from tests.storeserver.message import Request, Response, S3Error, iso_ms
from tests.storeserver.model import Bucket, Properties, Version
from tests.storeserver.routing import check_allowed
from tests.storeserver.service import Service

_BOUNDARY = re.compile(r'multipart/related;\s*boundary="?([^";]+)"?')
_BLANK = b"\r\n\r\n"
_HEADERS = {
    "contentType": "content-type",
    "contentEncoding": "content-encoding",
    "contentDisposition": "content-disposition",
    "contentLanguage": "content-language",
    "cacheControl": "cache-control",
}


def _answer(fields: dict[str, Any]) -> Response:
    return Response(200, [("Content-Type", "application/json; charset=UTF-8")], orjson.dumps(fields))


def _bucket(service: Service, bucket: Bucket) -> dict[str, Any]:
    created = iso_ms(bucket.created)
    return {
        "kind": "storage#bucket",
        "id": bucket.name,
        "name": bucket.name,
        "location": service.region(bucket).upper(),
        "locationType": "region",
        "storageClass": "STANDARD",
        "timeCreated": created,
        "updated": created,
        "metageneration": "1",
        "etag": "CAE=",
    }


def list_buckets(service: Service, request: Request) -> Response:
    """GET of all buckets of a project, 1,000 at a time."""
    if not request.query.get("project"):
        raise S3Error(400, "required", "Required parameter: project")
    after = _position(request.query["pageToken"]).decode() if "pageToken" in request.query else ""
    left = sorted(name for name in service.storage.buckets if name > after)
    shown = left[: max_keys(request, "maxResults")]
    fields: dict[str, Any] = {"kind": "storage#buckets"}
    if shown:
        fields["items"] = [_bucket(service, service.storage.buckets[name]) for name in shown]
    if len(left) > len(shown):
        fields["nextPageToken"] = _token(shown[-1].encode())
    return _answer(fields)


def get_bucket(service: Service, request: Request) -> Response:
    """GET of a bucket's description."""
    return _answer(_bucket(service, service.bucket(request.bucket)))


def list_page(service: Service, request: Request) -> Response:
    """GET of a page of objects; a fault may spoil it."""
    query, bucket = request.query, service.bucket(request.bucket)
    prefix, delimiter = query.get("prefix", b""), query.get("delimiter", b"")
    token = query.get("pageToken")
    after = _position(token) if token is not None else query.get("startOffset", b"")
    how = request.fault.page if request.fault else ""
    begin, limit = b"" if how == "repeat" else after, max_keys(request, "maxResults")
    page = collect(bucket, prefix, delimiter, begin, limit, inclusive=token is None)
    spoil(page, how, after)
    fields: dict[str, Any] = {"kind": "storage#objects"}
    if page.next or (page.truncated and how == "same_token"):
        fields["nextPageToken"] = _token(page.next)
    folders = [key.decode() for key, one in page.entries if one is None]
    items = [google_objects.resource(service, request, one) for _, one in page.entries if one is not None]
    fields |= {name: found for name, found in (("prefixes", folders), ("items", items)) if found}
    return spoiled(request, _answer(fields))


def _token(position: bytes) -> str:
    return base64.b64encode(b"\n" + position).decode()


def _position(token: bytes) -> bytes:
    try:
        raw = base64.b64decode(token, validate=True)
    except (binascii.Error, ValueError) as broken:
        raise S3Error(400, "invalid", "Invalid value for: Page token") from broken
    return raw[1:]


def get_object(service: Service, request: Request) -> Response:
    """GET of an object's description."""
    version = google_objects.found(service, request)
    return _answer(google_objects.resource(service, request, version))


def delete_object(service: Service, request: Request) -> Response:
    """DELETE; what is not there is an error."""
    version = google_objects.found(service, request)
    service.storage.drop(service.bucket(request.bucket), version.key, version.version_id)
    return Response(204)


def put_object(service: Service, request: Request) -> Response:
    """POST of description and bytes in one body."""
    if request.query.get("uploadType") != b"multipart":
        raise S3Error(501, "notImplemented", "This kind of upload is not offered here.")
    bucket = service.bucket(request.bucket)
    fields, data = _parts(request, _whole(service, request))
    request.key = str(request.query.get("name", b"").decode() or fields.get("name", "")).encode()
    check_allowed(request, service.config)
    _check_name(request.key, service.config.max_key_bytes)
    there = bucket.newest(request.key)
    google_objects.check_generation(request, google_objects.generation(there) if there else "0")
    sink = Sink(service.storage.files, len(data), sha256=False)
    sink.feed(data)
    body = sink.finish()
    promised = fields.get("md5Hash")
    actual = base64.b64encode(bytes.fromhex(body.md5)).decode()
    if promised is not None and promised != actual and service.config.verify_content_md5:
        words = f'Provided MD5 hash "{promised}" doesn\'t match calculated MD5 hash "{actual}".'
        raise S3Error(400, "invalid", words)
    version = Version(
        request.key, body, body.md5, service.now(), _properties(request, fields), service.version_id(bucket)
    )
    service.storage.put(bucket, version)
    return _answer(google_objects.resource(service, request, version))


def _whole(service: Service, request: Request) -> bytes:
    """The request's body, whose files are given up."""
    assert request.body is not None
    files, body = service.storage.files, request.body
    reader = Reader(files, body, 0, body.size)
    try:
        return b"".join(reader.blocks(0, body.size))
    finally:
        reader.close()
        files.remove(body)


def _parts(request: Request, raw: bytes) -> tuple[dict[str, Any], bytes]:
    kind = _BOUNDARY.fullmatch(request.headers.get("content-type", ""))
    if kind is None:
        raise S3Error(400, "badContent", "A multipart/related body is needed.")
    line = b"--" + kind[1].encode()
    _, first, rest = raw.split(line, 2)
    data, end = rest.partition(_BLANK)[2], b"\r\n" + line + b"--"
    at = data.rfind(end)
    if at < 0 or data[at + len(end) :].strip():
        raise S3Error(400, "badContent", "The body does not end as it must.")
    try:
        fields = orjson.loads(first.partition(_BLANK)[2])
    except ValueError as broken:
        raise S3Error(400, "parseError", "Parse Error") from broken
    fields.setdefault("contentType", _content_type(rest.partition(_BLANK)[0]))
    return fields, data[:at]


def _content_type(head: bytes) -> str:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-type":
            return value.strip().decode("latin-1")
    return "application/octet-stream"


def _properties(request: Request, fields: dict[str, Any]) -> Properties:
    word = str(fields.get("storageClass", "STANDARD"))
    storage_class = request.flavor.class_of(word)
    if storage_class is None:
        raise S3Error(400, "invalid", "Invalid argument.")
    headers = {_HEADERS[name]: str(fields[name]) for name in _HEADERS if fields.get(name)}
    return Properties(headers, dict(fields.get("metadata") or {}), storage_class)


def _check_name(key: bytes, most: int) -> None:
    """Names hold no line ends, and are neither `.` nor `..` (clouds.md B6 row 3)."""
    if len(key) > most:
        words = f"The maximum object length is {most} characters, but got a name with {len(key)} characters."
        raise S3Error(400, "invalid", words)
    reserved = key in (b"", b".", b"..") or key.startswith(b".well-known/acme-challenge/")
    if reserved or b"\r" in key or b"\n" in key:
        raise S3Error(400, "invalid", "Disallowed unicode characters present in object name")


def check_payer(request: Request) -> None:
    """Raise the refusal of a bucket whose readers pay, when nobody is named who does."""
    if request.own("user-project") or request.query.get("userProject"):
        return
    words = "Bucket is a requester pays bucket but no user project provided."
    raise S3Error(400, "required" if request.rest else "UserProjectMissing", words)


_JSON: dict[str, Callable[[Service, Request], Response]] = {
    "token": google_auth.issue,
    "list_buckets": list_buckets,
    "location": get_bucket,
    "list": list_page,
    "head": get_object,
    "get": google_objects.read,
    "put": put_object,
    "delete": delete_object,
}
_XML: dict[str, Callable[[Service, Request], Response]] = {
    "get": google_objects.read,
    "head": google_objects.read,
    "upload_part": google_objects.upload_part,
}


def operation(request: Request) -> Callable[[Service, Request], Response] | None:
    """What Google does otherwise than S3."""
    return (_JSON if request.rest else _XML).get(request.op)


# Reasons of the JSON interface for what S3 calls otherwise.
_REASONS = {
    "NoSuchBucket": ("notFound", "The specified bucket does not exist."),
    "NoSuchKey": ("notFound", "No such object: {bucket}/{key}"),
    "AccessDenied": ("forbidden", "{who} does not have the needed access to the bucket or object."),
    "PreconditionFailed": (
        "conditionNotMet",
        "At least one of the pre-conditions you specified did not hold.",
    ),
    "KeyTooLongError": ("invalid", "The maximum object length is 1024 characters."),
    "NotImplemented": ("notImplemented", "This operation is not offered here."),
}


def refusal(request: Request, error: S3Error) -> Response:
    """The answer of the JSON interface for an error."""
    headers = [*error.headers, ("Content-Type", "application/json; charset=UTF-8")]
    if request.op == "token":
        return Response(
            error.status, headers, orjson.dumps({"error": error.code, "error_description": error.message})
        )
    reason, words = _REASONS.get(error.code, (error.code, error.message))
    key = request.key.decode("utf-8", "replace")
    words = (
        words.replace("{bucket}", request.bucket).replace("{key}", key).replace("{who}", request.access_key)
    )
    one = {"message": words, "domain": "global", "reason": reason}
    return Response(
        error.status,
        headers,
        orjson.dumps({"error": {"code": error.status, "message": words, "errors": [one]}}),
    )
