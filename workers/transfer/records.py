"""Writing one record object under oms/ in the destination; writing it twice gives the same object (P-16)."""

import hashlib
from collections.abc import AsyncIterator
from functools import partial

from connectors.errors import Corrupted, StoreError
from connectors.objects import ANY, Block, Part, Properties, WriteOptions, Written
from engine.evidence import Proof, contradicted, multipart_etag
from engine.failures import Meaning, Operation
from engine.outcomes import OutcomeKind, decode_columns
from engine.records import RecordKind, lines
from ledger.values import RecordClaim
from workers.transfer.context import TaskContext
from workers.transfer.leases import Lease
from workers.transfer.signals import LeaseLost

PART = 16 << 20
TEXT = WriteOptions(Properties(content_type="text/plain"))
KINDS = {
    OutcomeKind.OK: RecordKind.SUCCESS,
    OutcomeKind.FAIL: RecordKind.FAILED,
    OutcomeKind.SKIP: RecordKind.SKIP,
}
# OMS 6.2: a list could not be uploaded.
NOT_WRITTEN = {OutcomeKind.OK: "S3M.0310", OutcomeKind.SKIP: "S3M.0312", OutcomeKind.FAIL: "OMS.0304"}


class RecordWriter:
    """One claimed record."""

    def __init__(self, context: TaskContext, lease: Lease, claim: RecordClaim) -> None:
        self._context = context
        self._lease = lease
        self._claim = claim
        self._kind = OutcomeKind(claim.kind)
        self._key = claim.object_key.encode()
        self._sha256 = hashlib.sha256()

    async def run(self) -> None:
        """Written, or noted as not writable with the code that says so. Raises Fatal, Transient, LeaseLost."""
        try:
            await self._write()
        except StoreError as error:
            if error.meaning is not Meaning.ACCESS_DENIED:
                raise
            kept = await self._context.ledger.record_failed(self._claim, NOT_WRITTEN[self._kind])
        else:
            kept = await self._context.ledger.record_written(self._claim, self._sha256.digest())
        if not kept:
            raise LeaseLost

    async def _write(self) -> None:
        blocks = self._blocks()
        first = await anext(blocks, b"")
        second = await anext(blocks, None)
        self._lease.check()
        if second is None:
            await self._put(first)
        else:
            await self._put_parts(first, second, blocks)

    async def _put(self, data: bytes) -> None:
        context, block = self._context, await self._context.hashing.block(data)
        store, options = context.pair.destination, self._options()
        written = await context.destination(
            self._lease.under(lambda: store.put(self._key, block, options, ANY, context.pace()))
        )
        self._believe(written, block.md5.hex(), Operation.PUT)

    async def _put_parts(self, first: bytes, second: bytes, rest: AsyncIterator[bytes]) -> None:
        call, store = self._context.destination, self._context.pair.destination
        await self._sweep()
        options = self._options()
        upload_id = await call(self._lease.under(lambda: store.create_upload(self._key, options)))
        parts, md5s = list[Part](), list[bytes]()
        async for data in _chained(first, second, rest):
            block = await self._context.hashing.block(data)
            parts.append(await self._put_part(upload_id, len(parts) + 1, block))
            md5s.append(block.md5)
        self._lease.check()
        written = await call(
            self._lease.under(lambda: store.complete_upload(self._key, upload_id, parts, ANY))
        )
        self._believe(written, multipart_etag(md5s), Operation.COMPLETE_UPLOAD)
        await self._sweep()

    def _believe(self, written: Written, etag: str, operation: Operation) -> None:
        """Raises Corrupted when the store says that it holds other bytes than those sent."""
        proof = Proof(etag, destination_etag=written.etag, encryption=str(written.encryption))
        traits, found = self._context.pair.destination.traits, self._context.found
        composed = operation is Operation.COMPLETE_UPLOAD
        told = found.holds("etag_of_parts" if composed else "etag_is_md5")
        if contradicted(
            proof, etag_is_md5=told and traits.etag_is_md5 and (traits.composite_etag or not composed)
        ):
            raise Corrupted(
                Meaning.DIGEST_MISMATCH, operation, message=f"the list is stored as {written.etag}"
            )

    async def _sweep(self) -> None:
        """No upload stays open that an owner before us, or a lost answer, has left at the key."""
        call, store = self._context.destination, self._context.pair.destination
        for upload in await call(lambda: store.list_uploads(self._key)):
            await call(partial(store.abort_upload, self._key, upload.upload_id))

    async def _put_part(self, upload_id: str, number: int, block: Block) -> Part:
        context, store = self._context, self._context.pair.destination
        return await context.destination(
            self._lease.under(lambda: store.put_part(self._key, upload_id, number, block, context.pace()))
        )

    def _options(self) -> WriteOptions:
        return WriteOptions(TEXT.properties, TEXT.storage_class, self._context.facts.spec.enable_kms)

    async def _blocks(self) -> AsyncIterator[bytes]:
        """The lines in blocks of 16 MiB, the last one shorter."""
        together, kind, zone = bytearray(), KINDS[self._kind], self._context.limits.zone
        async for payload in self._context.ledger.record_payloads(self._claim):
            together += lines(decode_columns(payload), kind, zone)
            while len(together) >= PART:
                yield self._counted(bytes(together[:PART]))
                del together[:PART]
        yield self._counted(bytes(together))

    def _counted(self, data: bytes) -> bytes:
        self._sha256.update(data)
        return data


async def _chained(first: bytes, second: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    yield second
    async for data in rest:
        yield data
