"""Operations on whole objects: GET, HEAD, PUT, DELETE, copy, restore."""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from urllib.parse import unquote_to_bytes

from tests.storeserver import xml
from tests.storeserver.body import Body, Reader, content_crc64
from tests.storeserver.conditions import check_read, check_write, parse_range
from tests.storeserver.message import Request, Response, S3Error, http_date, shown_time
from tests.storeserver.model import ARCHIVED, Bucket, Properties, Version
from tests.storeserver.naming import STANDARD_HEADERS, encryption_headers, read_properties
from tests.storeserver.service import Service, no_such_key, version_headers

_OVERRIDES = ("content-type", "content-language", "expires", "cache-control", "content-disposition",
              "content-encoding")  # fmt: skip
_DAY = 86400


def describe(service: Service, request: Request, version: Version) -> list[tuple[str, str]]:
    """All headers that a GET or HEAD shows of an object."""
    properties, prefix = version.properties, request.prefix
    result = [
        ("Last-Modified", http_date(int(version.modified))),
        ("ETag", f'"{request.flavor.etag(version.etag)}"'),
        ("Accept-Ranges", "bytes"),
    ]
    shown = {"content-type": "binary/octet-stream"} | properties.headers
    for name in _OVERRIDES if request.query else ():
        if (override := request.query.get("response-" + name)) is not None:
            shown[name] = override.decode("latin-1")
    result += [(STANDARD_HEADERS[name], value) for name, value in shown.items()]
    result += [(f"{prefix}meta-{name}", value) for name, value in properties.metadata.items()]
    if properties.storage_class != "STANDARD" or request.flavor.class_always_shown:
        result.append((prefix + "storage-class", request.flavor.class_name(properties.storage_class)))
    if properties.tags:
        result.append((request.prefix + "tagging-count", str(len(properties.tags))))
    result += encryption_headers(request, properties)
    result += version_headers(request, service.bucket(request.bucket), version)
    result += _restore_header(service, request, version)
    if version.crc64 and request.flavor.crc_header:
        result.append((request.flavor.crc_header, version.crc64))
    if version.upload_id and request.obs:
        result.append(("x-obs-uploadId", version.upload_id))
    return result


def _restore_header(service: Service, request: Request, version: Version) -> list[tuple[str, str]]:
    match version.restore_state(service.now()) if version.restore_ready else "":
        case "ongoing":
            return [(request.prefix + "restore", 'ongoing-request="true"')]
        case "restored":
            until = http_date(int(version.restore_until))
            return [(request.prefix + "restore", f'ongoing-request="false", expiry-date="{until}"')]
    return []


def read(service: Service, request: Request) -> Response:
    """GET and HEAD, whole or a range."""
    head_only = request.method == "HEAD"
    version = service.object(request)
    headers = describe(service, request, version)
    if check_read(request, version):
        return Response(304, headers, head_only=True)
    if not head_only and not version.readable(service.now()):
        raise S3Error(
            403, "InvalidObjectState", "The operation is not valid for the object's storage class",
            StorageClass=request.flavor.class_name(version.properties.storage_class),
        )  # fmt: skip
    fault = request.fault
    ignored = fault is not None and fault.ignore_range
    span = None if ignored else parse_range(request.headers.get("range"), version.size)
    start, end = span or (0, version.size)
    if span is not None:
        headers.append(("Content-Range", f"bytes {start}-{end - 1}/{version.size}"))
    response = Response(206 if span else 200, headers, start=start, length=end - start, head_only=head_only)
    if not head_only:
        response.reader = Reader(service.storage.files, version.body, start, end)
    return response


def read_tags(service: Service, request: Request) -> Response:
    """GET ?tagging of an object."""
    tags = service.object(request).properties.tags
    shown = [
        b"<Tag>%b%b</Tag>" % (xml.element("Key", name), xml.element("Value", value))
        for name, value in tags.items()
    ]
    return xml.answer(request, "Tagging", b"<TagSet>%b</TagSet>" % b"".join(shown))


def check_digest(service: Service, request: Request, body: Body) -> None:
    """Raise InvalidDigest, BadDigest or XAmzContentSHA256Mismatch when the body is not what was promised."""
    promised = request.headers.get("content-md5")
    if promised is not None and service.config.verify_content_md5:
        try:
            digest = base64.b64decode(promised, validate=True)
        except (binascii.Error, ValueError):
            digest = b""
        if len(digest) != 16:
            raise S3Error(400, "InvalidDigest", "The Content-MD5 you specified was invalid.")
        if digest.hex() != body.md5:
            raise S3Error(400, "BadDigest", "The Content-MD5 you specified did not match what we received.")
    if request.content_sha256 and request.sink and request.content_sha256 != request.sink.sha256():
        raise S3Error(
            400,
            "XAmzContentSHA256Mismatch",
            "The provided x-amz-content-sha256 header does not match the body.",
        )


def crc_of(service: Service, request: Request, body: Body) -> str:
    """The CRC64 of a body where the server keeps it; raises BadDigest when another one was promised."""
    promised = request.headers.get(request.flavor.crc_header)
    if not service.config.crc64 and promised is None:
        return ""
    crc = content_crc64(service.storage.files, body)
    if promised is not None and promised != crc:
        raise S3Error(400, "BadDigest", "The CRC64 you specified did not match what we received.")
    return crc if service.config.crc64 else ""


def object_etag(request: Request, properties: Properties, plain: str) -> str:
    """The ETag: the digest, unless encryption makes it something else."""
    hidden = properties.encryption == "aws:kms" or (request.obs and properties.encryption)
    return uuid.uuid4().hex if hidden else plain


def write(service: Service, request: Request) -> Response:
    """PUT of a whole object."""
    bucket = service.bucket(request.bucket)
    if service.conditional_writes(bucket):
        check_write(request, bucket)
    body = request.body
    assert body is not None
    if bucket.flags.file_system:
        request.key = _as_path(request.key, body.size)
    if body.size > service.config.max_put_size:
        raise S3Error(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
    check_digest(service, request, body)
    properties = read_properties(request, bucket.flags, service.config.max_meta_bytes)
    crc = crc_of(service, request, body)
    etag = object_etag(request, properties, body.md5)
    version = Version(
        request.key, body, etag, service.now(), properties, service.version_id(bucket), crc64=crc
    )
    service.storage.put(bucket, version)
    headers = [("ETag", f'"{request.flavor.etag(etag)}"'), *stored_headers(request, bucket, version)]
    return Response(200, headers)


def _as_path(key: bytes, size: int) -> bytes:
    if key.endswith(b"/") and size:
        raise S3Error(400, "InvalidArgument", "A directory must be empty")
    return re.sub(rb"/{2,}", b"/", key)


def stored_headers(request: Request, bucket: Bucket, version: Version) -> list[tuple[str, str]]:
    """What the answer to a write says about the object, besides its ETag."""
    result = encryption_headers(request, version.properties) + version_headers(request, bucket, version)
    if version.crc64 and request.flavor.crc_header:
        result.append((request.flavor.crc_header, version.crc64))
    if version.properties.storage_class != "STANDARD":
        name = request.flavor.class_name(version.properties.storage_class)
        result.append((request.prefix + "storage-class", name))
    return result


def delete(service: Service, request: Request) -> Response:
    """DELETE of an object or one version; deleting what is not there succeeds."""
    bucket = service.bucket(request.bucket)
    headers: list[tuple[str, str]] = []
    wanted = request.query.get("versionId")
    if wanted is not None or not bucket.flags.versioning:
        dropped = service.storage.drop(bucket, request.key, (wanted or b"null").decode("latin-1"))
        if dropped is not None and dropped.delete_marker:
            headers.append((request.prefix + "delete-marker", "true"))
        return Response(204, headers)
    marker = Version(
        request.key,
        Body((), 0),
        "",
        service.now(),
        Properties(),
        service.version_id(bucket),
        delete_marker=True,
    )
    service.storage.put(bucket, marker)
    headers = [(request.prefix + "delete-marker", "true"), *version_headers(request, bucket, marker)]
    return Response(204, headers)


def duplicate(service: Service, request: Request) -> Version:
    """Store what a copy source names."""
    bucket = service.bucket(request.bucket)
    if service.conditional_writes(bucket):
        check_write(request, bucket)
    source = _copy_source(service, request)
    directive = request.own("metadata-directive") or "COPY"
    properties = read_properties(request, bucket.flags, service.config.max_meta_bytes)
    if directive == "COPY":
        old = source.properties
        properties = Properties(
            dict(old.headers), dict(old.metadata), properties.storage_class, properties.encryption,
            properties.kms_key_id,
        )  # fmt: skip
        if source is bucket.newest(request.key) and request.own("storage-class") is None:
            raise S3Error(400, "InvalidRequest", "This copy request is illegal because it changes nothing.")
    body = service.storage.files.duplicate(source.body)
    etag = object_etag(request, properties, body.md5 or source.etag)
    version = Version(
        request.key, body, etag, service.now(), properties, service.version_id(bucket), crc64=source.crc64
    )
    service.storage.put(bucket, version)
    return version


def copy(service: Service, request: Request) -> Response:
    """PUT with a copy source."""
    version = duplicate(service, request)
    response = xml.answer(
        request, "CopyObjectResult", xml.element("ETag", f'"{request.flavor.etag(version.etag)}"'),
        xml.element("LastModified", shown_time(request, version.modified)),
    )  # fmt: skip
    response.headers += stored_headers(request, service.bucket(request.bucket), version)
    return response


def _copy_source(service: Service, request: Request) -> Version:
    raw, _, version_id = (request.own("copy-source") or "").partition("?versionId=")
    name, _, key = unquote_to_bytes(raw.encode("latin-1").lstrip(b"/")).partition(b"/")
    bucket = service.bucket(name.decode("latin-1"))
    found = bucket.version(key, version_id) if version_id else bucket.newest(key)
    if found is None:
        raise no_such_key(key)
    if check_read(request, found, request.prefix + "copy-source-"):
        raise S3Error(412, "PreconditionFailed", "At least one of the pre-conditions did not hold")
    if not found.readable(service.now()):
        raise S3Error(403, "InvalidObjectState", "The operation is not valid for the object's storage class")
    return found


def restore(service: Service, request: Request) -> Response:
    """POST ?restore: 202 begins, 409 while it runs, 200 extends what is restored."""
    service.object(request)
    return begin_restore(service, request, _restore_days(request))


def begin_restore(service: Service, request: Request, days: int) -> Response:
    """The same once the days are known."""
    version = service.object(request)
    bucket = service.bucket(request.bucket)
    if version.properties.storage_class not in ARCHIVED:
        status, code = request.flavor.restore_refusal
        raise S3Error(status, code, "Restore is not allowed for the object's current storage class")
    now = service.now()
    state = version.restore_state(now)
    if state == "ongoing":
        raise S3Error(409, "RestoreAlreadyInProgress", "Object restore is already in progress")
    if state == "":
        version.restore_ready = now + service.config.restore_seconds
    version.restore_until = max(now, version.restore_ready) + days * _DAY
    service.storage.note_state(bucket, version)
    return Response(200 if state == "restored" else 202)


def _restore_days(request: Request) -> int:
    root = xml.parse(body_bytes(request))
    foreign = [child.tag for child in root if child.tag not in request.flavor.restore_elements]
    if foreign:
        raise S3Error(400, "MalformedXML", f"{foreign[0]} is not known here.")
    node = root.find("Days")
    text = (node.text or "") if node is not None else ""
    if not text.strip().isdigit() or not 1 <= int(text) <= 30:
        raise S3Error(400, "MalformedXML", "Days must be between 1 and 30.")
    return int(text)


def body_bytes(request: Request) -> bytes:
    """A request body that was kept in memory."""
    return b"".join(s for s in request.body.segments if isinstance(s, bytes)) if request.body else b""
