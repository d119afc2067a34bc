"""Headers that store a blob as asked for; what cannot be kept is refused (clouds.md B7 row 6)."""

import re

from connectors.errors import Rejected
from connectors.objects import StorageClass, WriteOptions
from connectors.s3.dialects import Dialect
from connectors.s3.headers import tagging, written_value
from engine.failures import Meaning, Operation

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STANDARD = ("content_type", "content_encoding", "content_disposition", "content_language", "cache_control")

HeaderList = tuple[tuple[str, str], ...]


def write_headers(options: WriteOptions, dialect: Dialect, operation: Operation) -> HeaderList:
    """Raises Rejected for a name that is no identifier, for Expires, and for a key of KMS, which blobs have not."""
    told = options.properties
    if options.kms:
        raise Rejected(Meaning.KMS, operation, message="this store encrypts by account, not by object")
    if told.expires:
        raise Rejected(Meaning.REJECTED, operation, message="this store keeps no Expires")
    headers = [
        (f"x-ms-blob-{name.replace('_', '-')}", written_value(text))
        for name in _STANDARD
        if (text := getattr(told, name))
    ]
    for name, value in told.metadata:
        if not _NAME.fullmatch(name):
            raise Rejected(Meaning.REJECTED, operation, message="a metadata name must be an identifier")
        headers.append((f"x-ms-meta-{name}".lower(), written_value(value)))
    if options.tags:
        headers.append(("x-ms-tags", tagging(options.tags)))
    if options.storage_class is not StorageClass.STANDARD:
        headers.append((dialect.class_header, dialect.classes[options.storage_class]))
    return tuple(headers)
