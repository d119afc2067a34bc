"""Copying what can only be read from front to back: parts are cut as the bytes come, in constant memory."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from connectors.capabilities import ReadStream, Streamer
from connectors.errors import Corrupted, StoreError, Transient
from connectors.objects import Block, ObjectHead, WriteOptions, Written
from engine import md5
from engine.failures import Meaning, Operation, Side
from engine.parts import plan_parts, stream_part
from ledger.values import StoredPart, UploadRow
from workers.transfer.context import TaskContext
from workers.transfer.creating import create_upload
from workers.transfer.multipart import LargeCopy
from workers.transfer.options import write_options
from workers.transfer.signals import LeaseLost, Stopped
from workers.transfer.subjects import Subject
from workers.transfer.verdicts import Landing

ROUNDS = 3
RESUMES = 5
PIECE = 256 << 10

Ready = Callable[[Subject], Awaitable[None]]
Put = Callable[[Subject, Block, WriteOptions], Awaitable[Written]]


@dataclass(frozen=True, slots=True)
class Streamed:
    """What landed and how many bytes came; an upload's row is left for the caller to close."""

    landing: Landing
    size: int
    upload: UploadRow | None = None


class FrontToBack:
    """The bytes of one object in order. A break is mended where the source goes on at the same byte of its version."""

    def __init__(self, context: TaskContext, subject: Subject, opened: ReadStream) -> None:
        self._context = context
        self._subject = subject
        self._opened = opened
        self._ahead = bytearray()
        self._over = False
        self._mended = 0
        self.received = 0
        self.head: ObjectHead = opened.head
        self.framed = opened.framed
        # Only asked for where the source told a digest of the whole.
        self.md5 = md5.begun() if opened.head.md5 else None

    @property
    def told(self) -> str:
        """The whole's MD5 in hex as the source told it, "" when it did not."""
        return self.head.md5.hex() if self.head.md5 else ""

    async def block(self, most: int) -> tuple[Block, bool]:
        """The next `most` bytes, fewer at the end only; and whether that was the end."""
        data = self._ahead
        # One byte more than asked for tells whether this is all.
        while len(data) <= most and not self._over:
            data += await self._piece(min(PIECE, most + 1 - len(data)))
        self._ahead = data[most:]
        del data[most:]
        if self.md5 is not None:
            await self._context.hashing.take(self.md5, data)
        return await self._context.hashing.block(data), self._over and not self._ahead

    def close(self) -> None:
        """Let go of the source."""
        self._opened.close()

    async def _piece(self, most: int) -> bytes:
        while True:
            try:
                data = await self._opened.read(most)
            except Transient as error:
                await self._mend(error)
                continue
            self._over = not data
            self.received += len(data)
            await self._context.take("read", len(data))
            return data

    async def _mend(self, error: Transient) -> None:
        """Go on where it broke. Raises `error` when that is not to be had."""
        self._mended += 1
        self._opened.close()
        error.side = Side.SOURCE
        if self._mended > RESUMES or not self.received:
            raise error
        opened = await open_source(self._context, self._subject, self.received)
        if opened.start != self.received:
            opened.close()
            raise error
        self._opened = opened


class StreamCopy(LargeCopy):
    """One PUT for what turns out to be small, else an upload whose parts are read one after the other."""

    async def stream(self, subject: Subject, ready: Ready, put: Put) -> Streamed:
        """The whole object, begun anew when the source breaks. Raises StoreError, LeaseLost, Stopped."""
        for last in (*[False] * (ROUNDS - 1), True):
            stale = await self._context.ledger.find_upload(self._claim, subject.idx)
            if stale is not None:
                # Nobody can say that the source goes on with the bytes that its parts hold.
                await self.discard(stale)
            try:
                async with opened(self._context, subject) as source:
                    return await self._from(source, subject, ready, put)
            except Transient as error:
                if last or error.side is not Side.SOURCE:
                    raise
        raise AssertionError("the last round returns or raises")

    async def _from(self, source: FrontToBack, subject: Subject, ready: Ready, put: Put) -> Streamed:
        n = self._part_size(subject, 1)
        options = await write_options(self._context, subject, source.head)
        async with self._room.memory(subject.idx, n):
            block, over = await source.block(n)
            if over:
                self._check(source)
                await ready(subject)
                self._lease.check()
                written = await put(subject, block, options)
                told = block.md5.hex()
                landing = Landing(subject, written, told, told, block.crc64, source.head.crc64, source.told)
                return Streamed(replace(landing, whole=source.framed), len(block))
            row = await self._open(subject, n, options)
            try:
                stored = [await self._send(subject, row, 1, block)]
            except StoreError:
                await self.discard(row)
                raise
        try:
            return await self._rest(source, subject, row, stored, ready)
        except StoreError:
            await self.discard(row)
            raise

    async def _rest(
        self, source: FrontToBack, subject: Subject, row: UploadRow, stored: list[StoredPart], ready: Ready
    ) -> Streamed:
        over = False
        while not over:
            if self._context.stopping.is_set():
                raise Stopped
            number = len(stored) + 1
            n = self._part_size(subject, number)
            async with self._room.memory(subject.idx, n):
                block, over = await source.block(n)
                stored.append(await self._send(subject, row, number, block))
        self._check(source)
        await ready(subject)
        whole = replace(subject, size=source.received)
        written = await self._complete(whole, row, stored)
        self._heads[subject.idx] = source.head
        landing = await self._landing(whole, stored, written)
        whole_md5 = source.md5.digest().hex() if source.md5 else ""
        told = replace(landing, subject=subject, md5=whole_md5, source_md5=source.told, whole=source.framed)
        return Streamed(told, source.received, row)

    async def _open(self, subject: Subject, part_size: int, options: WriteOptions) -> UploadRow:
        planned = await self._context.ledger.plan_upload(
            self._claim, subject.idx, subject.dst_key, subject.etag, max(subject.size, 0), part_size
        )
        if planned is None:
            raise LeaseLost
        upload_id = await create_upload(self._context, self._lease, planned, options)
        if not await self._context.ledger.open_upload(self._claim, planned, upload_id):
            await self._context.destination(lambda: self._store.abort_upload(subject.dst_key, upload_id))
            raise LeaseLost
        return replace(planned, upload_id=upload_id, state="open")

    async def _send(self, subject: Subject, row: UploadRow, number: int, block: Block) -> StoredPart:
        context = self._context
        self._lease.check()
        part = await context.destination(
            lambda: self._store.put_part(row.dst_key, row.upload_id, number, block, context.pace()),
            len(block),
        )
        stored = StoredPart(number, part.etag, len(block), block.md5, block.crc64)
        if not await self._record(subject.idx, row, stored):
            raise LeaseLost
        return stored

    def _part_size(self, subject: Subject, number: int) -> int:
        traits = self._store.traits
        bounds = {"min_part": traits.min_part, "max_part": traits.max_part, "max_parts": traits.max_parts}
        return (
            plan_parts(subject.size, **bounds).part_size if subject.known else stream_part(number, **bounds)
        )

    def _check(self, source: FrontToBack) -> None:
        if source.md5 is not None and source.md5.digest() != source.head.md5:
            error = Corrupted(
                Meaning.DIGEST_MISMATCH, Operation.READ, message="MD5 differs from the source's"
            )
            error.side = Side.SOURCE
            raise error


@asynccontextmanager
async def opened(context: TaskContext, subject: Subject) -> AsyncIterator[FrontToBack]:
    """The object from its first byte on."""
    source = FrontToBack(context, subject, await open_source(context, subject, 0))
    try:
        yield source
    finally:
        source.close()


async def open_source(context: TaskContext, subject: Subject, start: int) -> ReadStream:
    """The source's stream. Raises StoreError."""
    store = context.pair.source
    assert isinstance(store, Streamer), "what has no length is read from streams only"
    return await context.source(lambda: store.stream(subject.source_key, subject.guard, start))
