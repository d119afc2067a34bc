"""Reading one block of one version, under the task's limit, checked against what the source itself says."""

import re
from collections.abc import Awaitable

from connectors.errors import Corrupted
from connectors.objects import Block, ByteRange, ObjectHead, ReadAnswer
from engine.failures import Meaning, Operation
from engine.parts import pieces, quarter_second_piece
from workers.transfer.context import TaskContext
from workers.transfer.hashing import LARGE, block_of
from workers.transfer.subjects import OPAQUE, Subject

MD5 = re.compile(r"[0-9a-f]{32}")


async def read_whole(context: TaskContext, subject: Subject) -> tuple[Block, ObjectHead]:
    """The whole object. Bytes that the source's ETag, MD5 or CRC64 denies are read again, then are Corrupted."""

    paid = context.ahead("read", subject.size)

    async def attempt() -> tuple[Block, ObjectHead]:
        block, head = await _hashed(context, subject, None, paid=paid is not None)
        if md5_denied(context, subject, head, block):
            raise Corrupted(Meaning.DIGEST_MISMATCH, Operation.READ, message="MD5 differs from the ETag")
        if head.md5 not in (None, block.md5):
            raise Corrupted(
                Meaning.DIGEST_MISMATCH, Operation.READ, message="MD5 differs from the source's Content-MD5"
            )
        if head.crc64 not in (None, block.crc64):
            raise Corrupted(
                Meaning.DIGEST_MISMATCH, Operation.READ, message="CRC64 differs from the source's"
            )
        return block, head

    return await context.source(attempt, subject.size, paid)


async def read_part(
    context: TaskContext, subject: Subject, start: int, length: int
) -> tuple[Block, ObjectHead]:
    """One part of the object."""

    async def attempt() -> tuple[Block, ObjectHead]:
        return await _hashed(context, subject, ByteRange(start, length))

    return await context.source(attempt, length)


def md5_denied(context: TaskContext, subject: Subject, head: ObjectHead, block: Block) -> bool:
    """Whether the source's ETag is an MD5 and not that of the block."""
    if subject.listed.url and head.md5 not in (None, block.md5):
        return True
    told = subject.etag or head.info.etag
    if not context.pair.source.traits.etag_is_md5 or head.encryption in OPAQUE:
        return False
    return told != block.md5.hex() and MD5.fullmatch(told) is not None


def _hashed(
    context: TaskContext, subject: Subject, part: ByteRange | None, *, paid: bool = False
) -> Awaitable[tuple[Block, ObjectHead]]:
    length = subject.size if part is None else part.length
    hashed = _hashed_here if length < LARGE else _hashed_beside
    return hashed(context, subject, part, paid=paid)


async def _hashed_here(
    context: TaskContext, subject: Subject, part: ByteRange | None, *, paid: bool
) -> tuple[Block, ObjectHead]:
    answer = await _read(context, subject, part, paid=paid)
    return block_of(answer.data), answer.head


async def _hashed_beside(
    context: TaskContext, subject: Subject, part: ByteRange | None, *, paid: bool
) -> tuple[Block, ObjectHead]:
    with context.hashing.coming():
        answer = await _read(context, subject, part, paid=paid)
    return await context.hashing.block(answer.data), answer.head


def _read(
    context: TaskContext, subject: Subject, part: ByteRange | None, *, paid: bool
) -> Awaitable[ReadAnswer]:
    rate = context.rate()
    if paid or rate is None:
        return context.pair.source.read(subject.source_key, subject.guard, part)
    return _read_slowly(context, subject, part, rate)


async def _read_slowly(
    context: TaskContext, subject: Subject, part: ByteRange | None, rate: int
) -> ReadAnswer:
    """A quarter of a second of the limit (`rate` until now) at a time, where it can be read in parts."""
    store, key, guard = context.pair.source, subject.source_key, subject.guard
    length = guard.size if part is None else part.length
    if not length or not subject.ranged:
        await context.take("read", length)
        return await store.read(key, guard, part)
    first = 0 if part is None else part.start
    together = bytearray()
    while True:
        piece = next(pieces(length - len(together), quarter_second_piece(context.rate() or rate)))[1]
        await context.take("read", piece)
        answer = await store.read(key, guard, ByteRange(first + len(together), piece))
        together += answer.data
        if len(together) == length:
            return ReadAnswer(together, answer.head)
