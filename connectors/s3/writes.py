"""PUT and DELETE of whole objects; every body carries its Content-MD5."""

from base64 import b64encode

from connectors.errors import NotFound, Rejected
from connectors.objects import Block, Condition, Pace, WriteOptions, Written
from connectors.s3.channel import Ask, Channel
from connectors.s3.errors import broken
from connectors.s3.headers import write_headers, written
from connectors.wire import Limits
from engine.failures import Meaning, Operation

# Answers to writes are headers, or an error of some hundred bytes.
WRITE_LIMITS = Limits(body_max=256 << 10)

HeaderList = tuple[tuple[str, str], ...]


async def put(
    channel: Channel, key: bytes, block: Block, options: WriteOptions, condition: Condition, pace: Pace | None
) -> Written:
    """See `Writer.put`. A 200 without an ETag is Unavailable: what was stored is unknown (clouds.md A4 rule 6)."""
    ask = Ask(
        Operation.PUT,
        "PUT",
        key,
        headers=(
            *write_headers(options, channel.dialect, Operation.PUT),
            *digest_headers(block, channel),
            *condition_headers(condition, channel, Operation.PUT),
        ),
        body=block.data,
        pace=pace,
        limits=WRITE_LIMITS,
    )
    answer = await channel.call(ask)
    told = written(answer, channel.dialect)
    if not told.etag:
        raise broken(Operation.PUT, answer, "the answer has no ETag")
    return told


def digest_headers(block: Block, channel: Channel) -> HeaderList:
    """Content-MD5 and, where the vendor checks it, CRC64."""
    digests: HeaderList = (("content-md5", b64encode(block.md5).decode()),)
    if channel.dialect.sends_crc64:
        return (*digests, (channel.dialect.crc64_header, str(block.crc64)))
    return digests


def condition_headers(condition: Condition, channel: Channel, operation: Operation) -> HeaderList:
    """The condition as headers. Raises Rejected where the store would ignore them and overwrite."""
    if not condition.bound:
        return ()
    if not channel.dialect.conditional_write:
        raise Rejected(Meaning.REJECTED, operation, message="this store has no conditional writes")
    if condition.absent:
        return (("if-none-match", "*"),)
    return (("if-match", f'"{condition.etag}"'),)


async def delete(channel: Channel, key: bytes) -> None:
    """See `Deleter.delete`."""
    try:
        await channel.call(Ask(Operation.DELETE, "DELETE", key))
    except NotFound:
        return
