"""The MD5 of a whole object that is read in parts: where the source tells it, it stands for every byte."""

import asyncio
from collections.abc import AsyncIterator

from connectors.errors import Corrupted
from connectors.objects import ObjectHead
from connectors.traits import Traits
from engine import md5
from engine.failures import Meaning, Operation, Side
from workers.transfer.hashing import Data, Hashing
from workers.transfer.reading import MD5
from workers.transfer.subjects import OPAQUE, Subject

# S3, OBS, OSS and their like take at most so much in one PUT, and know the MD5 of nothing larger.
SINGLE_PUT_MAX = 5 << 30


class Misread(Corrupted):
    """All parts arrived, and their whole has another MD5 than the source tells."""

    def __init__(self) -> None:
        super().__init__(Meaning.DIGEST_MISMATCH, Operation.READ, message="MD5 differs from the source's")
        self.side = Side.SOURCE


def told_md5(traits: Traits, subject: Subject, head: ObjectHead) -> str:
    """The MD5 of the whole in hex, as the source tells it by its ETag or beside it.

    "" when it tells none, and when a CRC64 is told: those of the parts prove that one.
    """
    if head.crc64 is not None or subject.size > SINGLE_PUT_MAX:
        return ""
    if head.md5 is not None:
        return head.md5.hex()
    told = traits.etag_is_md5 and head.encryption not in OPAQUE and MD5.fullmatch(subject.etag)
    return subject.etag if told else ""


class WholeMd5:
    """Takes in parts that are read side by side, in the order of the object."""

    def __init__(self, hashing: Hashing) -> None:
        self._hashing = hashing
        self._md5 = md5.begun()
        self._next = 1
        self._turns: dict[int, asyncio.Event] = {}

    async def take(self, number: int, data: Data) -> None:
        """Wait for all parts before `number`, then take in its bytes.

        Who waits holds memory: parts have to be begun in their order.
        """
        if number != self._next:
            await self._turns.setdefault(number, asyncio.Event()).wait()
        await self._hashing.take(self._md5, data)
        self._next += 1
        if self._next in self._turns:
            self._turns.pop(self._next).set()

    def hexdigest(self) -> str:
        """Of what was taken in so far."""
        return self._md5.digest().hex()


async def md5_of(blocks: AsyncIterator[Data], hashing: Hashing) -> str:
    """The MD5 in hex of blocks one after the other."""
    whole, number = WholeMd5(hashing), 0
    async for block in blocks:
        number += 1
        await whole.take(number, block)
    return whole.hexdigest()
