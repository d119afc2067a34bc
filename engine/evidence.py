"""What proves that an object arrived: the ladder of evidence, and OMS's own check (oms-behaviour 3.3)."""

from collections.abc import Sequence
from enum import IntEnum
from hashlib import md5
from typing import Final

from engine.encryption import CUSTOMER_KEY, KMS, NONE, agrees
from engine.failures import COMPARE_CRC64, COMPARE_KMS, COMPARE_SIZE
from engine.policy import UNKNOWN
from engine.spec import ConsistencyCheck
from engine.values import value

# Under these an ETag is not a hash of the content.
_OPAQUE: Final = frozenset({KMS, CUSTOMER_KEY})
_UNTOLD: Final = frozenset({None})


class Level(IntEnum):
    """How much is proven; each level includes the ones below."""

    L0 = 0
    L1 = 1
    L2 = 2
    L3 = 3
    L4 = 4

    @property
    def word(self) -> str:
        """What outcomes and records say."""
        return ("size", "wire", "provider", "e2e", "readback")[self]

    @classmethod
    def of(cls, word: str) -> "Level":
        """The level of a word. Raises KeyError for another one."""
        return {level.word: level for level in cls}[word]


@value(frozen=True, slots=True)
class Proof:
    """What the answers of one copy said; "" and None where nobody told.

    `etag` is the hash of the bytes that we read, in the form the destination would use: the MD5 in hex, or
    `multipart_etag` of the parts. `md5` is the whole object's MD5 in hex, "" when only parts were hashed.
    `md5_enforced`: every request carried a Content-MD5 and the store refuses wrong ones.
    """

    etag: str
    md5: str = ""
    crc64: int | None = None
    md5_enforced: bool = False
    destination_etag: str = ""
    destination_crc64: int | None = None
    encryption: str = NONE
    source_etag: str = ""
    source_crc64: int | None = None


def judge(proof: Proof) -> Level:
    """The strongest level that the answers prove, given that the sizes agree (L4 is for who reads back)."""
    if _provider_agrees(proof):
        return Level.L3 if _source_agrees(proof) else Level.L2
    return Level.L1 if proof.md5_enforced else Level.L0


def contradicted(proof: Proof, *, etag_is_md5: bool) -> bool:
    """Whether an answer denies that the bytes are those we read: by CRC64, or an ETag that is an MD5."""
    told = {proof.destination_crc64, proof.source_crc64}
    if told != _UNTOLD and len({proof.crc64, *told} - _UNTOLD) > 1:
        return True
    if not etag_is_md5 or proof.encryption in _OPAQUE or proof.destination_etag == proof.etag:
        return False
    return _bare(proof.destination_etag) not in ("", _bare(proof.etag))


def multipart_etag(part_md5s: Sequence[bytes]) -> str:
    """The ETag that S3 stores give to an object of parts with these MD5s."""
    return f"{md5(b''.join(part_md5s), usedforsecurity=False).hexdigest()}-{len(part_md5s)}"


def _provider_agrees(proof: Proof) -> bool:
    if proof.crc64 is not None and proof.crc64 == proof.destination_crc64:
        return True
    return proof.encryption not in _OPAQUE and _same(proof.destination_etag, proof.etag)


def _source_agrees(proof: Proof) -> bool:
    if proof.crc64 is not None and proof.crc64 == proof.source_crc64:
        return True
    return _same(proof.source_etag, proof.etag) or _same(proof.source_etag, proof.md5)


def _same(told: str, etag: str) -> bool:
    """Whether something is told, and it is this, however it is written."""
    return told != "" and (told == etag or _bare(told) == _bare(etag) != "")


def _bare(etag: str) -> str:
    return etag.strip('"').lower()


@value(frozen=True, slots=True)
class Landed:
    """What is known of a copy when its last answer came. `answered_ms` is that answer's Date, 0 without one.

    `source_size` and `source_modified_ms` are UNKNOWN for a source that named no length or no time.
    """

    source_size: int
    sent_size: int
    source_modified_ms: int
    answered_ms: int
    encryption: str = NONE
    source_crc64: int | None = None
    destination_crc64: int | None = None


def consistency_problem(
    landed: Landed, check: ConsistencyCheck, *, want_kms: bool, always_encrypts: bool = False
) -> str | None:
    """The failed list's word when OMS would call the object inconsistent, else None.

    `always_encrypts` as in `encryption.agrees`.
    """
    if check is ConsistencyCheck.NO_CHECK and landed.source_size == UNKNOWN:
        return None
    if not agrees(landed.encryption, want_kms=want_kms, always_encrypts=always_encrypts):
        return COMPARE_KMS
    if check is ConsistencyCheck.CRC64 and None not in (landed.source_crc64, landed.destination_crc64):
        return COMPARE_CRC64 if landed.source_crc64 != landed.destination_crc64 else None
    return None if _same_size(landed) and _not_older(landed) else COMPARE_SIZE


def _same_size(landed: Landed) -> bool:
    return landed.source_size in (UNKNOWN, landed.sent_size)


def _not_older(landed: Landed) -> bool:
    if landed.answered_ms == 0:
        return True
    return landed.answered_ms // 1000 >= landed.source_modified_ms // 1000
