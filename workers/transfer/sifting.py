"""From listed objects and what the destination has: units to copy, and outcomes that need no copy (design 3.7)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from connectors.capabilities import Described
from connectors.objects import ObjectInfo
from engine.digest import Digested
from engine.failures import Meaning, Operation, Side, object_code, trf_code
from engine.keys import destination_key, file_system_problem, is_own_output, key_problem, same_bucket
from engine.manifest import Entry, encode
from engine.march import Absent, Present, Sight, Unseen
from engine.outcomes import Left, Outcome, OutcomeKind
from engine.parts import SINGLE_MAX
from engine.policy import Candidate, Copy, Existing, NeedHead, Rule, Skip, decide
from engine.selection import is_recent
from engine.verification import Same
from ledger.values import NewSegment, NewUnit
from workers.transfer.context import TaskContext
from workers.transfer.segments import left_segment, segments

UNIT_BYTES = 256 << 20
# An object that is left alone: its place, key, size and ETag, and the word for what shows it.
Row: TypeAlias = tuple[int, bytes, int, str, StrEnum]


@dataclass(frozen=True, slots=True)
class Sifted:
    """What a page leaves: every listed object is in exactly one unit or segment."""

    units: tuple[NewUnit, ...]
    segments: tuple[NewSegment, ...]


class Sifter:
    """Applies a task's policy to listed objects."""

    def __init__(
        self, context: TaskContext, *, check_encryption: bool = False, file_system: bool = False
    ) -> None:
        self._check_encryption = check_encryption
        self._context = context
        self._file_system = file_system
        self._spec = context.facts.spec
        self._save_prefix = destination_key(self._spec.destination.save_prefix, b"")
        self._clock = context.clock
        self._now_ms = 0
        self._since_s = self._spec.migrate_since_s
        self._max_key = context.pair.destination.traits.max_key_bytes
        # Up to this length no key of the source is too long.
        self._room = self._max_key - len(self._save_prefix)
        # Two names of one bucket on one host are one bucket, whatever the clouds are called.
        self._same_bucket = same_bucket(self._spec) or _where(context.pair.source) == _where(
            context.pair.destination
        )

    def renamed(self, key: bytes) -> bytes:
        """The destination key of a source key."""
        return self._save_prefix + key

    def sources(self, objects: tuple[ObjectInfo, ...]) -> tuple[ObjectInfo, ...]:
        """Without what the task itself writes in its one bucket."""
        if not self._same_bucket:
            return objects
        prefix = self._spec.destination.save_prefix
        return tuple(one for one in objects if not is_own_output(one.key, prefix, same_bucket=True))

    def sift(
        self, objects: Sequence[ObjectInfo], sights: Sequence[Sight[ObjectInfo]], listed: Digested
    ) -> Sifted:
        """Decide each object by its sight. `listed` is the digest of all."""
        entries: list[Entry] = []
        outcomes: list[Outcome] = []
        left: list[Row] = []
        before, self._now_ms = b"", self._clock.now_ms()
        for line, (one, sight) in enumerate(zip(objects, sights, strict=True)):
            found = Rule.DUPLICATE_LINE if one.key == before else self._decide(one, sight, line)
            before = one.key
            if isinstance(found, StrEnum):
                left.append((line, before, one.size, one.etag, found))
            elif isinstance(found, Entry):
                entries.append(found)
            else:
                outcomes.append(found)
        return Sifted(tuple(_units(entries)), (*self._left(left, listed), *segments(outcomes, listed)))

    def _left(self, rows: Sequence[Row], listed: Digested) -> Iterator[NewSegment]:
        if rows:
            idx, keys, sizes, etags, evidence = zip(*rows, strict=True)
            known = [max(size, 0) for size in sizes] if min(sizes) < 0 else sizes
            yield left_segment(Left(idx, keys, known, etags, evidence), self._now_ms, listed)

    def _decide(self, one: ObjectInfo, sight: Sight[ObjectInfo], line: int) -> Entry | Outcome | Rule | Same:
        """An entry to be copied, what shows that it can be left alone, or a failure."""
        if (self._file_system or not 0 < len(one.key) <= self._room) and (why := self._name_problem(one)):
            return self._failed(one, line, why)
        if self._since_s and one.modified_ms >= 0 and not is_recent(one.modified_ms, self._since_s):
            return Rule.MIGRATE_SINCE
        match sight:
            case Unseen():
                return entry_of(one, "unknown", "", line)
            case Absent():
                return entry_of(one, "absent", "", line)
            case Present(item):
                return self._compare(one, item, line)

    def _name_problem(self, one: ObjectInfo) -> str:
        """Why the destination cannot have this name, "" when it can."""
        key = self.renamed(one.key)
        if key_problem(key, self._max_key) is not None:
            return f"{len(key)} bytes"
        return file_system_problem(key, one.size) if self._file_system else ""

    def _compare(self, one: ObjectInfo, item: ObjectInfo, line: int) -> Entry | Rule:
        verdict = decide(
            Candidate(one.size, one.modified_ms, one.etag),
            Existing(item.size, item.modified_ms, item.etag),
            self._spec.overwrite,
            want_kms=self._spec.enable_kms,
            check_encryption=self._check_encryption,
        )
        match verdict:
            case Skip(rule):
                return rule
            case Copy():
                return entry_of(one, "overwrite", item.etag, line)
            case NeedHead():
                return entry_of(one, "unknown", "", line)

    def _failed(self, one: ObjectInfo, line: int, why: str) -> Outcome:
        """The destination cannot have this name."""
        code = object_code(Meaning.BAD_KEY, Side.DESTINATION, Operation.PUT)
        detail = f"{trf_code(Meaning.BAD_KEY, Side.DESTINATION, Operation.PUT)} {why}"
        return self._failure(one, line, code, detail)

    def _failure(self, one: ObjectInfo, line: int, code: str, detail: str) -> Outcome:
        return Outcome(
            idx=line, kind=OutcomeKind.FAIL, key=one.key, size=max(one.size, 0), etag=one.etag,
            evidence="", strength="", code=code, detail=detail, finished_ms=self._now_ms, dst_etag="",
        )  # fmt: skip


def _where(store: Described) -> str:
    return store.name.rpartition("@")[0]


def entry_of(one: ObjectInfo, decision: str, dst_etag: str, line: int) -> Entry:
    """A listed object as a unit's manifest keeps it."""
    return Entry(
        one.key, one.size, one.modified_ms, one.etag, one.storage_class, decision, dst_etag, line, one.version
    )


def _units(entries: Iterable[Entry]) -> Iterator[NewUnit]:
    """Large objects alone, small ones together up to 256 MiB."""
    together: list[Entry] = []
    total = 0
    for entry in entries:
        if entry.size > SINGLE_MAX:
            yield unit_of([entry], large=True)
            continue
        if together and total + max(entry.size, 0) > UNIT_BYTES:
            yield unit_of(together, large=False)
            together, total = [], 0
        together.append(entry)
        total += max(entry.size, 0)
    if together:
        yield unit_of(together, large=False)


def unit_of(entries: Sequence[Entry], *, large: bool) -> NewUnit:
    """A unit of these entries."""
    return NewUnit(encode(entries), len(entries), sum(max(entry.size, 0) for entry in entries), large)
