"""Tags of objects, and how a bucket encrypts by default (OMS behaviour 3.3, 3.4)."""

import re

from connectors.errors import NotFound, Rejected
from connectors.objects import Encryption, Tags
from connectors.s3.channel import Ask, Channel
from connectors.s3.errors import broken
from connectors.s3.xml import BrokenXml, Document
from connectors.wire.encoding import Query
from engine.failures import Operation

_ALGORITHM = re.compile(rb"<SSEAlgorithm>\s*([A-Za-z0-9:/]+)\s*</SSEAlgorithm>")


async def tags(
    channel: Channel, key: bytes, query: Query = (("tagging", None),), root: str = "Tagging"
) -> Tags:
    """See `TagReader.tags`."""
    answer = await channel.call(Ask(Operation.HEAD, "GET", key, query))
    try:
        document = Document(answer.document, root)
    except BrokenXml as error:
        raise broken(Operation.HEAD, answer, str(error)[:200]) from error
    return tuple(
        (document.text("Key", tag), document.text("Value", tag))
        for tag_set in document.all("TagSet")
        for tag in tag_set
    )


async def default_encryption(channel: Channel) -> Encryption:
    """See `DefaultEncryption.default_encryption`."""
    try:
        answer = await channel.call(Ask(Operation.HEAD, "GET", query=(("encryption", None),)))
    except (NotFound, Rejected):
        return Encryption.NONE
    found = _ALGORITHM.search(answer.document)
    if found is None:
        return Encryption.NONE
    return Encryption.KMS if b"kms" in found[1].lower() else Encryption.AES256
