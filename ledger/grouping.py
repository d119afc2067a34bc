"""Making a group's tasks out of what its scanner has listed: units, segments, figures and digests move together."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.errors import UniqueViolation
from psycopg.rows import DictRow

from engine.codes import message
from engine.digest import Digest
from engine.selection import Scope
from engine.spec import TaskType
from engine.states import TaskEvent, TaskStatus, advance
from ledger.digests import merged
from ledger.endings import Ending, end
from ledger.finishing import CLOSE, NOTHING_FOUND
from ledger.group_tasks import add_tasks, drawn_names, note_tasks, of_list
from ledger.journal import SUMS, JournalError
from ledger.leasing import Leasing
from ledger.plans import ACTIVATE, ADD_COUNTERS, COUNTER_SHARDS, PLANNED
from ledger.pool import Connection, execute, fetch_all, fetch_one
from ledger.recount import COUNTED, GAPS
from ledger.values import RunClaim, TaskId

# A piece of the key space is a page; nothing bounds how little one lists, so a task takes this many at most.
MOST_PAGES = 5_000
_DRAWS = 3

# Whoever stops or deletes the group holds this row: a task is made before, and is stopped, or not at all.
GROUP = """
SELECT g.id::text AS id, g.bandwidth, g.task_objects, g.task_bytes FROM task_group g
 WHERE g.scanner_id = %(task)s AND g.status IN (0, 1) FOR NO KEY UPDATE"""
_FENCE = "r.task_id = %(task)s AND r.run_no = %(run)s AND r.epoch = %(epoch)s AND r.claim_id = %(claim)s"
SCANNER = f"""
SELECT t.project_id, t.spec, t.status, t.desired FROM run r JOIN task t ON t.id = r.task_id
 WHERE {_FENCE} AND r.phase = %(phase)s AND t.run_no = r.run_no AND t.status = 2 AND t.desired = 'run'
   FOR NO KEY UPDATE OF r"""
_OF_RUN = "task_id = %(task)s AND run_no = %(run)s"
PENDING = f"""
SELECT p.range_id, p.page_no, p.lo, p.hi, p.listed, p.listed_bytes, p.digest, k.prefix, k.exact
  FROM (SELECT * FROM scanned_page WHERE {_OF_RUN} ORDER BY range_id, page_no LIMIT {MOST_PAGES}) AS p
  JOIN key_range k ON k.id = p.range_id ORDER BY p.range_id, p.page_no"""
ADD_SHARES = """
INSERT INTO share (group_id, task_id, scanner_run, range_id, lo, hi, prefix, exact, listed, listed_bytes, digest)
SELECT %(group)s::uuid, %(member)s, %(run)s, s.* FROM unnest(%(ranges)s::bigint[], %(los)s::bytea[], %(his)s::bytea[],
  %(prefixes)s::bytea[], %(exacts)s::boolean[], %(ns)s::bigint[], %(sizes)s::bigint[], %(digests)s::bytea[]) AS s"""

_CHOSEN = "x.task_id = %(task)s AND x.run_no = %(run)s AND x.range_id = p.range_id AND x.page_no = p.page_no"
MOVE = f"""
WITH p AS (SELECT * FROM unnest(%(page_ranges)s::bigint[], %(page_nos)s::int[]) AS p(range_id, page_no)),
gone AS (DELETE FROM scanned_page x USING p WHERE {_CHOSEN}),
units AS (UPDATE unit x SET task_id = %(member)s, run_no = 1 FROM p WHERE {_CHOSEN} RETURNING x.n),
segments AS (UPDATE segment x SET task_id = %(member)s, run_no = 1 FROM p
              WHERE {_CHOSEN} AND x.unit_id = 0 AND x.seq = 0 RETURNING x.kind, x.n, x.bytes),
sums AS ({SUMS}),
given AS (
  UPDATE counter c SET listed = c.listed - %(listed)s, listed_bytes = c.listed_bytes - %(listed_bytes)s,
         ok = c.ok - s.ok, ok_bytes = c.ok_bytes - s.ok_bytes, skip = c.skip - s.skip,
         skip_bytes = c.skip_bytes - s.skip_bytes, fail = c.fail - s.fail, fail_bytes = c.fail_bytes - s.fail_bytes
    FROM sums s WHERE c.task_id = %(task)s AND c.run_no = %(run)s AND c.shard = 0),
taken AS (
  INSERT INTO counter (task_id, run_no, shard, listed, listed_bytes, ok, ok_bytes, skip, skip_bytes, fail, fail_bytes)
  SELECT %(member)s, 1, 0, %(listed)s, %(listed_bytes)s, s.ok, s.ok_bytes, s.skip, s.skip_bytes, s.fail, s.fail_bytes
    FROM sums s)
SELECT coalesce((SELECT sum(n) FROM units), 0)::bigint + s.ok + s.skip + s.fail AS moved FROM sums s"""
REST_OF_COUNTERS = f"""
INSERT INTO counter (task_id, run_no, shard)
SELECT %(member)s, 1, shard FROM generate_series(1, {COUNTER_SHARDS - 1}) AS shard"""

LEFT = f"""
SELECT (SELECT count(*) FROM key_range WHERE {_OF_RUN} AND state <> 'done') AS ranges,
       (SELECT count(*) FROM scanned_page WHERE {_OF_RUN}) AS pages,
       (SELECT count(*) FROM unit WHERE {_OF_RUN}) AS units,
       (SELECT count(*) FROM segment WHERE {_OF_RUN}) AS segments"""
TILES = f"SELECT listed, digest FROM key_range WHERE {_OF_RUN}"
SHARES = """
SELECT s.listed, s.digest FROM share s JOIN task_group g ON g.id = s.group_id
 WHERE g.scanner_id = %(task)s AND s.scanner_run = %(run)s"""
PIECES = "SELECT lo, hi, prefix, exact FROM share WHERE task_id = %(task)s ORDER BY lo"


@dataclass(frozen=True, slots=True)
class Creation:
    """How far the making of tasks is. `over`: the scanner has ended; `problems`: why it cannot."""

    over: bool
    problems: tuple[str, ...] = ()


class Grouping(Leasing):
    """From a listing to tasks."""

    async def cut(self, claim: RunClaim, now: datetime) -> bool:
        """One more task of the group, from the oldest of what is listed and up to its limits. False: no such rest.

        Everything that belongs to a page moves in one transaction, so each object has one owner at any time. `now`
        carries the zone in which the task is named. Raises JournalError when pages do not hold what they list.
        """
        return await self._drawn(lambda connection: self._cut(connection, claim, now))

    async def save_list_tasks(self, claim: RunClaim, keys: Sequence[str], now: datetime) -> bool:
        """One task for each list; the scanner has nothing else to list. False: lease lost.

        The same call again changes nothing.
        """
        return await self._drawn(lambda connection: self._save_lists(connection, claim, keys, now))

    async def end_creation(self, claim: RunClaim) -> Creation | None:
        """Ends the scanner once its ranges tile its scopes without a gap and its tasks own all that they listed.

        None: lease lost, or the group is to stop. The same call again changes nothing.
        """
        return await self._pool.in_transaction(lambda connection: self._ended(connection, claim))

    async def pieces(self, task_id: TaskId) -> tuple[Scope, ...]:
        """The pieces of the key space that a task of a group has taken over, in order."""
        rows = await self._pool.fetch_all(PIECES, {"task": task_id})
        return tuple(Scope(row["lo"], row["hi"], row["prefix"], row["exact"]) for row in rows)

    async def _drawn(self, work: Any) -> bool:
        """Again with another number when two tasks of one instant drew the same."""
        for _ in range(_DRAWS):
            try:
                return bool(await self._pool.in_transaction(work))
            except UniqueViolation as clash:
                if clash.diag.constraint_name != "task_pkey":
                    raise
        raise JournalError("no free task id")

    async def _cut(self, connection: Connection, claim: RunClaim, now: datetime) -> bool:
        parameters = self.fenced(claim.fence, phase="active")
        group = await fetch_one(connection, GROUP, parameters)
        scanner = await fetch_one(connection, SCANNER, parameters)
        if group is None or scanner is None:
            return False
        pending = await fetch_all(connection, PENDING, parameters)
        pages = _first(pending, group)
        if not pages or (
            len(pages) == len(pending) < MOST_PAGES and not await self._over(connection, parameters)
        ):
            return False
        named = await drawn_names(connection, scanner, 1, now)
        await add_tasks(connection, parameters, named, [scanner["spec"]], handed=True)
        await _move(connection, parameters | {"group": group["id"], "member": named.ids[0]}, pages)
        await note_tasks(connection, scanner["project_id"], group["id"], named)
        return True

    async def _over(self, connection: Connection, parameters: dict[str, Any]) -> bool:
        left = await fetch_one(connection, LEFT, parameters)
        return left is not None and left["ranges"] == 0

    async def _save_lists(
        self, connection: Connection, claim: RunClaim, keys: Sequence[str], now: datetime
    ) -> bool:
        parameters = self.fenced(claim.fence, phase="prepare")
        group = await fetch_one(connection, GROUP, parameters)
        scanner = await fetch_one(connection, SCANNER, parameters)
        if group is None or scanner is None:
            return await fetch_one(connection, PLANNED, parameters) is not None
        await execute(connection, ACTIVATE, parameters)
        await execute(connection, ADD_COUNTERS, parameters)
        named = await drawn_names(connection, scanner, len(keys), now)
        await add_tasks(
            connection, parameters, named, [of_list(scanner["spec"], key) for key in keys], handed=False
        )
        await note_tasks(connection, scanner["project_id"], group["id"], named)
        return True

    async def _ended(self, connection: Connection, claim: RunClaim) -> Creation | None:
        parameters = self.fenced(claim.fence, phase="active")
        await fetch_one(connection, GROUP, parameters)
        scanner = await fetch_one(connection, SCANNER, parameters)
        if scanner is None:
            return None
        left = await fetch_one(connection, LEFT, parameters) or {}
        if left["ranges"] or left["pages"]:
            return Creation(over=False)
        tiles, shares = await _sum(connection, TILES, parameters), await _sum(connection, SHARES, parameters)
        problems = [
            *(f"{left[name]} {name} belong to no task" for name in ("units", "segments") if left[name]),
            *([] if tiles == shares else [f"{tiles} was listed, {shares} went to tasks"]),
            *[f"not listed: {row['lo']!r}" for row in await fetch_all(connection, GAPS, parameters)],
            *await _uncounted(connection, parameters),
        ]
        if problems:
            return Creation(over=False, problems=tuple(problems))
        listing = TaskType(scanner["spec"]["task_type"]) is TaskType.PREFIX
        await end(connection, _ending(claim.fence.task_id, nothing=listing and tiles[0] == 0))
        await execute(connection, CLOSE, parameters)
        return Creation(over=True)


def _first(rows: Iterable[DictRow], group: DictRow) -> list[DictRow]:
    """The pages of one task: as many as its limits allow, and at least one."""
    chosen: list[DictRow] = []
    listed = size = 0
    for row in rows:
        listed += row["listed"]
        size += row["listed_bytes"]
        if chosen and (listed > group["task_objects"] or size > group["task_bytes"]):
            break
        chosen.append(row)
    return chosen


def _joined(pages: Iterable[DictRow]) -> list[DictRow]:
    """One piece for all pages of a range: they follow each other."""
    pieces: dict[int, DictRow] = {}
    for page in pages:
        piece = pieces.get(page["range_id"])
        if piece is None:
            pieces[page["range_id"]] = dict(page)
            continue
        piece["hi"] = page["hi"]
        piece["listed"] += page["listed"]
        piece["listed_bytes"] += page["listed_bytes"]
        piece["digest"] = merged([piece["digest"], page["digest"]])
    return list(pieces.values())


async def _move(connection: Connection, parameters: dict[str, Any], pages: Sequence[DictRow]) -> None:
    pieces = _joined(pages)
    listed = sum(page["listed"] for page in pages)
    known = parameters | {
        "page_ranges": [page["range_id"] for page in pages],
        "page_nos": [page["page_no"] for page in pages],
        "listed": listed,
        "listed_bytes": sum(page["listed_bytes"] for page in pages),
        "ranges": [piece["range_id"] for piece in pieces],
        "los": [piece["lo"] for piece in pieces],
        "his": [piece["hi"] for piece in pieces],
        "prefixes": [piece["prefix"] for piece in pieces],
        "exacts": [piece["exact"] for piece in pieces],
        "ns": [piece["listed"] for piece in pieces],
        "sizes": [piece["listed_bytes"] for piece in pieces],
        "digests": [piece["digest"] for piece in pieces],
    }
    row = await fetch_one(connection, MOVE, known)
    if row is None or row["moved"] != listed:
        raise JournalError(
            f"pages of {parameters['task']} list {listed} objects and hold {row and row['moved']}"
        )
    await execute(connection, REST_OF_COUNTERS, known)
    await execute(connection, ADD_SHARES, known)


async def _sum(connection: Connection, sql: str, parameters: dict[str, Any]) -> tuple[int, str]:
    listed, digest = 0, Digest()
    async for row in _rows(connection, sql, parameters):
        listed += row["listed"]
        digest.merge(Digest.from_bytes(row["digest"]))
    return listed, digest.to_bytes().hex()


async def _rows(connection: Connection, sql: str, parameters: dict[str, Any]) -> AsyncIterator[DictRow]:
    async with connection.cursor("rows", binary=True) as cursor:
        await cursor.execute(sql, parameters)
        async for row in cursor:
            yield row


async def _uncounted(connection: Connection, parameters: dict[str, Any]) -> list[str]:
    counted = await fetch_one(connection, COUNTED, parameters) or {}
    return [f"{figure} of {name} are counted twice" for name, figure in counted.items() if figure]


def _ending(task_id: TaskId, *, nothing: bool) -> Ending:
    before = TaskStatus.MIGRATING
    if nothing:
        after = advance(before, TaskEvent.FAILED)
        return Ending(task_id, before, after, NOTHING_FOUND, message(NOTHING_FOUND), final=True)
    return Ending(task_id, before, advance(before, TaskEvent.FINISHED), final=True)
