"""One object on its way: what is being copied, over what, and on which condition."""

from dataclasses import replace

from connectors.objects import ABSENT, ANY, Condition, Encryption, Guard, ObjectHead
from engine.manifest import Entry
from engine.parts import SINGLE_MAX
from engine.policy import UNKNOWN, Candidate, Existing
from engine.values import value


@value(frozen=True, slots=True)
class Subject:
    """An object of a unit. `size` is UNKNOWN until a HEAD told.

    `listed` keeps what the listing said: coverage is counted in its terms, whatever is read in the end.
    `ours`: ETag of a bad copy that we left at the key ourselves. `ranged` False: it cannot be read in parts.
    """

    idx: int
    listed: Entry
    dst_key: bytes
    size: int
    modified_ms: int
    etag: str
    version: str = ""
    headed: bool = False
    crc64: int | None = None
    condition: Condition = ANY
    ours: str | None = None
    storage_class: str = ""
    ranged: bool = True

    @classmethod
    def of(cls, idx: int, entry: Entry, dst_key: bytes) -> "Subject":
        """As it was listed."""
        return cls(
            idx, entry, dst_key, entry.size, entry.modified_ms, entry.etag, entry.version,
            storage_class=entry.storage_class,
        )  # fmt: skip

    def seen(self, head: ObjectHead) -> "Subject":
        """As a HEAD of the source shows it now."""
        info = head.info
        return replace(
            self,
            size=info.size,
            modified_ms=info.modified_ms,
            etag=info.etag,
            version=info.version,
            headed=True,
            crc64=head.crc64,
            storage_class=info.storage_class,
            ranged=head.ranged,
        )

    def bound(self, condition: Condition) -> "Subject":
        """The same, written on this condition. Once an object: `replace` would take five times as long."""
        return Subject(
            self.idx, self.listed, self.dst_key, self.size, self.modified_ms, self.etag, self.version,
            self.headed, self.crc64, condition, self.ours, self.storage_class, self.ranged,
        )  # fmt: skip

    @property
    def source_key(self) -> bytes:
        """Under which name the source has it."""
        return self.listed.url.encode() or self.listed.key

    @property
    def streamed(self) -> bool:
        """Whether it has to be read from front to back: nobody knows how long it is, or it has no parts."""
        return not self.known or (self.size > SINGLE_MAX and not self.ranged)

    @property
    def weak(self) -> bool:
        """No condition guards the write: a late one of an owner before us may still replace it."""
        return not self.condition.bound

    @property
    def guard(self) -> Guard:
        """What every read of it must still find."""
        return Guard(self.etag, self.size, self.version)

    @property
    def candidate(self) -> Candidate:
        """As the overwrite policy wants it."""
        return Candidate(self.size, self.modified_ms, self.etag, self.crc64, self.headed)

    @property
    def known(self) -> bool:
        """Whether size and version are known."""
        return self.size != UNKNOWN


def existing_of(head: ObjectHead) -> Existing:
    """The destination's object as the overwrite policy wants it."""
    info = head.info
    return Existing(info.size, info.modified_ms, info.etag, head.crc64, str(head.encryption), headed=True)


def condition_for(dst_etag: str | None, *, conditional: bool) -> Condition:
    """The condition of a write over `dst_etag` (None: over nothing)."""
    if not conditional:
        return ANY
    return ABSENT if dst_etag is None else Condition(etag=dst_etag)


OPAQUE = frozenset({Encryption.KMS, Encryption.CUSTOMER_KEY})
