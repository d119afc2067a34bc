"""Copy, skip, or ask again: the overwrite modes as one total function (oms-behaviour 3.2)."""

from enum import StrEnum
from typing import Final, assert_never

from engine.encryption import agrees
from engine.failures import Side
from engine.spec import OverwriteMode
from engine.values import value

UNKNOWN: Final = -1


class Reason(StrEnum):
    """Why an object is copied."""

    ABSENT = "absent"
    FULL_OVERWRITE = "full_overwrite"
    SIZE = "size"
    NEWER = "newer"
    CRC64 = "crc64"
    ENCRYPTION = "encryption"


class Rule(StrEnum):
    """Why an object is left alone; also its outcome's evidence. The last two are decided before `decide`."""

    EXISTS = "exists"
    SIZE_LAST_MODIFIED = "size_last_modified"
    CRC64 = "crc64"
    MIGRATE_SINCE = "migrate_since"
    DUPLICATE_LINE = "duplicate line"


@value(frozen=True, slots=True)
class Candidate:
    """A source object. Size and time may be UNKNOWN; `headed`: it was asked for, what is missing stays so."""

    size: int
    modified_ms: int
    etag: str = ""
    crc64: int | None = None
    headed: bool = False


@value(frozen=True, slots=True)
class Existing:
    """The destination's object. `encryption` is a word of `engine.encryption`, None while nobody asked."""

    size: int
    modified_ms: int
    etag: str = ""
    crc64: int | None = None
    encryption: str | None = None
    headed: bool = False


@value(frozen=True, slots=True)
class Copy:
    """The object is to be copied."""

    reason: Reason


@value(frozen=True, slots=True)
class Skip:
    """The destination's object stays."""

    rule: Rule


@value(frozen=True, slots=True)
class NeedHead:
    """Not decidable before this side's object was asked for."""

    side: Side


Verdict = Copy | Skip | NeedHead
_EXISTS: Final = Skip(Rule.EXISTS)
_UNCHANGED: Final = Skip(Rule.SIZE_LAST_MODIFIED)


def decide(
    source: Candidate,
    existing: Existing | None,
    mode: OverwriteMode,
    *,
    want_kms: bool,
    check_encryption: bool = False,
    always_encrypts: bool = False,
    changed: bool = False,
) -> Verdict:
    """What to do with one object. Whole seconds are compared, equal is not newer.

    `changed`: somebody says that the source has changed. Then equal seconds are newer, unless the ETags are equal too.

    The existing object's encryption is asked for when the task wants KMS, or with `check_encryption` (for a
    bucket that encrypts by default). `always_encrypts` as in `encryption.agrees`.
    Answered by facts that are `headed`, NeedHead comes at most once for a side.
    """
    if existing is None:
        return Copy(Reason.ABSENT)
    match mode:
        case OverwriteMode.NO_OVERWRITE:
            return _EXISTS
        case OverwriteMode.FULL_OVERWRITE:
            return Copy(Reason.FULL_OVERWRITE)
        case OverwriteMode.SIZE_LAST_MODIFIED:
            verdict = _by_size_and_time(source, existing, changed=changed)
        case OverwriteMode.CRC64:
            verdict = _by_crc64(source, existing, changed=changed)
        case _:
            assert_never(mode)
    if not isinstance(verdict, Skip):
        return verdict
    if existing.encryption is None and not existing.headed and (want_kms or check_encryption):
        return NeedHead(Side.DESTINATION)
    if _same_encryption(existing, want_kms=want_kms, always_encrypts=always_encrypts):
        return verdict
    return Copy(Reason.ENCRYPTION)


def _by_size_and_time(source: Candidate, existing: Existing, *, changed: bool) -> Verdict:
    if source.size == UNKNOWN and not source.headed:
        return NeedHead(Side.SOURCE)
    if source.size != existing.size:
        return Copy(Reason.SIZE)
    if source.modified_ms == UNKNOWN:
        return _UNCHANGED
    ahead = source.modified_ms // 1000 - existing.modified_ms // 1000
    newer = ahead > 0 or (changed and ahead == 0 and source.etag != existing.etag)
    return Copy(Reason.NEWER) if newer else _UNCHANGED


def _by_crc64(source: Candidate, existing: Existing, *, changed: bool) -> Verdict:
    by_size = _by_size_and_time(source, existing, changed=changed)
    if isinstance(by_size, NeedHead) or by_size == Copy(Reason.SIZE):
        return by_size
    if existing.crc64 is None:
        return by_size if existing.headed else NeedHead(Side.DESTINATION)
    if source.crc64 is None:
        return by_size if source.headed else NeedHead(Side.SOURCE)
    return Skip(Rule.CRC64) if source.crc64 == existing.crc64 else Copy(Reason.CRC64)


def _same_encryption(existing: Existing, *, want_kms: bool, always_encrypts: bool) -> bool:
    if existing.encryption is None:
        return not (want_kms and existing.headed)
    return agrees(existing.encryption, want_kms=want_kms, always_encrypts=always_encrypts)
