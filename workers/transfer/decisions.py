"""Deciding again: when the listing could not tell, when it is old, or when the destination moved (design 3.9)."""

from connectors.errors import NotFound, PreconditionFailed
from connectors.objects import Condition, ObjectHead
from engine.failures import Meaning, Operation, Side
from engine.parts import SINGLE_MAX
from engine.policy import Copy, NeedHead, Rule, Skip, decide
from engine.spec import OverwriteMode
from ledger.values import TaskKind
from workers.transfer.context import TaskContext
from workers.transfer.subjects import Subject, condition_for, existing_of


class Decider:
    """Resolves subjects to what is to be written and on which condition."""

    def __init__(self, context: TaskContext, decided_ms: int) -> None:
        self._context = context
        self._spec = context.facts.spec
        self._decided_ms = decided_ms

    def as_listed(self, subject: Subject) -> Subject | None:
        """From the listing's decision; None where that is left open, and `again` has to look."""
        if self._spec.overwrite is OverwriteMode.FULL_OVERWRITE:
            return subject
        decision = subject.listed.decision
        if decision == "unknown" or self._stale():
            return None
        over = None if decision == "absent" else subject.listed.dst_etag
        large = subject.size > SINGLE_MAX
        if self._spec.overwrite is OverwriteMode.NO_OVERWRITE and not self.conditional(over) and large:
            # `check_free` comes when all parts are there: too late to be the only look.
            return None
        return subject.bound(self.condition(over))

    async def again(self, subject: Subject) -> Subject | Rule:
        """By HEADs: of the destination, and of the source where the rule needs it."""
        head = await self.destination_head(subject.dst_key)
        existing = None if head is None else existing_of(head)
        while True:
            verdict = decide(
                subject.candidate, existing, self._spec.overwrite, want_kms=self._spec.enable_kms,
                always_encrypts=self._context.pair.destination.traits.always_encrypts,
                changed=self._context.facts.kind is TaskKind.BATCH,
            )  # fmt: skip
            match verdict:
                case Skip(rule):
                    return rule
                case NeedHead(side):
                    assert side is Side.SOURCE, "the destination was asked"
                    subject = await self.source_seen(subject)
                case Copy():
                    over = None if head is None else head.info.etag
                    return subject.bound(self.condition(over))

    async def source_seen(self, subject: Subject) -> Subject:
        """With the facts of a fresh HEAD of the source."""
        context = self._context
        return subject.seen(await context.source(lambda: context.pair.source.head(subject.source_key)))

    async def destination_head(self, key: bytes) -> ObjectHead | None:
        """None when the destination has no such key."""
        context = self._context
        try:
            return await context.destination(lambda: context.pair.destination.head(key))
        except NotFound:
            return None

    def _stale(self) -> bool:
        if not self._decided_ms:
            return False
        age = self._context.clock.now_ms() - self._decided_ms
        return age > self._context.limits.stale_decision * 1000

    async def check_free(self, subject: Subject) -> None:
        """For right before a write that no condition guards. Raises PreconditionFailed when it must not overwrite."""
        if self._spec.overwrite is not OverwriteMode.NO_OVERWRITE or not subject.weak:
            return
        head = await self.destination_head(subject.dst_key)
        if head is not None and head.info.etag != subject.ours:
            raise PreconditionFailed(Meaning.PRECONDITION, Operation.PUT)

    def conditional(self, over: str | None) -> bool:
        """Whether the destination refuses a write over `over` (None: over nothing) whose condition does not hold."""
        context = self._context
        name = "if_none_match" if over is None else "if_match"
        return context.pair.destination.traits.conditional_put and context.found.holds(name)

    def condition(self, over: str | None) -> Condition:
        """What a write over `over` (None: over nothing) is bound to."""
        return condition_for(over, conditional=self.conditional(over))
