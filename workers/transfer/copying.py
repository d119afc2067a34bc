"""Copying one object: one GET and one PUT, checked by the headers of those two answers (design 3.8, 3.9)."""

from collections.abc import Awaitable
from dataclasses import replace

from connectors.errors import (
    Archived,
    Changed,
    Denied,
    Fatal,
    NotFound,
    PreconditionFailed,
    Rejected,
    StoreError,
)
from connectors.objects import ANY, Block, WriteOptions, Written
from engine.evidence import Level
from engine.failures import Meaning, Operation, Side, object_code, trf_code
from engine.keys import destination_key
from engine.manifest import Entry
from engine.outcomes import Outcome, OutcomeKind
from engine.parts import SINGLE_MAX, TooLarge
from engine.policy import Rule
from ledger.values import UnitClaim, UploadRow
from workers.transfer.context import TaskContext
from workers.transfer.decisions import Decider
from workers.transfer.endpoint import measure
from workers.transfer.leases import Lease
from workers.transfer.multipart import LargeCopy
from workers.transfer.options import write_options
from workers.transfer.reading import read_whole
from workers.transfer.restoring import Restoring
from workers.transfer.room import Room
from workers.transfer.subjects import Subject
from workers.transfer.suspicion import check_keys
from workers.transfer.url_lists import KeyTurns, check_length, check_line
from workers.transfer.url_streams import StreamCopy
from workers.transfer.verdicts import Contradicted, Inconsistent, Landing, weigh
from workers.transfer.whole_md5 import Misread

# The store dropped an upload or a part of it behind our back: begun anew, all is well.
UPLOAD_GONE = frozenset({Meaning.NO_UPLOAD, Meaning.BAD_PART})


class Copier:
    """Brings the objects of one unit over, one call an object; each is tried `rounds` times."""

    rounds = 3

    def __init__(self, context: TaskContext, lease: Lease, claim: UnitClaim, room: Room) -> None:
        self._context = context
        self._lease = lease
        self._room = room
        self._decider = Decider(context, claim.decided_ms)
        self._large = LargeCopy(context, lease, claim, room)
        self._restoring = Restoring(context, claim)
        self._streams = StreamCopy(context, lease, claim, room)
        self._turns = KeyTurns()
        # Closed once their outcomes are journalled: until then their parts tell what stands at their keys.
        self.completed: list[UploadRow] = []

    @property
    def restoring(self) -> Restoring | None:
        """What waits to be restored."""
        return self._restoring

    async def ready(self) -> None:
        """What the destination really does is known afterwards."""
        await measure(self._context)

    async def copy(self, idx: int, entry: Entry) -> Outcome | None:
        """What became of one object; None while it is being restored.

        Raises Fatal and LeaseLost; every other failure is its outcome.
        """
        key = destination_key(self._context.facts.spec.destination.save_prefix, entry.key)
        subject = Subject.of(idx, entry, key)
        try:
            check_line(self._context, subject)
            if not entry.url:
                return await self._rounds(subject)
            async with self._turns.turn(entry.key):
                return await self._rounds(subject)
        except Fatal:
            raise
        except Denied as error:
            await self._check_keys(error.side or Side.DESTINATION)
            return self._refused(subject, error)
        except StoreError as error:
            return self._refused(subject, error)
        except Inconsistent as problem:
            return self._failed(subject, problem.code, problem.detail)
        except TooLarge as error:
            word = object_code(Meaning.TOO_LARGE, Side.DESTINATION, Operation.PUT)
            return self._failed(subject, word, str(error))

    async def _check_keys(self, side: Side) -> None:
        await check_keys(self._context, side)

    async def _rounds(self, listed: Subject) -> Outcome | None:
        """Again when the source changed, the destination moved, or what landed is not what was sent.

        None while it is being restored.
        """
        if self._restoring.asked_before and await self._restoring.runs(listed.listed):
            return None
        try:
            found = self._decider.as_listed(listed) or await self._decider.again(listed)
            for last in (*[False] * (self.rounds - 1), True):
                if isinstance(found, Rule):
                    return self._skipped(listed, found)
                subject = found if found.known or found.headed else await self._decider.source_seen(found)
                try:
                    return await self._once(subject)
                except (Changed, Misread, PreconditionFailed, NotFound, Rejected, Contradicted) as problem:
                    found = await self._otherwise(subject, problem, last=last)
        except Archived as refusal:
            if not await self._restoring.asked(listed.listed, refusal):
                raise
            return None
        raise AssertionError("the last round returns or raises")

    async def _otherwise(self, subject: Subject, problem: Exception, *, last: bool) -> Subject | Rule:
        """What to try after `problem`, which is raised when nothing is left to try."""
        match problem:
            case Contradicted() if last:
                word = "UPLOAD_DST_OBJ_FAILURE"
                raise Inconsistent(word, f"the destination holds {problem.etag}") from problem
            case Contradicted():
                return replace(subject, condition=self._decider.condition(problem.etag), ours=problem.etag)
            case Changed() if not last:
                return await self._decider.source_seen(subject)
            case PreconditionFailed() if not last:
                return await self._decider.again(subject)
            case Misread() if not last:
                return subject
            case NotFound() | Rejected() if problem.meaning in UPLOAD_GONE and not last:
                return subject
        raise problem

    def _once(self, subject: Subject) -> Awaitable[Outcome]:
        if 0 <= subject.size <= SINGLE_MAX:
            return self._once_small(subject)
        return self._once_streamed(subject) if subject.streamed else self._once_large(subject)

    async def _once_small(self, subject: Subject) -> Outcome:
        context = self._context
        async with self._room.memory(subject.idx, subject.size, max(subject.size, 1 << 12)):
            block, head = await read_whole(context, subject)
            options = await write_options(context, subject, head)
            if subject.weak:  # seldom: no coroutine for the others
                await self._decider.check_free(subject)
            written = await self._put(subject, block, options)
        md5 = block.md5.hex()
        told = head.md5.hex() if head.md5 is not None else ""
        landing = Landing(subject, written, md5, md5, block.crc64, head.crc64, told, options.left)
        return self._succeeded(subject, landing, weigh(context, landing))

    async def _once_large(self, subject: Subject) -> Outcome:
        await measure(self._context, parts=True)
        if not self._context.found.holds("conditional_complete"):
            subject = replace(subject, condition=ANY)
        landing, upload = await self._large.copy(subject, self._decider.check_free)
        try:
            level = weigh(self._context, landing)
        except (Contradicted, Inconsistent):
            await self._context.ledger.close_upload(upload)
            raise
        self.completed.append(upload)
        return self._succeeded(subject, landing, level)

    async def _once_streamed(self, subject: Subject) -> Outcome:
        check_length(self._context, subject)
        streamed = await self._streams.stream(subject, self._decider.check_free, self._put)
        try:
            level = weigh(self._context, streamed.landing)
        except (Contradicted, Inconsistent):
            if streamed.upload is not None:
                await self._context.ledger.close_upload(streamed.upload)
            raise
        if streamed.upload is not None:
            self.completed.append(streamed.upload)
        seen = replace(subject, size=streamed.size)
        outcome = self._succeeded(seen, streamed.landing, level)
        return outcome if streamed.landing.whole else replace(outcome, strength="weak")

    async def _put(self, subject: Subject, block: Block, options: WriteOptions) -> Written:
        """Refused because our own earlier request landed after all counts as written."""
        context, store = self._context, self._context.pair.destination
        paid = context.ahead("write", len(block))

        async def attempt() -> Written:
            self._lease.check()
            pace = None if paid else context.pace()
            return await store.put(subject.dst_key, block, options, subject.condition, pace)

        try:
            return await context.destination(attempt, len(block), paid)
        except PreconditionFailed:
            head = await self._decider.destination_head(subject.dst_key)
            if head is None or head.info.size != len(block) or head.info.etag != block.md5.hex():
                raise
            return Written(
                head.info.etag, head.info.version, head.crc64, head.encryption, head.info.modified_ms
            )

    def _succeeded(self, subject: Subject, landing: Landing, level: Level) -> Outcome:
        note = self._restoring.note(subject.listed) if self._restoring.asked_before else ""
        strength = "weak" if subject.weak else "strong"
        detail = f"{landing.left}; {note}" if landing.left and note else landing.left or note
        etag = landing.written.etag
        return self._outcome(
            subject, OutcomeKind.OK, level.word, strength=strength, detail=detail, dst_etag=etag
        )

    def _skipped(self, subject: Subject, rule: Rule) -> Outcome:
        return self._outcome(subject, OutcomeKind.SKIP, rule)

    def _failed(self, subject: Subject, code: str, detail: str) -> Outcome:
        return self._outcome(subject, OutcomeKind.FAIL, code=code, detail=detail)

    def _refused(self, subject: Subject, error: StoreError) -> Outcome:
        side = error.side or Side.DESTINATION
        trf = trf_code(error.meaning, side, error.operation)
        detail = f"{trf} {error.status} {error.code} {error.message}".strip()
        return self._failed(subject, object_code(error.meaning, side, error.operation), detail)

    def _outcome(
        self, subject: Subject, kind: OutcomeKind, evidence: str = "", *,
        strength: str = "", code: str = "", detail: str = "", dst_etag: str = "",
    ) -> Outcome:  # fmt: skip
        # What was listed with its version stays what is counted, even when another version was copied in the end.
        listed = subject.listed
        size = listed.size if kind is not OutcomeKind.OK or listed.etag else subject.size
        return Outcome(
            subject.idx, kind, listed.key, max(size, 0), listed.etag, evidence, strength, code, detail,
            self._context.clock.now_ms(), dst_etag, listed.url if kind is OutcomeKind.FAIL else "",
        )  # fmt: skip
