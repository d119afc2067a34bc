"""Headers of objects, both ways: what an answer tells, and what a write sends (OMS behaviour 3.4)."""

import re
from base64 import b64decode
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from connectors.errors import Rejected
from connectors.objects import (
    Encryption,
    ObjectHead,
    ObjectInfo,
    Properties,
    StorageClass,
    Tags,
    WriteOptions,
    Written,
)
from connectors.s3.dates import http_date_ms
from connectors.s3.dialects import Dialect
from connectors.wire import WireAnswer
from engine.failures import Meaning, Operation

_NAME = re.compile(r"[A-Za-z0-9-]+")
_PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))
_STANDARD = (
    ("content-type", "content_type"),
    ("content-encoding", "content_encoding"),
    ("content-disposition", "content_disposition"),
    ("content-language", "content_language"),
    ("cache-control", "cache_control"),
    ("expires", "expires"),
)


def plain_etag(text: str) -> str:
    """An ETag without quotes and without the weak mark."""
    return text.strip().removeprefix("W/").strip('"')


@dataclass(frozen=True, slots=True)
class _Names:
    """How a vendor calls the headers that are looked for in every answer."""

    storage_class: str
    version: str
    archive_status: str
    upload_id: str
    meta: str
    encryption: str
    customer: str


@lru_cache(maxsize=64)
def _names(prefix: str) -> _Names:
    encryption = f"{prefix}server-side-encryption"
    return _Names(
        f"{prefix}storage-class", f"{prefix}version-id", f"{prefix}archive-status", f"{prefix}uploadid",
        f"{prefix}meta-", encryption, f"{encryption}-customer-algorithm",
    )  # fmt: skip


def object_head(key: bytes, size: int, answer: WireAnswer, dialect: Dialect) -> ObjectHead:
    """What the headers of a HEAD or GET tell; `size` is the whole object's."""
    names, told = _names(dialect.prefix), answer.headers.get
    word = told(dialect.class_header or names.storage_class, "")
    version = told(names.version, "")
    info = ObjectInfo(
        key,
        size,
        http_date_ms(told("last-modified", "")),
        plain_etag(told("etag", "")),
        word,
        dialect.availability(word, told(dialect.restore_header, ""), told(names.archive_status, "")),
        "" if version == "null" else version,
    )
    return ObjectHead(
        info,
        _properties(answer, names.meta),
        encryption(answer, dialect.prefix),
        crc64(answer, dialect),
        told(names.upload_id, ""),
        _md5(answer, dialect) if dialect.md5_headers else None,
        _tag_count(answer, dialect),
    )


def _tag_count(answer: WireAnswer, dialect: Dialect) -> int:
    if not dialect.traits.tags:
        return 0
    text = answer.header(dialect.tag_count_header or f"{dialect.prefix}tagging-count")
    return int(text) if text.isascii() and text.isdigit() else 0


def _properties(answer: WireAnswer, meta_prefix: str) -> Properties:
    told = answer.headers
    values = {name: _text(told[header]) for header, name in _STANDARD if header in told}
    metadata = [
        (name[len(meta_prefix) :], _text(value))
        for name, value in told.items()
        if name.startswith(meta_prefix)
    ]
    return Properties(**values, metadata=tuple(sorted(metadata)) if metadata else ())


def _text(value: str) -> str:
    # Header bytes that are not UTF-8 arrive as surrogates; they are Latin-1 then.
    if value.isascii():
        return value
    raw = value.encode("utf-8", "surrogateescape")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def encryption(answer: WireAnswer, prefix: str) -> Encryption:
    """How the answer says that the object is encrypted."""
    names = _names(prefix)
    if answer.headers.get(names.customer):
        return Encryption.CUSTOMER_KEY
    word = answer.headers.get(names.encryption, "").lower()
    if not word:
        return Encryption.NONE
    return Encryption.KMS if "kms" in word else Encryption.AES256


def crc64(answer: WireAnswer, dialect: Dialect) -> int | None:
    """The CRC-64/XZ of the whole object where the vendor gives it."""
    text = answer.header(dialect.crc64_header) if dialect.crc64_header else ""
    return int(text) if text.isascii() and text.isdigit() else None


def _md5(answer: WireAnswer, dialect: Dialect) -> bytes | None:
    """The MD5 of the whole object where the vendor tells it beside the ETag."""
    text = next((told for name in dialect.md5_headers if (told := answer.header(name))), "")
    try:
        digest = b64decode(text, validate=True)
    except ValueError:
        return None
    return digest if len(digest) == 16 else None


def written(answer: WireAnswer, dialect: Dialect) -> Written:
    """What the answer to a write tells."""
    version = answer.headers.get(_names(dialect.prefix).version, "")
    return Written(
        plain_etag(answer.header("etag")),
        "" if version == "null" else version,
        crc64(answer, dialect),
        encryption(answer, dialect.prefix),
        http_date_ms(answer.header("date")),
    )


def write_headers(
    options: WriteOptions, dialect: Dialect, operation: Operation
) -> tuple[tuple[str, str], ...]:
    """Headers that store an object as `options` ask. Raises Rejected for metadata that no header can carry."""
    headers = [
        (header, written_value(text))
        for header, name in _STANDARD
        if (text := getattr(options.properties, name))
    ]
    for name, value in options.properties.metadata:
        if not _NAME.fullmatch(name):
            raise Rejected(
                Meaning.REJECTED,
                operation,
                message=f"the metadata name {name!r}: letters, digits and hyphens only",
            )
        headers.append((f"{dialect.meta_prefix}{name.lower()}", written_value(value)))
    if options.tags:
        headers.append((f"{dialect.prefix}tagging", tagging(options.tags)))
    if options.storage_class is not StorageClass.STANDARD:
        headers.append(
            (f"{dialect.prefix}storage-class", _class_word(options.storage_class, dialect, operation))
        )
    if options.kms:
        if not dialect.kms_word:
            raise Rejected(Meaning.KMS, operation, message="this store has no encryption by KMS")
        headers.append((f"{dialect.prefix}server-side-encryption", dialect.kms_word))
    return tuple(headers)


def tagging(found: Tags) -> str:
    """Tags as the header of a write carries them."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in found)


def _class_word(storage_class: StorageClass, dialect: Dialect, operation: Operation) -> str:
    word = dialect.classes.get(storage_class)
    if word is None:
        raise Rejected(Meaning.REJECTED, operation, message=f"this store has no class {storage_class}")
    return word


def written_value(text: str) -> str:
    """Printable ASCII as it is, everything else as percent-encoded UTF-8."""
    return text if text.isascii() and text.isprintable() else quote(text, safe=_PRINTABLE)
