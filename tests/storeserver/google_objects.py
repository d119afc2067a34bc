"""Objects as Google Cloud Storage keeps them: generations, hashes, and stored gzip that is unpacked unless wished."""

from __future__ import annotations

import base64
import gzip
import time
from typing import Any

import google_crc32c

from tests.storeserver import multipart, objects
from tests.storeserver.body import Body, Reader
from tests.storeserver.message import Request, Response, S3Error, http_date, iso_ms
from tests.storeserver.model import Version
from tests.storeserver.service import Service

_FIELDS = {
    "content-type": "contentType",
    "content-encoding": "contentEncoding",
    "content-disposition": "contentDisposition",
    "content-language": "contentLanguage",
    "cache-control": "cacheControl",
}


def generation(version: Version) -> str:
    """The number of a version: its time, and three digits of its content for two of one millisecond."""
    return str(round(version.modified * 1000) * 1000 + int(version.etag[:8] or "0", 16) % 1000)


def md5_of(version: Version) -> str:
    """The MD5 in base64, "" for what was made of parts."""
    if "-" in version.etag:
        return ""
    return base64.b64encode(bytes.fromhex(version.etag)).decode()


def crc32c_of(service: Service, body: Body) -> str:
    """The CRC32C in base64."""
    checksum = google_crc32c.Checksum()
    reader = Reader(service.storage.files, body, 0, body.size)
    try:
        for block in reader.blocks(0, body.size):
            checksum.update(block)
    finally:
        reader.close()
    return base64.b64encode(checksum.digest()).decode()


def etag_of(version: Version) -> str:
    """The ETag of the JSON interface, which is no hash."""
    return base64.b64encode(b"\x08" + generation(version).encode()).decode()


def resource(service: Service, request: Request, version: Version) -> dict[str, Any]:
    """The object as the JSON interface describes it."""
    name, number = version.key.decode(), generation(version)
    fields: dict[str, Any] = {
        "kind": "storage#object",
        "id": f"{request.bucket}/{name}/{number}",
        "name": name,
        "bucket": request.bucket,
        "generation": number,
        "metageneration": "1",
        "storageClass": request.flavor.class_name(version.properties.storage_class),
        "size": str(version.size),
        "md5Hash": md5_of(version),
        "crc32c": crc32c_of(service, version.body),
        "etag": etag_of(version),
        "timeCreated": iso_ms(version.modified),
        "updated": iso_ms(version.modified),
        "metadata": version.properties.metadata,
    }
    fields |= {_FIELDS[name]: text for name, text in version.properties.headers.items() if name in _FIELDS}
    if request.fault is not None and request.fault.no_etag:
        for name in ("etag", "md5Hash", "generation"):
            del fields[name]
    return {name: value for name, value in fields.items() if value}


def found(service: Service, request: Request) -> Version:
    """The version that a request is about, if its conditions hold; raises S3Error."""
    version = service.object(request)
    number = generation(version)
    if request.query.get("generation", number.encode()) != number.encode():
        raise S3Error(404, "NoSuchKey", "No such object")
    check_generation(request, number)
    return version


def check_generation(request: Request, number: str) -> None:
    """Raise PreconditionFailed when another generation stands there; "0" is none."""
    asked = request.query.get("ifGenerationMatch") if request.rest else None
    wanted = asked.decode("latin-1") if asked is not None else request.own("if-generation-match")
    if wanted is not None and wanted != number:
        raise S3Error(
            412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold."
        )


def read(service: Service, request: Request) -> Response:
    """GET of the bytes, whole or a range, in either interface."""
    version = found(service, request)
    stored = version.properties.headers.get("content-encoding", "")
    unpacks = stored == "gzip" and "gzip" not in request.headers.get("accept-encoding", "")
    if unpacks:
        request.headers.pop("range", None)
    response = objects.read(service, request)
    response.headers = [(name, value) for name, value in response.headers if name not in ("ETag", "Expires")]
    response.headers += _more(service, request, version, stored)
    return _unpacked(response) if unpacks else response


def _more(service: Service, request: Request, version: Version, stored: str) -> list[tuple[str, str]]:
    told = request.fault.etag if request.fault is not None else ""
    md5 = base64.b64encode(bytes.fromhex(told)).decode() if told else md5_of(version)
    headers = [
        ("ETag", etag_of(version) if request.rest or not md5 else f'"{version.etag}"'),
        ("X-Goog-Generation", generation(version)),
        ("X-Goog-Metageneration", "1"),
        ("X-Goog-Hash", f"crc32c={crc32c_of(service, version.body)}"),
        ("X-Goog-Stored-Content-Encoding", stored or "identity"),
        ("X-Goog-Stored-Content-Length", str(version.size)),
    ]
    if md5:
        headers.append(("X-Goog-Hash", f"md5={md5}"))
    if "cache-control" not in version.properties.headers:
        headers.append(("Cache-Control", "private, max-age=0"))
        headers.append(("Expires", http_date(int(time.time()))))
    return headers


def upload_part(service: Service, request: Request) -> Response:
    """PUT of a part; the answer tells its hash."""
    response = multipart.upload_part(service, request)
    assert request.body is not None
    response.headers.append(("X-Goog-Hash", f"crc32c={crc32c_of(service, request.body)}"))
    return response


def _unpacked(response: Response) -> Response:
    if response.reader is not None:
        response.body = gzip.decompress(response.reader.read(response.start, response.length))
        response.reader.close()
        response.reader = None
    response.headers = [(name, value) for name, value in response.headers if name != "Content-Encoding"]
    response.headers.append(("Warning", "214 UploadServer gunzipped"))
    return response
