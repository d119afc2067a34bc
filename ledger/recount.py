"""Counting a run again from its journal, in one snapshot and constant memory."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg.rows import DictRow

from engine import outcomes
from engine.digest import Digest
from engine.outcomes import Outcome
from ledger.pool import Connection, fetch_all, fetch_one
from ledger.values import Tally, Verification

SHOWN = 20
_BATCH = 16
_RUN = "task_id = %(task)s AND run_no = %(run)s"

COUNTED = f"""
SELECT coalesce(sum(listed), 0)::bigint AS listed, coalesce(sum(listed_bytes), 0)::bigint AS listed_bytes,
       coalesce(sum(ok), 0)::bigint AS ok, coalesce(sum(ok_bytes), 0)::bigint AS ok_bytes,
       coalesce(sum(skip), 0)::bigint AS skip, coalesce(sum(skip_bytes), 0)::bigint AS skip_bytes,
       coalesce(sum(fail), 0)::bigint AS fail, coalesce(sum(fail_bytes), 0)::bigint AS fail_bytes
  FROM counter WHERE {_RUN}"""
SEGMENTS = f"SELECT id, kind, n, bytes, digest, payload FROM segment WHERE {_RUN}"
# The segments of a written success or skip list are gone; its figures stand for them.
WRITTEN = f"""
SELECT kind, lines, bytes, digest FROM record WHERE {_RUN} AND state = 'written' AND kind IN ('ok', 'skip')"""
# What a group's scanner has listed for a run stands in the run's shares.
RANGES = f"""
SELECT listed, digest FROM key_range WHERE {_RUN}
UNION ALL SELECT listed, digest FROM share
 WHERE task_id = %(task)s AND EXISTS (SELECT FROM run WHERE {_RUN} AND handed)"""
# A run over failures has no ranges: what it has to do is its units.
RETRIED = f"SELECT coalesce(sum(n), 0)::bigint AS listed FROM unit WHERE {_RUN} AND range_id = 0"
GAPS = f"""
SELECT lower(gap) AS lo, upper(gap) AS hi FROM unnest(
  coalesce((SELECT range_agg(span) FROM scope WHERE {_RUN}), '{{}}'::key_multispan)
  - coalesce((SELECT range_agg(span) FROM key_range WHERE {_RUN} AND state = 'done'), '{{}}'::key_multispan)) AS gap
 LIMIT {SHOWN}"""
LEFT = f"""
SELECT (SELECT count(*) FROM unit WHERE {_RUN} AND state <> 'done') AS units,
       (SELECT count(*) FROM key_range WHERE {_RUN} AND state <> 'done') AS ranges,
       (SELECT count(*) FROM record WHERE {_RUN} AND state = 'planned') AS lists,
       (SELECT count(*) FROM segment WHERE {_RUN} AND record_id IS NULL AND kind = ANY(%(kinds)s)) AS segments,
       (SELECT count(*) FROM upload WHERE task_id = %(task)s AND state IN ('intent', 'open')) AS uploads"""
_LEFT = {
    "units": "units not done",
    "ranges": "ranges not done",
    "lists": "lists not written",
    "segments": "segments in no list",
    "uploads": "uploads open",
}
_SPAN_HEAD = 12


@dataclass(slots=True)
class Recount:
    """What the journal adds up to, and what is wrong with it."""

    figures: dict[str, int] = field(default_factory=dict)
    digest: Digest = field(default_factory=Digest)
    problems: list[str] = field(default_factory=list)

    def add(self, kind: str, n: int, size: int, digest: Digest) -> None:
        """Some outcomes of one kind."""
        self.figures[kind] = self.figures.get(kind, 0) + n
        self.figures[f"{kind}_bytes"] = self.figures.get(f"{kind}_bytes", 0) + size
        self.digest.merge(digest)

    def unpack(self, rows: Sequence[DictRow]) -> None:
        """Segments from what is in them; a column that says otherwise is a problem."""
        for row in rows:
            self._unpack(row)

    def _unpack(self, row: DictRow) -> None:
        try:
            found = outcomes.decode(row["payload"])
        except ValueError as error:
            self.complain(f"segment {row['id']} cannot be read: {error}")
            return
        digest = Digest.of((outcome.key, outcome.size, outcome.etag) for outcome in found)
        size = sum(max(0, outcome.size) for outcome in found)
        if not _agrees(row, found, size, digest):
            self.complain(f"segment {row['id']} does not hold what its columns say")
        self.add(row["kind"], len(found), size, digest)

    def complain(self, problem: str) -> None:
        """Keeps the first few."""
        if len(self.problems) < SHOWN:
            self.problems.append(problem)

    @property
    def tally(self) -> Tally:
        """The figures as a value."""
        return Tally(**self.figures)


def _agrees(row: DictRow, found: Sequence[Outcome], size: int, digest: Digest) -> bool:
    return (
        row["n"] == len(found)
        and row["bytes"] == size
        and row["digest"] == digest.to_bytes()
        and all(outcome.kind == row["kind"] for outcome in found)
    )


async def recount(connection: Connection, run: dict[str, Any], *, failed_only: bool) -> Verification:
    """Everything that must be equal at the end of a run; `run` holds `task`, `run` and the recorded `kinds`.

    Reads several times, so it belongs into one REPEATABLE READ transaction.
    """
    journal = Recount()
    await _unpack_segments(connection, run, journal)
    for row in await fetch_all(connection, WRITTEN, run):
        journal.add(row["kind"], row["lines"], row["bytes"], Digest.from_bytes(row["digest"]))
    ranges_listed, ranges_digest = await _listed(connection, run, failed_only=failed_only)
    counted = await fetch_one(connection, COUNTED, run) or {}
    listed, listed_bytes = counted.pop("listed"), counted.pop("listed_bytes")
    verification = Verification(
        counted=Tally(**counted),
        recounted=journal.tally,
        listed=listed,
        listed_bytes=listed_bytes,
        ranges_listed=ranges_listed,
        gaps=tuple(_gap(row) for row in await fetch_all(connection, GAPS, run)),
        digest_equal=ranges_digest is None or ranges_digest == journal.digest,
    )
    problems = [*journal.problems, *_differences(verification), *await left(connection, run)]
    return with_problems(verification, problems)


async def left(connection: Connection, run: dict[str, Any]) -> list[str]:
    """What keeps the run from ending."""
    row = await fetch_one(connection, LEFT, run) or {}
    return [f"{count} {_LEFT[name]}" for name, count in row.items() if count]


def with_problems(found: Verification, problems: Sequence[str]) -> Verification:
    """The same verification with these problems."""
    return Verification(
        found.counted,
        found.recounted,
        found.listed,
        found.listed_bytes,
        found.ranges_listed,
        found.gaps,
        found.digest_equal,
        tuple(problems),
    )


async def _unpack_segments(connection: Connection, run: dict[str, Any], journal: Recount) -> None:
    async with connection.cursor("segments", binary=True) as cursor:
        await cursor.execute(SEGMENTS, run)
        while rows := await cursor.fetchmany(_BATCH):
            # Beside the loop: leases are renewed meanwhile.
            await asyncio.to_thread(journal.unpack, rows)


async def _listed(
    connection: Connection, run: dict[str, Any], *, failed_only: bool
) -> tuple[int, Digest | None]:
    if failed_only:
        row = await fetch_one(connection, RETRIED, run)
        return (row["listed"] if row else 0), None
    listed, digest = 0, Digest()
    async with connection.cursor("ranges", binary=True) as cursor:
        await cursor.execute(RANGES, run)
        async for row in cursor:
            listed += row["listed"]
            digest.merge(Digest.from_bytes(row["digest"]))
    return listed, digest


def _differences(found: Verification) -> list[str]:
    decided = found.counted.ok + found.counted.skip + found.counted.fail
    checks = (
        (
            found.counted == found.recounted,
            f"counters {found.counted} differ from the recount {found.recounted}",
        ),
        (found.listed == decided, f"{found.listed} objects listed, {decided} decided"),
        (
            found.listed == found.ranges_listed,
            f"{found.listed} objects counted, {found.ranges_listed} listed by ranges",
        ),
        (found.digest_equal, "what was listed is not what was decided"),
        (not found.gaps, f"not listed: {', '.join(found.gaps)}"),
    )
    return [problem for holds, problem in checks if not holds]


def _gap(row: DictRow) -> str:
    """A gap without the task and run that its bounds begin with; an open end is one of the next run."""
    lo, hi = row["lo"], row["hi"]
    end = repr(hi[_SPAN_HEAD:]) if hi[:_SPAN_HEAD] == lo[:_SPAN_HEAD] else "…"
    return f"[{lo[_SPAN_HEAD:]!r}, {end})"
