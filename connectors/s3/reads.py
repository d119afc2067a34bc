"""HEAD and guarded GET: the listed version, exactly the bytes that were asked for, or an error (clouds.md A4)."""

import asyncio
import re

from connectors.errors import Changed, Corrupted, StoreError
from connectors.objects import ByteRange, Guard, ObjectHead, ReadAnswer
from connectors.s3 import qetag
from connectors.s3.channel import Ask, Channel
from connectors.s3.dialects import Dialect
from connectors.s3.errors import broken
from connectors.s3.headers import object_head, plain_etag
from connectors.wire import Limits, WireAnswer
from connectors.wire.encoding import Query
from engine.failures import Meaning, Operation

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


async def head(channel: Channel, key: bytes) -> ObjectHead:
    """See `Reader.head`. A bodiless refusal that could mean several things costs one ranged GET for its code."""
    ask = Ask(Operation.HEAD, "HEAD", key)
    try:
        answer = await channel.call(ask)
    except StoreError as error:
        if error.code or error.status not in {400, 403}:
            raise
        await _explain(channel, key)
        answer = await channel.call(ask)
    length = answer.header("content-length")
    if not length.isdigit():
        raise broken(Operation.HEAD, answer, "HEAD tells no size")
    return object_head(key, int(length), answer, channel.dialect)


async def _explain(channel: Channel, key: bytes) -> None:
    """Raise what a GET of the first byte says; return when it may be read, for the HEAD to be repeated."""
    try:
        await channel.call(
            Ask(
                Operation.HEAD,
                "GET",
                key,
                headers=(("range", "bytes=0-0"),),
                limits=Limits(body_max=1 << 16),
            )
        )
    except StoreError as error:
        if error.status != 416:
            raise


async def read(channel: Channel, key: bytes, guard: Guard, part: ByteRange | None) -> ReadAnswer:
    """See `Reader.read`."""
    wanted = part or ByteRange(0, guard.size)
    whole = wanted.start == 0 and wanted.length == guard.size
    answer = await channel.call(_ask(channel.dialect, key, guard, wanted, whole=whole))
    _check_version(answer, guard)
    check_range(answer, guard, wanted, whole=whole)
    check_length(answer, wanted)
    if whole and channel.dialect.qetag:
        await _check_qetag(answer)
    return ReadAnswer(answer.body, object_head(key, guard.size, answer, channel.dialect))


async def _check_qetag(answer: WireAnswer) -> None:
    etag = plain_etag(answer.header("etag"))
    if await asyncio.to_thread(qetag.denies, etag, answer.body):
        raise Corrupted(
            Meaning.DIGEST_MISMATCH, Operation.READ, status=answer.status, message="the ETag denies the bytes"
        )


def _ask(dialect: Dialect, key: bytes, guard: Guard, wanted: ByteRange, *, whole: bool) -> Ask:
    headers = []
    if guard.etag:
        headers.append(("if-match", f'"{guard.etag}"'))
    if not whole:
        headers.append(("range", f"bytes={wanted.start}-{wanted.last}"))
        headers.extend(dialect.range_headers)
    query: Query = (("versionId", guard.version),) if guard.version else ()
    return Ask(
        Operation.READ,
        "GET",
        key,
        query=query,
        headers=tuple(headers),
        # A refusal has a body of its own; anything longer than what was asked for is a fault.
        limits=Limits(body_max=max(wanted.length, 1 << 16)),
        expected=wanted.length,
    )


def _check_version(answer: WireAnswer, guard: Guard) -> None:
    etag = plain_etag(answer.header("etag"))
    if guard.etag and etag != guard.etag:
        if not etag:
            raise broken(Operation.READ, answer, "the answer has no ETag")
        raise changed(answer, "the answer has another ETag")


def check_range(answer: WireAnswer, guard: Guard, wanted: ByteRange, *, whole: bool) -> None:
    """Raise Changed or Corrupted unless the answer is the range that was asked for of an object of that size."""
    told = answer.header("content-range")
    # Some gateways send a part with its Content-Range under a 200; the header is what proves the range.
    if answer.status == 206 or told:
        found = _CONTENT_RANGE.fullmatch(told)
        if found is None:
            raise broken(Operation.READ, answer, "a 206 without a Content-Range")
        start, last, total = map(int, found.groups())
        if total != guard.size:
            raise changed(answer, "the object has another size")
        if (start, last) != (wanted.start, wanted.last):
            raise broken(Operation.READ, answer, "another range than asked came")
    elif answer.status != 200 or not whole:
        raise broken(Operation.READ, answer, "the range was ignored")
    elif not guard.etag and len(answer.body) != guard.size:
        raise changed(answer, "the object has another size")


def check_length(answer: WireAnswer, wanted: ByteRange) -> None:
    """Raise Corrupted when fewer or more bytes came."""
    if len(answer.body) != wanted.length:
        raise Corrupted(
            Meaning.CUT_SHORT,
            Operation.READ,
            status=answer.status,
            message=f"{len(answer.body)} of {wanted.length} bytes came",
        )


def changed(answer: WireAnswer, message: str) -> Changed:
    """The error of a read that met another version."""
    return Changed(Meaning.CHANGED, Operation.READ, status=answer.status, message=message)
