"""Put Blob, Delete Blob, and Set Blob Tier, which asks an archived blob back for good."""

from connectors.azure.headers import write_headers
from connectors.errors import NotFound, StoreError
from connectors.objects import Availability, Block, Condition, Pace, WriteOptions, Written
from connectors.s3 import reads
from connectors.s3.channel import Ask, Channel
from connectors.s3.errors import broken
from connectors.s3.headers import written
from connectors.s3.writes import WRITE_LIMITS, condition_headers, digest_headers
from connectors.wire import WireAnswer
from engine.failures import Operation

# The service rehydrates with two priorities; the quick one may take an hour, the other up to fifteen.
_PRIORITIES = {"Expedited": "High"}
_UNDER_WAY = "BlobBeingRehydrated"


async def put(
    channel: Channel, key: bytes, block: Block, options: WriteOptions, condition: Condition, pace: Pace | None
) -> Written:
    """See `Writer.put`. The digest of the request stays with the blob as its Content-MD5."""
    headers = (
        ("x-ms-blob-type", "BlockBlob"),
        *write_headers(options, channel.dialect, Operation.PUT),
        *digest_headers(block, channel),
        *condition_headers(condition, channel, Operation.PUT),
    )
    ask = Ask(Operation.PUT, "PUT", key, (), headers, block.data, pace, WRITE_LIMITS)
    return stored(Operation.PUT, await channel.call(ask), channel)


def stored(operation: Operation, answer: WireAnswer, channel: Channel) -> Written:
    """What the answer to a write tells. Raises Unavailable without an ETag: what was stored is unknown."""
    told = written(answer, channel.dialect)
    if not told.etag:
        raise broken(operation, answer, "the answer has no ETag")
    return told


async def delete(channel: Channel, key: bytes) -> None:
    """See `Deleter.delete`; the blob's snapshots go with it."""
    headers = (("x-ms-delete-snapshots", "include"),)
    try:
        await channel.call(Ask(Operation.DELETE, "DELETE", key, headers=headers))
    except NotFound:
        return


async def restore(channel: Channel, key: bytes, tier: str) -> None:
    """See `Restorer.restore`: the blob moves to the tier Hot and stays there, so there is no number of days.

    A blob that can be read was restored, or never archived, which nobody can tell; its tier is left alone.
    """
    if (await reads.head(channel, key)).info.availability is not Availability.ARCHIVED:
        return
    headers = (
        (channel.dialect.class_header, "Hot"),
        ("x-ms-rehydrate-priority", _PRIORITIES.get(tier, "Standard")),
    )
    try:
        await channel.call(Ask(Operation.RESTORE, "PUT", key, (("comp", "tier"),), headers))
    except StoreError as error:
        if error.code != _UNDER_WAY:
            raise
