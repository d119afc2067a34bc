"""Batches of synchronisation tasks: units and ends like any other, but no single failure stops the task (OMS 5.3)."""

import logging
from dataclasses import replace

from connectors.errors import Changed, Fatal, NotFound, StoreError
from engine.failures import Meaning, Operation, Side, object_code
from engine.keys import destination_key, key_problem
from engine.manifest import Entry
from engine.outcomes import Outcome
from engine.policy import Rule
from ledger.values import UnitClaim, Verification
from workers.transfer.budget import ByteBudget
from workers.transfer.context import TaskContext
from workers.transfer.copying import Copier
from workers.transfer.finish import Finish
from workers.transfer.leases import Lease
from workers.transfer.signals import Waiting
from workers.transfer.subjects import Subject
from workers.transfer.units import UnitWork

log = logging.getLogger(__name__)
LISTS_AGAIN = 5.0


class SyncUnit(UnitWork):
    """The unit of a batch: every key gets an outcome, whatever the buckets say."""

    def __init__(self, context: TaskContext, lease: Lease, claim: UnitClaim, budget: ByteBudget) -> None:
        super().__init__(context, lease, claim, budget)
        self._copier = SyncCopier(context, lease, claim, self._room)

    async def _ask_the_bucket(self) -> None:
        """Whatever it would answer, the next event is tried again."""
        self._context.narrow()


class Superseded(Changed):
    """The source became `seen` while the object was copied, which now stands at the destination as `etag`."""

    def __init__(self, seen: Subject, etag: str) -> None:
        super().__init__(
            Meaning.CHANGED, Operation.HEAD, message="the object changes faster than it is copied"
        )
        self.side = Side.SOURCE
        self.seen = seen
        self.etag = etag


class SyncCopier(Copier):
    """What would stop a task fails the object: the next event may find things mended."""

    rounds = 10

    async def ready(self) -> None:
        """What would stop a task is left for the objects to meet; the dialect's word stands meanwhile."""
        try:
            await super().ready()
        except Fatal as error:
            log.info("probe_failed", extra={"task": self._context.facts.task_id, "why": str(error)})

    async def copy(self, idx: int, entry: Entry) -> Outcome | None:
        """What became of one key of an event; None while it is being restored. Raises LeaseLost."""
        subject = Subject.of(idx, entry, self._renamed(entry.key))
        problem = key_problem(subject.dst_key, self._context.pair.destination.traits.max_key_bytes)
        if problem is not None:
            word = object_code(problem, Side.DESTINATION, Operation.PUT)
            return self._failed(subject, word, f"{len(subject.dst_key)} bytes")
        try:
            return await super().copy(idx, entry)
        except Fatal as error:
            return self._refused(subject, error)

    async def _once(self, subject: Subject) -> Outcome:
        """A change during the copy is looked for at once: its own event would find the destination newer, and skip."""
        outcome = await super()._once(subject)
        try:
            seen = await self._decider.source_seen(subject)
        except NotFound:
            return outcome
        if _version(seen) != _version(subject):
            raise Superseded(seen, outcome.dst_etag)
        return outcome

    async def _otherwise(self, subject: Subject, problem: Exception, *, last: bool) -> Subject | Rule:
        if isinstance(problem, Superseded) and not last:
            return replace(problem.seen.bound(self._decider.condition(problem.etag)), ours=problem.etag)
        return await super()._otherwise(subject, problem, last=last)

    async def _check_keys(self, side: Side) -> None:
        """The object fails in its own words; the next event may find things mended."""

    def _renamed(self, key: bytes) -> bytes:
        return destination_key(self._context.facts.spec.destination.save_prefix, key)


def _version(subject: Subject) -> tuple[str, int, int]:
    return subject.etag, subject.size, subject.modified_ms


class SyncFinish(Finish):
    """The end of a batch: its lists are written, and nothing else of it stays."""

    async def _end(self) -> Verification | None:
        return await self._context.ledger.end_batch(self._claim)


def kept(context: TaskContext, error: StoreError) -> Waiting:
    """What a store that refuses the lists makes of a batch: it stays until they are written.

    Only they say which of the accepted events have failed. Meanwhile it takes one of the places of open batches, so
    senders are told to come again when too much waits; a start with other keys or a deletion is the owner's way out.
    """
    log.warning("batch_waits", extra={"task": context.facts.task_id, "why": str(error)})
    return Waiting(LISTS_AGAIN)
