"""Looks at an object in JSON; reads its bytes as S3 stores give them, with metadata in the same answer.

The JSON interface's answers to reads carry no metadata. `Accept-Encoding: gzip` is what keeps stored gzip from being
unpacked by the store, so what comes must be packed exactly when the object is (clouds.md B6 row 4).
"""

import re
from dataclasses import replace

from fastcrc import crc32

from connectors.errors import Corrupted
from connectors.google.channel import GoogleChannel, JsonAsk, object_path
from connectors.google.resources import (
    Hashes,
    etag_of,
    generation_in,
    generation_of,
    has_own_cache,
    hashes_of,
    head_of,
    version_of,
)
from connectors.objects import ByteRange, Guard, ObjectHead, ReadAnswer
from connectors.s3.channel import Ask
from connectors.s3.errors import broken
from connectors.s3.headers import object_head
from connectors.s3.json_answers import parsed
from connectors.s3.reads import changed, check_length, check_range
from connectors.wire import WireAnswer
from connectors.wire.request import Limits
from engine.failures import Meaning, Operation

_MD5 = re.compile(r"[0-9a-f]{32}")
# What answers say of objects without a Cache-Control of their own.
_DEFAULT_CACHES = frozenset(
    {
        "private, max-age=0",
        "private, max-age=0, must-revalidate, no-transform",
        "public, max-age=3600",
        "no-cache",
    }
)


async def head(channel: GoogleChannel, key: bytes) -> ObjectHead:
    """See `Reader.head`."""
    query = (("projection", "noAcl"),)
    answer = await channel.call(JsonAsk(Operation.HEAD, "GET", query=query, path=object_path(key)))
    try:
        found = head_of(parsed(Operation.HEAD, answer))
    except ValueError as error:
        raise broken(Operation.HEAD, answer, str(error)[:200]) from error
    if found.info.key != key:
        raise broken(Operation.HEAD, answer, "the answer is about another object")
    return found


async def read(channel: GoogleChannel, key: bytes, guard: Guard, part: ByteRange | None) -> ReadAnswer:
    """See `Reader.read`."""
    wanted = part or ByteRange(0, guard.size)
    whole = wanted.start == 0 and wanted.length == guard.size
    answer = await channel.call(_ask(key, guard, wanted, whole=whole))
    try:
        hashes = hashes_of(answer)
    except ValueError as error:
        raise broken(Operation.READ, answer, "the hashes are not written as they must be") from error
    _check_version(answer, guard, hashes)
    _check_coding(answer)
    check_range(answer, guard, wanted, whole=whole)
    check_length(answer, wanted)
    if whole:
        _check_crc32c(answer, hashes)
    return ReadAnswer(answer.body, _head(channel, key, guard, answer, hashes))


def _ask(key: bytes, guard: Guard, wanted: ByteRange, *, whole: bool) -> Ask:
    headers = [("accept-encoding", "gzip")]
    generation = generation_of(guard.version) or generation_in(guard.etag)
    if generation:
        headers.append(("x-goog-if-generation-match", generation))
    elif guard.etag:
        headers.append(("if-match", f'"{guard.etag}"'))
    if not whole:
        headers.append(("range", f"bytes={wanted.start}-{wanted.last}"))
    limits = Limits(body_max=max(wanted.length, 1 << 16))
    return Ask(Operation.READ, "GET", key, headers=tuple(headers), limits=limits, expected=wanted.length)


def _check_version(answer: WireAnswer, guard: Guard, hashes: Hashes) -> None:
    """The generation and the hash must be those that were listed, each as far as it was."""
    told, wanted = answer.header("x-goog-generation"), generation_of(guard.version)
    if wanted and told != wanted:
        if not told:
            raise broken(Operation.READ, answer, "the answer names no generation")
        raise changed(answer, "the answer is of another generation")
    if guard.etag and guard.etag != etag_of(hashes.md5, told):
        if _MD5.fullmatch(guard.etag) and not hashes.md5:
            raise broken(Operation.READ, answer, "the answer names no MD5")
        raise changed(answer, "the answer is of another version")


def _check_coding(answer: WireAnswer) -> None:
    stored = answer.header("x-goog-stored-content-encoding").lower()
    if stored and ("gzip" in stored) != ("gzip" in answer.header("content-encoding").lower()):
        raise broken(Operation.READ, answer, "the body was packed or unpacked on the way")


def _check_crc32c(answer: WireAnswer, hashes: Hashes) -> None:
    """For what has no MD5; where there is one, it is the engine that compares it."""
    if hashes.md5 or hashes.crc32c is None:
        return
    if crc32.iscsi(bytes(answer.body)) != hashes.crc32c:
        raise Corrupted(
            Meaning.DIGEST_MISMATCH,
            Operation.READ,
            status=answer.status,
            message="CRC32C differs from the store's",
        )


def _head(channel: GoogleChannel, key: bytes, guard: Guard, answer: WireAnswer, hashes: Hashes) -> ObjectHead:
    found = object_head(key, guard.size, answer, channel.dialect)
    generation = answer.header("x-goog-generation")
    cache = found.properties.cache_control
    own = has_own_cache(guard.version) if guard.version else cache not in _DEFAULT_CACHES
    return replace(
        found,
        info=replace(
            found.info,
            etag=etag_of(hashes.md5, generation),
            version=version_of(generation, own_cache=own) if generation else "",
        ),
        # An Expires is never stored: the store reckons it from the Cache-Control.
        properties=replace(found.properties, cache_control=cache if own else "", expires=""),
    )
