"""Verification: both sides are listed again and compared, on demand byte by byte; nothing is written to a store."""

from collections.abc import AsyncIterator

from connectors.errors import Changed, Fatal, NotFound, StoreError
from connectors.objects import ByteRange, Guard, ObjectHead, ObjectInfo
from connectors.traits import Traits
from engine.failures import Side, object_code, trf_code
from engine.keys import destination_key
from engine.manifest import Entry
from engine.march import Absent, Present, Sight, Unseen
from engine.outcomes import Outcome, OutcomeKind
from engine.policy import Rule
from engine.selection import is_recent
from engine.verification import Different, Same, Seen, Unsettled, compare
from ledger.values import UnitClaim, UploadRow
from workers.transfer.budget import ByteBudget
from workers.transfer.context import TaskContext
from workers.transfer.finish import Finish
from workers.transfer.leases import Lease
from workers.transfer.records import RecordWriter
from workers.transfer.restoring import Restoring
from workers.transfer.sifting import Sifter, entry_of
from workers.transfer.subjects import OPAQUE
from workers.transfer.units import UnitWork

BLOCK = 8 << 20
ROUNDS = 3


class VerifySifter(Sifter):
    """A listed object is a skip when it is there and equal, a failure when it is not, else it is looked at."""

    def _decide(self, one: ObjectInfo, sight: Sight[ObjectInfo], line: int) -> Entry | Outcome | Rule | Same:
        if one.modified_ms >= 0 and not is_recent(one.modified_ms, self._spec.migrate_since_s):
            return Rule.MIGRATE_SINCE
        match sight:
            case Unseen():
                return entry_of(one, "unknown", "", line)
            case Absent():
                return self._found(one, line, Different.MISSING)
            case Present(item):
                return self._compared(one, item, line)

    def _compared(self, one: ObjectInfo, item: ObjectInfo, line: int) -> Entry | Outcome | Same:
        pair = self._context.pair
        verdict = compare(_listed(one, pair.source.traits), _listed(item, pair.destination.traits))
        if isinstance(verdict, Unsettled) or (self._context.facts.reread and isinstance(verdict, Same)):
            return entry_of(one, "unknown", item.etag, line)
        return verdict if isinstance(verdict, Same) else self._found(one, line, verdict)

    def _found(self, one: ObjectInfo, line: int, verdict: Different) -> Outcome:
        entry = entry_of(one, "", "", line)
        return outcome(self._context, line, entry, verdict)


class Verifier:
    """Compares the objects of one unit, one call an object; in the place of a copier."""

    def __init__(self, context: TaskContext, budget: ByteBudget) -> None:
        self._context = context
        self._budget = budget
        self.completed: list[UploadRow] = []
        self.restoring: Restoring | None = None

    async def ready(self) -> None:
        """Nothing is written, so nothing need be known of the destination."""

    async def copy(self, idx: int, entry: Entry) -> Outcome:
        """What the comparison found. Raises Fatal and LeaseLost; every other failure is the object's finding."""
        context = self._context
        try:
            return outcome(context, idx, entry, await self._settled(entry))
        except Fatal:
            raise
        except StoreError as error:
            side = error.side or Side.DESTINATION
            detail = f"{trf_code(error.meaning, side, error.operation)} {error.status} {error.code}".strip()
            code = object_code(error.meaning, side, error.operation)
            return outcome(context, idx, entry, code, detail)

    async def _settled(self, entry: Entry) -> Same | Different:
        """Anew when either side changes while it is read."""
        for last in (*[False] * (ROUNDS - 1), True):
            try:
                return await self._once(entry)
            except Changed:
                if last:
                    raise
        raise AssertionError("the last round returns or raises")

    async def _once(self, entry: Entry) -> Same | Different:
        context = self._context
        target = destination_key(context.facts.spec.destination.save_prefix, entry.key)
        source = await self._head(Side.SOURCE, entry.key)
        if source is None:
            return Different.SOURCE_GONE
        destination = await self._head(Side.DESTINATION, target)
        if destination is None:
            return Different.MISSING
        verdict = compare(
            _headed(source, context.pair.source.traits), _headed(destination, context.pair.destination.traits)
        )
        if isinstance(verdict, Different) or (isinstance(verdict, Same) and not context.facts.reread):
            return verdict
        return await self._same_bytes((entry.key, source.info), (target, destination.info))

    async def _head(self, side: Side, key: bytes) -> ObjectHead | None:
        context = self._context
        store = context.pair.source if side is Side.SOURCE else context.pair.destination
        try:
            return await context.caller(side)(lambda: store.head(key))
        except NotFound:
            return None

    async def _same_bytes(
        self, left: tuple[bytes, ObjectInfo], right: tuple[bytes, ObjectInfo]
    ) -> Same | Different:
        size = left[1].size
        async for part in _parts(size):
            length = part.length if part else 0
            held, owner = max(2 * length, 1 << 12), self._context.facts.task_id
            async with self._context.allowed(2 * length), self._budget.hold(held, owner):
                ours = await self._read(Side.SOURCE, *left, part)
                if ours != await self._read(Side.DESTINATION, *right, part):
                    return Different.CONTENT
        return Same.READBACK

    async def _read(self, side: Side, key: bytes, info: ObjectInfo, part: ByteRange | None) -> bytes:
        context = self._context
        store = context.pair.source if side is Side.SOURCE else context.pair.destination
        guard = Guard(info.etag, info.size, info.version)
        await context.take("read", part.length if part else 0)
        answer = await context.caller(side)(lambda: store.read(key, guard, part))
        return bytes(answer.data)


class VerifyUnit(UnitWork):
    """A unit whose objects are compared."""

    def __init__(self, context: TaskContext, lease: Lease, claim: UnitClaim, budget: ByteBudget) -> None:
        super().__init__(context, lease, claim, budget)
        self._copier = Verifier(context, budget)


class VerifyRecord(RecordWriter):
    """A list whose lines are counted and fingerprinted, and go nowhere: the destination stays as it is."""

    async def _write(self) -> None:
        async for _ in self._blocks():
            self._lease.check()


class VerifyFinish(Finish):
    """The end of a verification."""

    writer = VerifyRecord


def outcome(
    context: TaskContext, idx: int, entry: Entry, verdict: Same | Different | str, detail: str = ""
) -> Outcome:
    """Equal is a skip with what shows it, anything else a failure with its code."""
    same = isinstance(verdict, Same)
    return Outcome(
        idx=idx, kind=OutcomeKind.SKIP if same else OutcomeKind.FAIL, key=entry.key, size=max(entry.size, 0),
        etag=entry.etag, evidence=verdict if same else "", code="" if same else str(verdict), detail=detail,
        finished_ms=context.clock.now_ms(),
    )  # fmt: skip


def _listed(info: ObjectInfo, traits: Traits) -> Seen:
    return Seen(info.size, info.modified_ms, info.etag, traits.etag_is_md5)


def _headed(head: ObjectHead, traits: Traits) -> Seen:
    info = head.info
    opaque = head.encryption in OPAQUE
    return Seen(
        info.size, info.modified_ms, info.etag, traits.etag_is_md5, head.crc64, opaque=opaque, headed=True
    )


async def _parts(size: int) -> AsyncIterator[ByteRange | None]:
    if size <= BLOCK:
        yield None
        return
    for start in range(0, size, BLOCK):
        yield ByteRange(start, min(BLOCK, size - start))
