"""Copying a large object in parts whose upload any worker can go on with (reliability 3.8)."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial

from connectors.errors import (
    Changed,
    NotFound,
    PreconditionFailed,
    Rejected,
    Unavailable,
)
from connectors.objects import ByteRange, Guard, ObjectHead, Part, Written
from engine.evidence import multipart_etag
from engine.failures import Meaning, Operation
from engine.parts import PartPlan, parts_of_etag, plan_parts
from engine.sums import combine_crc64
from ledger.values import StoredPart, UnitClaim, UploadRow
from workers.transfer.context import TaskContext
from workers.transfer.creating import create_upload
from workers.transfer.leases import Lease
from workers.transfer.options import write_options
from workers.transfer.reading import MD5, read_part
from workers.transfer.room import Room
from workers.transfer.sending import First, Going, PartSender
from workers.transfer.sharing import Sharing
from workers.transfer.signals import LeaseLost, Stopped
from workers.transfer.strays import abort_recorded
from workers.transfer.subjects import Subject
from workers.transfer.verdicts import Contradicted, Landing
from workers.transfer.whole_md5 import Misread, WholeMd5, md5_of, told_md5

Completed = tuple[Landing, UploadRow]


class LargeCopy:
    """Uploads in parts for the objects of one unit."""

    def __init__(self, context: TaskContext, lease: Lease, claim: UnitClaim, room: Room) -> None:
        self._context = context
        self._lease = lease
        self._claim = claim
        self._room = room
        self._store = context.pair.destination
        # What the source says of each object, by its place in the unit, as the answers to its reads tell it.
        self._heads: dict[int, ObjectHead] = {}
        # What could not come along, likewise; whoever goes on with an upload of others does not know it.
        self._left: dict[int, str] = {}
        # Uploads that were asked for by an owner before us and had not appeared when we looked.
        self._unseen: dict[int, UploadRow] = {}

    async def copy(self, subject: Subject, ready: Callable[[Subject], Awaitable[None]]) -> Completed:
        """All parts read under one version, then completed if `ready` does not object.

        The upload's row is left for the caller to close. Raises StoreError (Changed ends the upload), LeaseLost.
        """
        async with AsyncExitStack() as held:
            return await self._copy(subject, ready, First(held))

    async def _copy(
        self, subject: Subject, ready: Callable[[Subject], Awaitable[None]], first: First
    ) -> Completed:
        traits = self._store.traits
        plan = plan_parts(
            subject.size,
            min_part=traits.min_part,
            max_part=traits.max_part,
            max_parts=traits.max_parts,
            uploaded=parts_of_etag(subject.etag),
        )
        row = await self._resumed(subject, plan)
        if isinstance(row, tuple):
            landing, row = row
            return await self._proven(landing, row, plan), row
        if row is None:
            row = await self._begun(subject, plan, first)
        told = self._told_md5(subject) if first.block else ""
        sender = self._sender(Going(subject, plan, row), first, whole=bool(told))
        try:
            stored = await self._upload(sender)
            if sender.whole is not None and sender.whole.hexdigest() != told:
                raise Misread
            await ready(subject)
            written = await self._complete(subject, row, stored)
            await self._abort_late(subject)
        except (Changed, Misread, NotFound, PreconditionFailed, Rejected):
            await self.discard(row)
            raise
        landing = await self._landing(subject, stored, written)
        if told:
            return replace(landing, source_md5=told, md5=told), row
        return await self._proven(landing, row, plan), row

    def _sender(self, going: Going, first: First, *, whole: bool) -> PartSender:
        """For what is missing of an upload of ours."""
        row = going.row
        record = partial(self._record, going.subject.idx, row)
        sender = PartSender(self._context, self._lease, self._room, going, record)
        sender.first, sender.whole = first, WholeMd5(self._context.hashing) if whole else None
        sender.stored.update((part.number, part) for part in row.parts)
        sender.expect(range(1, going.plan.count + 1))
        return sender

    async def _record(self, idx: int, row: UploadRow, part: StoredPart) -> bool:
        if not await self._context.ledger.add_parts(self._claim, row, [part]):
            return False
        await self._room.headway(idx)
        return True

    def _told_md5(self, subject: Subject) -> str:
        return told_md5(self._context.pair.source.traits, subject, self._heads[subject.idx])

    async def discard(self, row: UploadRow) -> None:
        """Abort an upload of ours, also one whose id never reached us."""
        await abort_recorded(self._context, row)

    async def _resumed(self, subject: Subject, plan: PartPlan) -> UploadRow | Completed | None:
        """The upload to go on with, or what came of it; one that does not fit any more is aborted."""
        row = await self._context.ledger.find_upload(self._claim, subject.idx)
        if row is None:
            return None
        same = (row.src_etag, row.src_size, row.part_size) == (subject.etag, subject.size, plan.part_size)
        if same and row.upload_id:
            kept = await self._kept_parts(row, plan)
            if kept is not None:
                return replace(row, parts=kept)
            if len(row.parts) == plan.count and (written := await self._landed(subject, row, row.parts)):
                return await self._landing(subject, row.parts, written), row
        if not row.upload_id:
            self._unseen[subject.idx] = row
        await self.discard(row)
        return None

    async def _abort_late(self, subject: Subject) -> None:
        """What an owner before us asked for may have come to life after we looked; ours is not open any more."""
        row = self._unseen.pop(subject.idx, None)
        if row is not None:
            await self.discard(row)

    async def _kept_parts(self, row: UploadRow, plan: PartPlan) -> tuple[StoredPart, ...] | None:
        """Parts that the store has, recorded by us or not; None when the upload is gone.

        All parts of an upload were read under its one version, so one whose acknowledgement was lost counts too where
        its ETag is its MD5.
        """
        context = self._context
        try:
            listed = await context.destination(lambda: self._store.list_parts(row.dst_key, row.upload_id))
        except NotFound:
            return None
        recorded = {(part.number, part.etag, part.size): part for part in row.parts}
        kept = (
            recorded.get((part.number, part.etag, part.size)) or self._adopted(part, plan) for part in listed
        )
        return tuple(part for part in kept if part is not None)

    def _adopted(self, part: Part, plan: PartPlan) -> StoredPart | None:
        whole = 1 <= part.number <= plan.count and part.size == plan.range(part.number)[1]
        traits = self._store.traits
        hashed = traits.etag_is_md5 and self._context.found.holds("etag_is_md5")
        # A store that takes any bytes for ours tells the MD5 of what it took.
        if not (whole and traits.md5_enforced and hashed and MD5.fullmatch(part.etag)):
            return None
        return StoredPart(part.number, part.etag, part.size, bytes.fromhex(part.etag), part.crc64)

    async def _begun(self, subject: Subject, plan: PartPlan, first: First) -> UploadRow:
        """A new upload, its id recorded before a part is sent. The first part's answer tells what travels along."""
        context = self._context
        await first.held.enter_async_context(self._room.memory(subject.idx, plan.part_size))
        first.block, head = await read_part(context, subject, *plan.range(1))
        self._heads[subject.idx] = head
        planned = await context.ledger.plan_upload(
            self._claim, subject.idx, subject.dst_key, subject.etag, subject.size, plan.part_size
        )
        if planned is None:
            raise LeaseLost
        options = await write_options(context, subject, head)
        self._left[subject.idx] = options.left
        upload_id = await create_upload(context, self._lease, planned, options)
        row = replace(planned, upload_id=upload_id, state="open")
        if not await context.ledger.open_upload(self._claim, planned, upload_id):
            await context.destination(lambda: self._store.abort_upload(subject.dst_key, upload_id))
            raise LeaseLost
        return row

    async def _upload(self, sender: PartSender) -> list[StoredPart]:
        going, stored = sender.going, sender.stored
        plan = going.plan
        sharing = Sharing(self._context, self._claim, sender)
        await sharing.begin()
        await sender.send()
        while len(stored) < plan.count and not self._context.stopping.is_set():
            await sharing.rest()
            await sender.send()
        if sender.head is not None:
            self._heads[going.subject.idx] = sender.head
        if len(stored) < plan.count:
            raise Stopped
        return [stored[number] for number in range(1, plan.count + 1)]

    async def _complete(self, subject: Subject, row: UploadRow, stored: list[StoredPart]) -> Written:
        """Completed once; an answer that was lost is looked up before anything is repeated."""
        async with self._room.turn(subject.idx):
            return await self._completed(subject, row, stored)

    async def _completed(self, subject: Subject, row: UploadRow, stored: list[StoredPart]) -> Written:
        context = self._context
        parts = [Part(part.number, part.etag, part.size, part.crc64) for part in stored]
        self._lease.check()
        try:
            return await context.destination(
                self._lease.under(
                    lambda: self._store.complete_upload(row.dst_key, row.upload_id, parts, subject.condition)
                )
            )
        except (NotFound, PreconditionFailed, Unavailable) as error:
            written = await self._landed(subject, row, stored)
            if written is None:
                raise error from error.__cause__
            # Equal parts that came by an upload of an owner before us: ours is still open.
            await context.destination(partial(self._store.abort_upload, row.dst_key, row.upload_id))
            return written

    async def _landed(self, subject: Subject, row: UploadRow, stored: Sequence[StoredPart]) -> Written | None:
        """What stands at the key, if it is this very upload."""
        context = self._context
        try:
            head = await context.destination(lambda: self._store.head(row.dst_key))
        except NotFound:
            return None
        ours = head.upload_id == row.upload_id or head.info.etag == multipart_etag([p.md5 for p in stored])
        if head.info.size != subject.size or not ours:
            return None
        return Written(head.info.etag, head.info.version, head.crc64, head.encryption, head.info.modified_ms)

    async def _landing(self, subject: Subject, stored: Sequence[StoredPart], written: Written) -> Landing:
        etag = multipart_etag([part.md5 for part in stored])
        crc = combine_crc64((part.crc64, part.size) for part in stored)
        if subject.idx not in self._heads:
            self._heads[subject.idx] = await self._asked(subject)
        told = self._heads[subject.idx].crc64
        if told is not None and crc is None and written.crc64 is None:
            # A part was adopted, and nobody can say what the whole is: once more, with parts of our own.
            raise Contradicted(written.etag)
        left = self._left.pop(subject.idx, "")
        return Landing(subject, written, etag, "", crc, told, left=left, parts=True)

    async def _proven(self, landing: Landing, row: UploadRow, plan: PartPlan) -> Landing:
        """Where an owner before us sent parts, and took the MD5 of what he read with him, the copy is read back."""
        told = self._told_md5(landing.subject)
        if not told:
            return landing
        if await md5_of(self._back(landing, plan), self._context.hashing) != told:
            await self._context.ledger.close_upload(row)
            raise Contradicted(landing.written.etag)
        return replace(landing, source_md5=told, md5=told)

    async def _back(self, landing: Landing, plan: PartPlan) -> AsyncIterator[bytes | bytearray]:
        context, written = self._context, landing.written
        guard = Guard(written.etag, landing.subject.size, written.version)
        for number in range(1, plan.count + 1):
            start, length = plan.range(number)
            async with self._room.memory(landing.subject.idx, length):
                await context.take("read", length)
                read = partial(self._store.read, landing.subject.dst_key, guard, ByteRange(start, length))
                yield (await context.destination(self._lease.under(read), length)).data

    async def _asked(self, subject: Subject) -> ObjectHead:
        """What the source says where every part was read by an owner before us."""
        head = await self._context.source(lambda: self._context.pair.source.head(subject.listed.key))
        if head.info.etag != subject.etag:
            raise Changed(Meaning.CHANGED, Operation.HEAD)
        return head
