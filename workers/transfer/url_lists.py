"""A list of URLs as a source listing: its lines by destination key, and what is decided of them (oms-behaviour 1.2)."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from connectors.objects import ObjectInfo, ObjectPage
from engine.digest import Digested
from engine.keys import key_problem
from engine.listfile import Line, ListRefused
from engine.manifest import MAX_ENTRIES, Entry
from engine.march import Sight, Unseen
from engine.outcomes import Outcome, OutcomeKind
from engine.policy import UNKNOWN, Rule
from engine.spec import TaskType
from engine.urllist import (
    FORMAT_ERROR,
    KEY_TOO_LONG,
    ReadLine,
    length_problem,
    read_url_line,
    superseded,
)
from engine.values import value
from engine.verification import Same
from ledger.values import NewUnit
from workers.transfer.context import TaskContext
from workers.transfer.lists import ListFile, sort_list
from workers.transfer.runs import spool_folder
from workers.transfer.segments import segments
from workers.transfer.sifting import Sifted, Sifter, unit_of
from workers.transfer.signals import TaskFailed
from workers.transfer.subjects import Subject
from workers.transfer.verdicts import Inconsistent

PAGE = 1000
NO_URL = ReadLine(0, b"", "", FORMAT_ERROR, "the line names no URL and key")


@value(frozen=True, slots=True)
class ListedUrl(ObjectInfo):
    """An object that a line names."""

    line: ReadLine = NO_URL


def check_first(line: Line) -> None:
    """Raises TaskFailed TRF.0016 when the first line of a list is none: then hardly any is (oms-behaviour 1.2)."""
    first = read_url_line(line)
    if first.code == FORMAT_ERROR:
        raise TaskFailed("TRF.0016", f"line {first.number}: {first.reason}")


async def url_pages(context: TaskContext, start: bytes) -> AsyncGenerator[ObjectPage, None]:
    """Lines by key, those of one key on one page and in the order of the file."""
    with spool_folder() as folder:
        try:
            lines = await sort_list(ListFile(context), Path(folder), lambda line: read_url_line(line).key)
        except ListRefused as refused:
            raise TaskFailed(refused.code, str(refused)) from refused
        page: list[ListedUrl] = []
        for line in lines.read(start):
            if len(page) >= PAGE and line.key != page[-1].key:
                yield ObjectPage(tuple(page), page[-1].key)
                page = []
            page.append(ListedUrl(line.key, UNKNOWN, UNKNOWN, "", line=read_url_line(line)))
        yield ObjectPage(tuple(page), None)


class UrlSifter(Sifter):
    """Lines of one key go into one unit, where they are done one after the other."""

    def sift(
        self, objects: Sequence[ObjectInfo], sights: Sequence[Sight[ObjectInfo]], listed: Digested
    ) -> Sifted:
        """Decide each line by its sight; only the first of a key can rely on it."""
        self._now_ms = self._clock.now_ms()
        runs: list[list[Entry]] = []
        outcomes: list[Outcome] = []
        numbered = enumerate(zip(objects, sights, strict=True))
        for _, found in groupby(numbered, key=lambda one: one[1][0].key):
            run: list[Entry] = []
            lines = list(found)
            for place, (idx, (one, sight)) in enumerate(lines):
                assert isinstance(one, ListedUrl), "a list of URLs lists lines"
                decided = self._line(one, Unseen() if run else sight, idx, (place, len(lines)))
                if isinstance(decided, Outcome):
                    outcomes.append(decided)
                elif len(run) < MAX_ENTRIES:
                    run.append(decided)
                else:
                    reason = f"more than {MAX_ENTRIES} lines have this key"
                    outcomes.append(self._refused(one, idx, FORMAT_ERROR, reason))
            runs.append(run)
        return Sifted(tuple(_units(runs)), segments(outcomes, listed))

    def _line(
        self, one: ListedUrl, sight: Sight[ObjectInfo], idx: int, place: tuple[int, int]
    ) -> Entry | Outcome:
        line = one.line
        if line.code:
            return self._refused(one, idx, line.code, line.reason)
        if key_problem(self.renamed(one.key), self._max_key) is not None:
            return self._refused(one, idx, KEY_TOO_LONG, f"{len(self.renamed(one.key))} bytes")
        if superseded(self._spec.overwrite, *place):
            return self._skipped(one, idx, Rule.DUPLICATE_LINE)
        decided = self._decide(one, sight, idx)
        match decided:
            case Rule() | Same():
                return self._skipped(one, idx, decided)
            case Outcome():
                return decided
            case Entry():
                return replace(decided, url=line.url)

    def _skipped(self, one: ListedUrl, idx: int, rule: Rule | Same) -> Outcome:
        return Outcome(
            idx, OutcomeKind.SKIP, one.key, max(one.size, 0), one.etag, rule, finished_ms=self._now_ms
        )

    def _refused(self, one: ListedUrl, idx: int, code: str, reason: str) -> Outcome:
        refused = self._failure(one, idx, code, f"line {one.line.number}: {reason}")
        return replace(refused, url=one.line.url)


class KeyTurns:
    """Lines with one key, one at a time and in the order in which they ask."""

    def __init__(self) -> None:
        self._locks: dict[bytes, asyncio.Lock] = {}
        self._users: Counter[bytes] = Counter()

    @asynccontextmanager
    async def turn(self, key: bytes) -> AsyncIterator[None]:
        """Wait for those before."""
        self._users[key] += 1
        try:
            async with self._locks.setdefault(key, asyncio.Lock()):
                yield
        finally:
            self._users[key] -= 1
            if not self._users[key]:
                del self._users[key], self._locks[key]


def check_line(context: TaskContext, subject: Subject) -> None:
    """A line that was refused before is refused again. Raises Inconsistent."""
    if context.facts.spec.task_type is not TaskType.URL_LIST:
        return
    if not subject.listed.url:
        raise Inconsistent(NO_URL.code, NO_URL.reason)
    if key_problem(subject.dst_key, context.pair.destination.traits.max_key_bytes) is not None:
        raise Inconsistent(KEY_TOO_LONG, f"{len(subject.dst_key)} bytes")


def check_length(context: TaskContext, subject: Subject) -> None:
    """Raises Inconsistent for an object that nothing could be compared with after its copy."""
    problem = length_problem(subject.size, context.facts.spec.consistency)
    if problem is not None:
        raise Inconsistent(problem, "the source tells no length, which only no_check takes")


def _units(runs: Sequence[list[Entry]]) -> Iterator[NewUnit]:
    """Lines of one key stay together."""
    together: list[Entry] = []
    for run in runs:
        if together and len(together) + len(run) > MAX_ENTRIES:
            yield unit_of(together, large=False)
            together = []
        together = together + run
    if together:
        yield unit_of(together, large=False)
