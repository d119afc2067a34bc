"""Names of storage classes and encryptions in the two dialects (clouds.md B0 and B1, rows 7 and 8)."""

from __future__ import annotations

from tests.storeserver.config import BucketFlags
from tests.storeserver.message import Request, S3Error
from tests.storeserver.model import Properties

_OBS_NAMES = {"STANDARD_IA": "WARM", "GLACIER": "COLD"}
_FROM_OBS = {"WARM": "STANDARD_IA", "COLD": "GLACIER"}
_CLASS_NAMES = """
    STANDARD REDUCED_REDUNDANCY STANDARD_IA ONEZONE_IA INTELLIGENT_TIERING GLACIER_IR GLACIER DEEP_ARCHIVE
    """
_CLASSES = frozenset(_CLASS_NAMES.split())
STANDARD_HEADERS = {
    "content-type": "Content-Type",
    "content-encoding": "Content-Encoding",
    "content-disposition": "Content-Disposition",
    "content-language": "Content-Language",
    "cache-control": "Cache-Control",
    "expires": "Expires",
}


def class_name(storage_class: str, *, obs: bool) -> str:
    """A storage class as the dialect calls it."""
    return _OBS_NAMES.get(storage_class, storage_class) if obs else storage_class


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
    return Properties(standard, metadata, _storage_class(request, flags), encryption, kms_key_id)


def _storage_class(request: Request, flags: BucketFlags) -> str:
    asked = request.own("storage-class")
    if asked is None:
        return flags.storage_class
    name = _FROM_OBS.get(asked, asked)
    if name not in _CLASSES:
        raise S3Error(400, "InvalidStorageClass", "The storage class you specified is not valid.")
    return name


def _encryption(request: Request, flags: BucketFlags) -> tuple[str, str]:
    asked = request.own("server-side-encryption")
    if request.own("server-side-encryption-customer-algorithm") is not None:
        raise S3Error(501, "NotImplemented", "Keys of the customer are not offered here.")
    if asked is None:
        return flags.encryption, flags.kms_key_id
    name = "aws:kms" if asked == "kms" else asked
    if name not in ("aws:kms", "AES256"):
        raise S3Error(
            400, "InvalidEncryptionAlgorithmError", "The encryption method specified is not supported."
        )
    key_header = (
        "server-side-encryption-kms-key-id" if request.obs else "server-side-encryption-aws-kms-key-id"
    )
    return name, request.own(key_header) or request.own("server-side-encryption-kms-key-id") or ""


def encryption_headers(request: Request, properties: Properties) -> list[tuple[str, str]]:
    """The answer's headers about encryption."""
    if not properties.encryption:
        return []
    kms = properties.encryption == "aws:kms"
    value = "kms" if kms and request.obs else properties.encryption
    result = [(request.prefix + "server-side-encryption", value)]
    if kms and properties.kms_key_id:
        name = "kms-key-id" if request.obs else "aws-kms-key-id"
        result.append((f"{request.prefix}server-side-encryption-{name}", properties.kms_key_id))
    return result
