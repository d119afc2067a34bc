"""Names of storage classes and encryptions in the two dialects (clouds.md B0 and B1, rows 7 and 8)."""

from __future__ import annotations

from urllib.parse import parse_qsl

from tests.storeserver.config import BucketFlags
from tests.storeserver.message import Request, S3Error
from tests.storeserver.model import Properties

STANDARD_HEADERS = {
    "content-type": "Content-Type",
    "content-encoding": "Content-Encoding",
    "content-disposition": "Content-Disposition",
    "content-language": "Content-Language",
    "cache-control": "Cache-Control",
    "expires": "Expires",
}


def read_properties(request: Request, flags: BucketFlags, max_meta_bytes: int) -> Properties:
    """What the headers of a PUT or an initiate say about the object."""
    headers = request.headers
    meta_prefix = request.prefix + "meta-"
    standard = {name: headers[name] for name in STANDARD_HEADERS if name in headers}
    metadata = {name[len(meta_prefix) :]: v for name, v in headers.items() if name.startswith(meta_prefix)}
    if metadata and sum(len(n) + len(v) for n, v in metadata.items()) > max_meta_bytes:
        raise S3Error(
            400, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size."
        )
    encryption, kms_key_id = _encryption(request, flags)
    tags = _tags(request.own("tagging") or "")
    return Properties(standard, metadata, _storage_class(request, flags), encryption, kms_key_id, tags)


def _tags(header: str) -> dict[str, str]:
    tags = dict(parse_qsl(header, keep_blank_values=True, strict_parsing=bool(header)))
    if len(tags) > 10:
        raise S3Error(400, "BadRequest", "Object tags cannot be greater than 10")
    return tags


def _storage_class(request: Request, flags: BucketFlags) -> str:
    asked = request.own("storage-class")
    if asked is None:
        return flags.storage_class
    name = request.flavor.class_of(asked)
    if name is None:
        raise S3Error(400, "InvalidStorageClass", "The storage class you specified is not valid.")
    return name


def _encryption(request: Request, flags: BucketFlags) -> tuple[str, str]:
    asked = request.own("server-side-encryption")
    if request.own("server-side-encryption-customer-algorithm") is not None:
        raise S3Error(501, "NotImplemented", "Keys of the customer are not offered here.")
    if asked is None:
        return flags.encryption, flags.kms_key_id
    name = "aws:kms" if asked in ("kms", request.flavor.kms) else asked
    if name not in ("aws:kms", "AES256") or (name == "aws:kms" and not request.flavor.kms):
        raise S3Error(
            400, "InvalidEncryptionAlgorithmError", "The encryption method specified is not supported."
        )
    return name, request.own(request.flavor.kms_key) or request.own("server-side-encryption-kms-key-id") or ""


def encryption_headers(request: Request, properties: Properties) -> list[tuple[str, str]]:
    """The answer's headers about encryption."""
    if not properties.encryption:
        return []
    kms = properties.encryption == "aws:kms"
    value = request.flavor.kms if kms else properties.encryption
    result = [(request.prefix + "server-side-encryption", value)]
    if kms and properties.kms_key_id:
        result.append((request.prefix + request.flavor.kms_key, properties.kms_key_id))
    return result
