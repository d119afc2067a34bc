"""Objects as the JSON interface describes them, and what an answer's headers tell of one."""

from base64 import b64decode
from dataclasses import dataclass

from connectors.objects import ObjectHead, ObjectInfo, Properties
from connectors.s3.dates import iso_ms
from connectors.s3.json_answers import Answer, BrokenJson
from connectors.wire import WireAnswer

# What `info_of` reads.
FIELDS = "name,size,updated,generation,md5Hash,storageClass,cacheControl"
# Ends the version of an object that has a Cache-Control of its own: an answer to a read shows one in any case.
_OWN_CACHE = ":cache"
_GENERATION = "generation-"


def version_of(generation: str, *, own_cache: bool) -> str:
    """How an object's generation travels through a task."""
    return f"{generation}{_OWN_CACHE}" if own_cache else generation


def generation_of(version: str) -> str:
    """The generation in a version."""
    return version.removesuffix(_OWN_CACHE)


def has_own_cache(version: str) -> bool:
    """Whether the object had a Cache-Control of its own when it was listed."""
    return version.endswith(_OWN_CACHE)


def etag_of(md5: str, generation: str) -> str:
    """The MD5 in hex; a name of the generation for what has none: composed objects and those made of parts."""
    return md5 or f"{_GENERATION}{generation}"


def generation_in(etag: str) -> str:
    """The generation that such an ETag names, "" for an MD5."""
    return etag.removeprefix(_GENERATION) if etag.startswith(_GENERATION) else ""


def info_of(entry: Answer) -> ObjectInfo:
    """An object of a listing. Raises ValueError."""
    generation = entry.number("generation")
    return ObjectInfo(
        key=entry.key("name"),
        size=entry.number("size"),
        modified_ms=iso_ms(entry.text("updated")),
        etag=etag_of(_md5(entry.text("md5Hash")), str(generation)),
        storage_class=entry.text("storageClass"),
        version=version_of(str(generation), own_cache=bool(entry.text("cacheControl"))),
    )


def head_of(entry: Answer) -> ObjectHead:
    """An object with all its properties. Raises ValueError.

    Encryption with the customer's key in KMS is not told: it hides nothing here, the MD5 stays that of the content.
    """
    return ObjectHead(
        info=info_of(entry),
        properties=Properties(
            content_type=entry.text("contentType"),
            content_encoding=entry.text("contentEncoding"),
            content_disposition=entry.text("contentDisposition"),
            content_language=entry.text("contentLanguage"),
            cache_control=entry.text("cacheControl"),
            metadata=tuple(sorted((name.lower(), value) for name, value in entry.pairs("metadata"))),
        ),
    )


def _md5(text: str) -> str:
    if not text:
        return ""
    raw = b64decode(text, validate=True)
    if len(raw) != 16:
        raise BrokenJson("md5Hash is no MD5")
    return raw.hex()


@dataclass(frozen=True, slots=True)
class Hashes:
    """What an answer tells of the whole stored object: the MD5 in hex and the CRC32C, "" and None without one."""

    md5: str = ""
    crc32c: int | None = None


def hashes_of(answer: WireAnswer) -> Hashes:
    """The hashes in an answer's headers. Raises ValueError when one is not what it must be."""
    told = dict(part.strip().split("=", 1) for part in answer.header("x-goog-hash").split(",") if "=" in part)
    crc = b64decode(told["crc32c"], validate=True) if told.get("crc32c") else None
    if crc is not None and len(crc) != 4:
        raise BrokenJson("x-goog-hash holds no CRC32C")
    return Hashes(_md5(told.get("md5", "")), None if crc is None else int.from_bytes(crc, "big"))
