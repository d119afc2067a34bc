"""The beginning of a run: what it has to cover, or which failures it does again."""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field

from engine import manifest, outcomes
from engine.manifest import MAX_ENTRIES, Entry
from engine.outcomes import Outcome
from engine.parts import SINGLE_MAX
from engine.selection import Scope
from ledger.leasing import Leasing
from ledger.pool import Connection, execute, fetch_one
from ledger.values import NewUnit, RunClaim

COUNTER_SHARDS = 16

_FENCE = "task_id = %(task)s AND run_no = %(run)s AND epoch = %(epoch)s AND claim_id = %(claim)s"
# The lease ends with the plan; the claim's id stays, so that its owner recognises a plan that landed before.
ACTIVATE = f"UPDATE run SET phase = 'active', lease_until = 'epoch' WHERE {_FENCE} AND phase = 'prepare'"
PLANNED = f"SELECT 1 AS planned FROM run WHERE {_FENCE} AND phase = 'active'"
ADD_COUNTERS = f"""
INSERT INTO counter (task_id, run_no, shard)
SELECT %(task)s, %(run)s, shard FROM generate_series(0, {COUNTER_SHARDS - 1}) AS shard"""
ADD_SCOPES = """
WITH s AS (SELECT * FROM unnest(%(los)s::bytea[], %(his)s::bytea[], %(prefixes)s::bytea[], %(exacts)s::boolean[])
             AS s(lo, hi, prefix, exact)),
added AS (INSERT INTO scope (task_id, run_no, lo, hi, prefix, exact) SELECT %(task)s, %(run)s, s.* FROM s)
INSERT INTO key_range (task_id, run_no, lo, hi, prefix, exact) SELECT %(task)s, %(run)s, s.* FROM s"""

FAILED = """
SELECT payload FROM segment WHERE task_id = %(task)s AND run_no = %(run)s - 1 AND kind BETWEEN 'fail' AND 'fail'
 ORDER BY kind, id"""
ADD_UNIT = """
INSERT INTO unit (task_id, run_no, page_no, chunk_no, manifest, n, bytes, large, done)
VALUES (%(task)s, %(run)s, 0, %(chunk)s, %(manifest)s, %(n)s, %(bytes)s, %(large)s, repeat('0', %(n)s)::bit varying)"""
ADD_LISTED = """
UPDATE counter SET listed = %(listed)s, listed_bytes = %(listed_bytes)s
 WHERE task_id = %(task)s AND run_no = %(run)s AND shard = 0"""
# What is done again was listed before: it moves out of the handed-on figures and into those of this run.
HAND_ON = """
UPDATE run r SET base_listed = p.base_listed + c.listed - %(listed)s,
       base_listed_bytes = p.base_listed_bytes + c.listed_bytes - %(listed_bytes)s,
       base_ok = p.base_ok + c.ok, base_ok_bytes = p.base_ok_bytes + c.ok_bytes,
       base_skip = p.base_skip + c.skip, base_skip_bytes = p.base_skip_bytes + c.skip_bytes
  FROM run p,
       (SELECT coalesce(sum(listed), 0) AS listed, coalesce(sum(listed_bytes), 0) AS listed_bytes,
               coalesce(sum(ok), 0) AS ok, coalesce(sum(ok_bytes), 0) AS ok_bytes,
               coalesce(sum(skip), 0) AS skip, coalesce(sum(skip_bytes), 0) AS skip_bytes
          FROM counter WHERE task_id = %(task)s AND run_no = %(run)s - 1) AS c
 WHERE r.task_id = %(task)s AND r.run_no = %(run)s AND p.task_id = r.task_id AND p.run_no = r.run_no - 1"""


@dataclass(slots=True)
class _Chunk:
    """Failed outcomes on their way into units, and what went through."""

    waiting: list[Outcome] = field(default_factory=list)
    listed: int = 0
    listed_bytes: int = 0
    units: int = 0

    def take(self, failed: Sequence[Outcome]) -> Iterator[NewUnit]:
        """Units that are full now; an object too large for a single PUT is one of its own."""
        for outcome in failed:
            if outcome.size > SINGLE_MAX:
                yield self._unit([outcome], large=True)
                continue
            self.waiting.append(outcome)
            if len(self.waiting) == MAX_ENTRIES:
                yield from self.rest()

    def rest(self) -> Iterator[NewUnit]:
        """What is left, however little."""
        if self.waiting:
            full, self.waiting = self.waiting, []
            yield self._unit(full, large=False)

    def _unit(self, failed: Sequence[Outcome], *, large: bool) -> NewUnit:
        size = sum(max(0, outcome.size) for outcome in failed)
        self.listed += len(failed)
        self.listed_bytes += size
        self.units += 1
        return NewUnit(manifest.encode([_again(outcome) for outcome in failed]), len(failed), size, large)


class Plans(Leasing):
    """Preparing a run."""

    async def save_plan(self, claim: RunClaim, scopes: Sequence[Scope]) -> bool:
        """Scopes, one range for each, and counters; the run becomes active and the lease ends. False: lease lost.

        The same call again changes nothing. Raises psycopg.errors.ExclusionViolation when scopes overlap.
        """
        parameters = self.fenced(
            claim.fence,
            los=[scope.lo for scope in scopes],
            his=[scope.hi for scope in scopes],
            prefixes=[scope.prefix for scope in scopes],
            exacts=[scope.exact for scope in scopes],
        )

        async def save(connection: Connection) -> bool:
            if await execute(connection, ACTIVATE, parameters) == 0:
                return await fetch_one(connection, PLANNED, parameters) is not None
            await execute(connection, ADD_COUNTERS, parameters)
            await execute(connection, ADD_SCOPES, parameters)
            return True

        return await self._pool.in_transaction(save)

    async def save_retry_plan(self, claim: RunClaim) -> bool:
        """Units from the failed outcomes of the run before; its other figures are handed on. False: lease lost.

        The same call again changes nothing.
        """
        parameters = self.fenced(claim.fence)

        async def save(connection: Connection) -> bool:
            if await execute(connection, ACTIVATE, parameters) == 0:
                return await fetch_one(connection, PLANNED, parameters) is not None
            await execute(connection, ADD_COUNTERS, parameters)
            await self._save_units(connection, parameters)
            return True

        return await self._pool.in_transaction(save)

    async def _save_units(self, connection: Connection, parameters: dict[str, object]) -> None:
        chunk = _Chunk()
        async for segment in _failed(connection, parameters):
            for unit in chunk.take(segment):
                await _add_unit(connection, parameters, chunk.units, unit)
        for unit in chunk.rest():
            await _add_unit(connection, parameters, chunk.units, unit)
        figures = parameters | {"listed": chunk.listed, "listed_bytes": chunk.listed_bytes}
        await execute(connection, ADD_LISTED, figures)
        await execute(connection, HAND_ON, figures)


async def _failed(connection: Connection, parameters: dict[str, object]) -> AsyncIterator[list[Outcome]]:
    async with connection.cursor("failed", binary=True) as cursor:
        cursor.itersize = 16
        await cursor.execute(FAILED, parameters)
        async for row in cursor:
            yield outcomes.decode(row["payload"])


async def _add_unit(connection: Connection, parameters: dict[str, object], chunk: int, unit: NewUnit) -> None:
    figures = {
        "chunk": chunk,
        "manifest": unit.manifest,
        "n": unit.n,
        "bytes": unit.bytes,
        "large": unit.large,
    }
    await execute(connection, ADD_UNIT, parameters | figures)


def _again(outcome: Outcome) -> Entry:
    """The source may have changed since: only its name is taken over."""
    return Entry(key=outcome.key, size=-1, modified_ms=-1, etag="", url=outcome.url)
