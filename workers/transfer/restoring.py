"""Archived objects of one unit: asked back, looked for, and waited for without holding anything (OMS 5.2.2)."""

import logging

from connectors.capabilities import Restorer
from connectors.errors import Archived, Rejected
from connectors.objects import Availability
from connectors.traits import RestoreKind
from engine.failures import Meaning, Operation, Side
from engine.manifest import Entry
from engine.restores import Tier, days_for, look_again, may_ask, tiers, waited_too_long
from ledger.values import UnitClaim
from workers.transfer.context import TaskContext

log = logging.getLogger(__name__)


class Restoring:
    """Whether an object can be read is known for sure only by reading it: some buckets give archived objects away."""

    def __init__(self, context: TaskContext, claim: UnitClaim) -> None:
        self._context = context
        self._claim = claim
        self._store = _restorer(context)
        self._pause: float | None = None
        self._new = False

    @property
    def asked_before(self) -> bool:
        """Whether objects of the unit were asked back under an earlier claim."""
        return self._store is not None and self._claim.restoring_ms > 0

    @property
    def pause(self) -> float | None:
        """Seconds until it is worth looking again at what waits; None: nothing does."""
        return self._pause

    @property
    def new(self) -> bool:
        """Whether objects were asked back under this claim."""
        return self._new

    async def runs(self, entry: Entry) -> bool:
        """Whether an object that was asked back earlier still waits. Raises Archived when it waits for too long."""
        claim = self._claim
        if not self.asked_before:
            return False
        context = self._context
        head = await context.source(lambda: context.pair.source.head(entry.key))
        if head.info.availability is not Availability.RESTORING:
            return False
        if waited_too_long(claim.restoring_ms, context.clock.now_ms()):
            error = Archived(Meaning.ARCHIVED, Operation.HEAD, message="its restore does not end")
            error.side = Side.SOURCE
            raise error
        self._wait(entry.storage_class or head.info.storage_class)
        return True

    async def asked(self, entry: Entry, refusal: Archived) -> bool:
        """Ask back what could not be read. False when that is not wanted or not of use. Raises StoreError."""
        if self._store is None or refusal.side is not Side.SOURCE:
            return False
        if not may_ask(self._claim.restoring_asks):
            return False
        context, word = self._context, entry.storage_class
        if not word:
            head = await context.source(lambda: context.pair.source.head(entry.key))
            word = head.info.storage_class
        await self._ask(entry.key, word)
        self._new = True
        self._wait(word)
        return True

    def note(self, entry: Entry) -> str:
        """What asking back has done to the source object for good, "" if nothing; for an object that was read."""
        changed = self._kind is RestoreKind.PERMANENT and self.asked_before
        return f"moved out of {entry.storage_class} for good" if changed and _archived(entry) else ""

    async def _ask(self, key: bytes, word: str) -> None:
        """By the fastest tier that the store has for this class."""
        store, context, cloud = self._store, self._context, self._context.facts.spec.source.cloud_type
        assert store is not None, "only who can restore is asked"
        days = days_for(cloud, word, context.limits.restore_days)
        wanted = tiers(cloud, word)
        for tier in wanted:
            try:
                await context.source(lambda tier=tier: store.restore(key, days, tier))  # type: ignore[misc]  # bound now
            except Rejected:
                if tier is wanted[-1]:
                    raise
            else:
                return

    def _wait(self, word: str) -> None:
        tier: Tier = tiers(self._context.facts.spec.source.cloud_type, word)[0]
        since = 0 if self._new else self._claim.restoring_ms
        waited = (self._context.clock.now_ms() - since) / 1000 if since else 0.0
        pause = look_again(tier, waited, self._context.limits.restore_poll)
        if self._pause is None:
            log.info("restoring", extra={"unit": self._claim.fence.row, "pause": pause, "kind": self._kind})
        self._pause = pause if self._pause is None else min(self._pause, pause)

    @property
    def _kind(self) -> RestoreKind:
        return self._context.pair.source.traits.restore


def _restorer(context: TaskContext) -> Restorer | None:
    """Who gives archived objects back, if the task's owner wants it and the store can."""
    source = context.pair.source
    wanted = context.facts.spec.enable_restore and source.traits.restore is not RestoreKind.NONE
    return source if wanted and isinstance(source, Restorer) else None


def _archived(entry: Entry) -> bool:
    """As it was listed."""
    return entry.storage_class.upper() == "ARCHIVE"
