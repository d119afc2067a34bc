"""Multipart uploads."""

from __future__ import annotations

import hashlib
import itertools
import uuid

from tests.storeserver import xml
from tests.storeserver.body import Body
from tests.storeserver.conditions import check_write
from tests.storeserver.listing import encode_name, max_keys, url_encoding
from tests.storeserver.message import Request, Response, S3Error, shown_time
from tests.storeserver.model import Part, Upload, Version
from tests.storeserver.naming import encryption_headers, read_properties
from tests.storeserver.objects import (
    body_bytes,
    check_digest,
    content_etag,
    crc_of,
    object_etag,
    stored_headers,
)
from tests.storeserver.service import Service

_MAX_PARTS = 10_000


def find(service: Service, request: Request) -> Upload:
    """The upload that a request names; raises NoSuchUpload."""
    upload_id = request.query["uploadId"].decode("latin-1")
    upload = service.bucket(request.bucket).uploads.get(upload_id)
    if upload is None or upload.key != request.key:
        raise S3Error(
            404, "NoSuchUpload", "The specified multipart upload does not exist.", UploadId=upload_id
        )
    return upload


def begin(service: Service, request: Request) -> Upload:
    """Open an upload."""
    bucket = service.bucket(request.bucket)
    properties = read_properties(request, bucket.flags, service.config.max_meta_bytes)
    upload = Upload(uuid.uuid4().hex, request.key, service.now(), properties)
    service.storage.add_upload(bucket, upload)
    return upload


def initiate(service: Service, request: Request) -> Response:
    """POST ?uploads."""
    upload = begin(service, request)
    url = url_encoding(request)
    response = xml.answer(
        request, "InitiateMultipartUploadResult", xml.element("Bucket", request.bucket),
        b"<Key>%b</Key>" % encode_name(upload.key, url=url), xml.element("UploadId", upload.upload_id),
    )  # fmt: skip
    response.headers += encryption_headers(request, upload.properties)
    return response


def upload_part(service: Service, request: Request) -> Response:
    """PUT ?partNumber&uploadId."""
    upload = find(service, request)
    if request.own("copy-source") is not None:
        raise S3Error(501, "NotImplemented", "Copying a part is not offered here.")
    raw = request.query.get("partNumber", b"")
    if not raw.isdigit() or not request.flavor.first_part <= int(raw) <= _MAX_PARTS:
        raise S3Error(400, "InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
    body = request.body
    assert body is not None
    if body.size > service.config.max_part_size:
        raise S3Error(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
    check_digest(service, request, body)
    crc = crc_of(service, request, body)
    etag = object_etag(request, upload.properties, body.md5)
    service.storage.add_part(
        service.bucket(request.bucket), upload, Part(int(raw), body, etag, service.now())
    )
    headers = [("ETag", f'"{request.flavor.etag(etag)}"'), *encryption_headers(request, upload.properties)]
    if crc and request.flavor.crc_header:
        headers.append((request.flavor.crc_header, crc))
    return Response(200, headers)


def _marker(request: Request) -> int:
    raw = request.query.get("part-number-marker") or b"0"
    if not raw.isdigit():
        raise S3Error(400, "InvalidArgument", "part-number-marker must be an integer")
    return int(raw)


def list_parts(service: Service, request: Request) -> Response:
    """GET ?uploadId."""
    upload = find(service, request)
    limit, after = max_keys(request, "max-parts"), _marker(request)
    numbers = [n for n in sorted(upload.parts) if n > after]
    shown = numbers[:limit]
    more = len(numbers) > len(shown) > 0
    url = url_encoding(request)
    parts = [
        xml.element("Bucket", request.bucket),
        b"<Key>%b</Key>" % encode_name(upload.key, url=url),
        xml.element("UploadId", upload.upload_id),
        xml.element("StorageClass", request.flavor.class_name(upload.properties.storage_class)),
        xml.element("PartNumberMarker", after),
        xml.element("NextPartNumberMarker", shown[-1] if shown else after),
        xml.element("MaxParts", limit),
        xml.element("IsTruncated", "true" if more else "false"),
    ]
    return xml.answer(
        request, "ListPartsResult", *parts, *(_part_element(request, upload.parts[n]) for n in shown)
    )


def _part_element(request: Request, part: Part) -> bytes:
    children = [
        xml.element("PartNumber", part.number),
        xml.element("LastModified", shown_time(request, part.modified)),
        xml.element("ETag", f'"{request.flavor.etag(part.etag)}"'),
        xml.element("Size", part.body.size),
    ]
    return b"<Part>%b</Part>" % b"".join(children)


def list_uploads(service: Service, request: Request) -> Response:
    """GET ?uploads, in order of key and then of upload id."""
    bucket, query = service.bucket(request.bucket), request.query
    limit, url = max_keys(request, "max-uploads"), url_encoding(request)
    prefix, key_marker = query.get("prefix", b""), query.get("key-marker", b"")
    id_marker = query.get("upload-id-marker", b"").decode("latin-1")
    found = sorted((u.key, u.upload_id) for u in bucket.uploads.values() if u.key.startswith(prefix))
    if key_marker:
        found = [
            e for e in found if e[0] > key_marker or (id_marker and e[0] == key_marker and e[1] > id_marker)
        ]
    shown = found[:limit]
    more = len(found) > len(shown) > 0
    parts = [
        xml.element("Bucket", bucket.name),
        b"<KeyMarker>%b</KeyMarker>" % encode_name(key_marker, url=url),
        xml.element("UploadIdMarker", id_marker),
        b"<Prefix>%b</Prefix>" % encode_name(prefix, url=url),
        xml.element("MaxUploads", limit),
        xml.element("IsTruncated", "true" if more else "false"),
    ]
    if url and url != "replaced":
        parts.append(b"<EncodingType>url</EncodingType>")
    if more:
        parts.append(b"<NextKeyMarker>%b</NextKeyMarker>" % encode_name(shown[-1][0], url=url))
        parts.append(xml.element("NextUploadIdMarker", shown[-1][1]))
    elif request.flavor.name == "oss":
        parts.append(b"<NextKeyMarker></NextKeyMarker><NextUploadIdMarker></NextUploadIdMarker>")
    parts += [_upload_element(request, bucket.uploads[upload_id], url=url) for _, upload_id in shown]
    return xml.answer(request, "ListMultipartUploadsResult", *parts)


def _upload_element(request: Request, upload: Upload, *, url: str) -> bytes:
    children = [
        b"<Key>%b</Key>" % encode_name(upload.key, url=url),
        xml.element("UploadId", upload.upload_id),
        xml.element("StorageClass", request.flavor.class_name(upload.properties.storage_class)),
        xml.element("Initiated", shown_time(request, upload.initiated)),
    ]
    return b"<Upload>%b</Upload>" % b"".join(children)


def abort(service: Service, request: Request) -> Response:
    """DELETE ?uploadId."""
    upload = find(service, request)
    service.storage.remove_upload(service.bucket(request.bucket), upload.upload_id)
    return Response(204)


def complete(service: Service, request: Request) -> Response:
    """POST ?uploadId: checks the list of parts and makes the object."""
    asked = _asked_parts(request)
    if request.fault is not None and request.fault.complete_error:
        _chosen_parts(service, request, find(service, request), asked)
        code = xml.element("Code", request.fault.complete_error)
        return Response(200, [("Content-Type", "application/xml")], b"<Error>%b</Error>" % code)
    version = finish(service, request, asked)
    bucket = service.bucket(request.bucket)
    url = url_encoding(request)
    location = f"http://{request.headers.get('host', '')}{request.path.decode('latin-1')}"
    response = xml.answer(
        request, "CompleteMultipartUploadResult", xml.element("Location", location),
        xml.element("Bucket", bucket.name), b"<Key>%b</Key>" % encode_name(version.key, url=url),
        xml.element("ETag", f'"{request.flavor.etag(version.etag)}"'),
        xml.element("ChecksumCRC64ECMA", version.crc64) if request.flavor.name == "ks3" else b"",
    )  # fmt: skip
    response.headers += stored_headers(request, bucket, version)
    return response


def finish(
    service: Service, request: Request, asked: list[tuple[int, str]], etag: str | None = None
) -> Version:
    """Make the object of the parts that were asked for; `etag` is its own where the writer names it."""
    upload = find(service, request)
    bucket = service.bucket(request.bucket)
    parts = _chosen_parts(service, request, upload, asked)
    if service.conditional_writes(bucket):
        check_write(request, bucket)
    digest = _composite(request, parts)
    segments = tuple(s for p in parts for s in p.body.segments)
    body = Body(segments, sum(p.body.size for p in parts))
    crc = crc_of(service, request, body)
    if request.flavor.etag_rule is not None:
        etag = content_etag(service, request.flavor, body)
    elif etag is None:
        etag = f"{object_etag(request, upload.properties, digest)}-{len(parts)}"
    version = Version(
        upload.key, body, etag, service.now(), upload.properties, service.version_id(bucket),
        upload_id=upload.upload_id, crc64=crc,
    )  # fmt: skip
    service.storage.put(bucket, version)
    return version


def _composite(request: Request, parts: list[Part]) -> str:
    # Where the rule is another one, or not known, the ETag must not pass for one that is.
    salt = b"another rule" if request.flavor.own_composite else b""
    return hashlib.md5(salt + b"".join(bytes.fromhex(p.etag) for p in parts)).hexdigest()


def _asked_parts(request: Request) -> list[tuple[int, str]]:
    root = xml.parse(body_bytes(request))
    asked = []
    for node in root.iter("Part"):
        number, etag = node.findtext("PartNumber", "").strip(), node.findtext("ETag", "").strip().strip('"')
        etag = etag.lower() if request.flavor.upper_etag else etag
        if not number.isdigit():
            raise S3Error(400, "MalformedXML", "The XML you provided was not well-formed.")
        asked.append((int(number), etag))
    if not asked:
        raise S3Error(400, "MalformedXML", "You must specify at least one part")
    return asked


def _chosen_parts(
    service: Service, request: Request, upload: Upload, asked: list[tuple[int, str]]
) -> list[Part]:
    numbers = [number for number, _ in asked]
    if any(a >= b for a, b in itertools.pairwise(numbers)):
        raise S3Error(400, "InvalidPartOrder", "The list of parts was not in ascending order.")
    chosen = []
    for number, etag in asked:
        part = upload.parts.get(number)
        if part is None or part.etag != etag:
            raise S3Error(400, "InvalidPart", "One or more of the specified parts could not be found.")
        chosen.append(part)
    small = next((p for p in chosen[:-1] if p.body.size < service.config.min_part_size), None)
    if small is not None:
        raise S3Error(
            400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed object size.",
            PartNumber=str(small.number), ProposedSize=str(small.body.size),
            MinSizeAllowed=str(service.config.min_part_size),
        )  # fmt: skip
    wanted = request.flavor.part_size
    if wanted and any(part.body.size != wanted for part in chosen[:-1]):
        raise S3Error(400, "InvalidPart", f"All parts but the last must have {wanted} bytes.")
    return chosen
