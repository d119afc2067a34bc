"""What became of each object, and how a segment of such outcomes is stored."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from engine._columns import Damaged, Reader, Writer
from engine.values import value


class OutcomeKind(StrEnum):
    """Copied, left alone, or not managed."""

    OK = "ok"
    SKIP = "skip"
    FAIL = "fail"


@value(frozen=True, slots=True)
class Outcome:
    """One object's result. `idx` is its place in the unit, `size` in bytes (-1: never known).

    `evidence` is a word of `evidence.Level` or a rule of `policy.Rule`; `strength` strong, weak or "";
    `code` and `detail` are filled for failures; `url` for those of a list of URLs, so that they can be tried again.
    """

    idx: int
    kind: OutcomeKind
    key: bytes
    size: int
    etag: str
    evidence: str = ""
    strength: str = ""
    code: str = ""
    detail: str = ""
    finished_ms: int = 0
    dst_etag: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts and bytes by kind."""

    ok: int = 0
    skip: int = 0
    fail: int = 0
    ok_bytes: int = 0
    skip_bytes: int = 0
    fail_bytes: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        """The two together."""
        return Tally(
            self.ok + other.ok,
            self.skip + other.skip,
            self.fail + other.fail,
            self.ok_bytes + other.ok_bytes,
            self.skip_bytes + other.skip_bytes,
            self.fail_bytes + other.fail_bytes,
        )


def tally(outcomes: Iterable[Outcome]) -> Tally:
    """The counters that these outcomes are worth; a size that was never known counts as 0 bytes."""
    counts = dict.fromkeys(OutcomeKind, 0)
    sizes = dict.fromkeys(OutcomeKind, 0)
    for outcome in outcomes:
        counts[outcome.kind] += 1
        sizes[outcome.kind] += max(0, outcome.size)
    ok, skip, fail = OutcomeKind
    return Tally(counts[ok], counts[skip], counts[fail], sizes[ok], sizes[skip], sizes[fail])


_KINDS: Final = {kind.value: kind for kind in OutcomeKind}
# Stands for a destination ETag that is the source's: the usual case of a single PUT.
_SAME: Final = "\0"


@value(frozen=True, slots=True)
class Left:
    """Objects that were left alone, column by column: a page of them in a third of the time that outcomes take."""

    idx: Sequence[int]
    keys: Sequence[bytes]
    sizes: Sequence[int]
    etags: Sequence[str]
    evidence: Sequence[str]

    def encode(self, finished_ms: int) -> bytes:
        """The segment that outcomes with these columns make, as `decode` reads it."""
        nothing = [""] * len(self.keys)
        columns = Writer()
        columns.numbers(self.idx)
        columns.words([OutcomeKind.SKIP] * len(self.keys))
        columns.blobs(self.keys)
        columns.numbers(self.sizes)
        columns.texts(self.etags)
        columns.words(self.evidence)
        for _ in range(3):
            columns.words(nothing)
        columns.numbers([finished_ms] * len(self.keys))
        columns.texts(nothing)
        return columns.sealed()


def encode(outcomes: Sequence[Outcome]) -> bytes:
    """A segment: compressed columns, in the order given."""
    columns = Writer()
    columns.numbers([outcome.idx for outcome in outcomes])
    columns.words([outcome.kind for outcome in outcomes])
    columns.blobs([outcome.key for outcome in outcomes])
    columns.numbers([outcome.size for outcome in outcomes])
    columns.texts([outcome.etag for outcome in outcomes])
    columns.words([outcome.evidence for outcome in outcomes])
    columns.words([outcome.strength for outcome in outcomes])
    columns.words([outcome.code for outcome in outcomes])
    columns.words([outcome.detail for outcome in outcomes])
    columns.numbers([outcome.finished_ms for outcome in outcomes])
    columns.texts([_SAME if o.dst_etag == o.etag else o.dst_etag for o in outcomes])
    if any(outcome.url for outcome in outcomes):
        columns.texts([outcome.url for outcome in outcomes])
    return columns.sealed()


class Columns(NamedTuple):
    """Outcomes column by column, in the order of their fields."""

    idx: list[int]
    kinds: list[OutcomeKind]
    keys: list[bytes]
    sizes: list[int]
    etags: list[str]
    evidence: list[str]
    strengths: list[str]
    codes: list[str]
    details: list[str]
    finished_ms: list[int]
    dst_etags: list[str]
    urls: list[str]

    def outcomes(self) -> list[Outcome]:
        """One by one."""
        return list(map(Outcome, *self))


def decode(segment: bytes) -> list[Outcome]:
    """What `encode` was given. Raises Damaged for other bytes."""
    return decode_columns(segment).outcomes()


def decode_columns(segment: bytes) -> Columns:
    """See `decode`."""
    columns = Reader(segment)
    try:
        idx = columns.numbers()
        kinds = list(map(_KINDS.__getitem__, columns.words()))
        keys, sizes, etags = columns.blobs(), columns.numbers(), columns.texts()
        evidence, strength, code, detail = (columns.words() for _ in range(4))
        finished = columns.numbers()
        dst_etags = [etag if dst == _SAME else dst for etag, dst in zip(etags, columns.texts(), strict=True)]
        urls = columns.texts() if columns.more else [""] * len(keys)
    except (KeyError, IndexError, ValueError) as error:
        raise Damaged(str(error)) from error
    rows = (idx, kinds, keys, sizes, etags, evidence, strength, code, detail, finished, dst_etags, urls)
    if len({len(row) for row in rows}) != 1:
        raise Damaged("columns of different length")
    return Columns(*rows)
