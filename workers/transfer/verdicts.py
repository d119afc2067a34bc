"""Judging a finished write by the answers it got: evidence, OMS's own check, and contradictions (design 3.8)."""

from connectors.objects import Written
from engine.evidence import Landed, Level, Proof, consistency_problem, contradicted, judge
from engine.failures import UNVERIFIABLE
from engine.values import value
from workers.transfer.context import TaskContext
from workers.transfer.subjects import Subject


class Inconsistent(Exception):
    """The object fails: `code` is the failed list's word."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code} {detail}".rstrip())
        self.code = code
        self.detail = detail


class Contradicted(Exception):
    """The destination holds other bytes than those sent; `etag` is what it says it holds."""

    def __init__(self, etag: str) -> None:
        super().__init__(etag)
        self.etag = etag


@value(frozen=True, slots=True)
class Landing:
    """What was sent and what was answered. `etag` is our hash in the destination's form, `md5` the whole's or "".

    `source_md5` is what the source tells beside its ETag, "" when it tells none; `left` names what of the source object
    did not come along. `parts`: it was put together from parts. `whole` False: nobody said that this was all of it.
    """

    subject: Subject
    written: Written
    etag: str
    md5: str
    crc64: int | None
    source_crc64: int | None
    source_md5: str = ""
    left: str = ""
    parts: bool = False
    whole: bool = True


def weigh(context: TaskContext, landing: Landing) -> Level:
    """How well the copy is proven. Raises Contradicted, or Inconsistent when OMS's check or the minimum fails."""
    spec, traits = context.facts.spec, context.pair.destination.traits
    subject, written, found = landing.subject, landing.written, context.found
    etag_rule = "etag_of_parts" if landing.parts else "etag_is_md5"
    encryption = written.encryption.value
    enforced = traits.md5_enforced and found.holds("md5_refused")
    source_etag = landing.source_md5 or subject.etag
    proof = Proof(
        landing.etag, landing.md5, landing.crc64, enforced, written.etag, written.crc64, encryption,
        source_etag, landing.source_crc64,
    )  # fmt: skip
    told = traits.etag_is_md5 and (traits.composite_etag or not landing.parts)
    if contradicted(proof, etag_is_md5=told and found.holds(etag_rule)):
        raise Contradicted(written.etag)
    landed = Landed(
        subject.size, subject.size, subject.modified_ms, written.answered_ms, encryption,
        landing.source_crc64, written.crc64,
    )  # fmt: skip
    problem = consistency_problem(
        landed, spec.consistency, want_kms=spec.enable_kms, always_encrypts=traits.always_encrypts
    )
    if problem is not None:
        raise Inconsistent(problem, f"encryption {written.encryption}, answered at {written.answered_ms}")
    level = judge(proof)
    if level < Level.L1:
        raise Inconsistent(UNVERIFIABLE, f"only {level.word}")
    return level
