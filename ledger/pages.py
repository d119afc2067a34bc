"""Listing: a page is one transaction, and after a first one a single statement; a range splits by shrinking first."""

from psycopg.rows import DictRow

from engine.selection import just_after
from ledger.digests import merged
from ledger.journal import ADDED, SEGMENTS, SUMS, JournalError, segment_parameters
from ledger.leasing import Leasing
from ledger.pool import Connection, Pool, execute, fetch_one
from ledger.rows import AHEAD, UNIT_ORDER, counted
from ledger.values import Desired, Fence, ListedPage, PageSaved, RangeClaim

# Beyond this many open units "far ahead" is all that matters.
BACKLOG_SEEN = 1000
# So many ranges are remembered; what is forgotten is read again.
REMEMBERED = 512

_FENCE = "id = %(row)s AND epoch = %(epoch)s AND claim_id = %(claim)s"
_UNITS = counted(
    "unit", "x.task_id = t.id AND x.run_no = t.run_no AND x.state <> 'done'", UNIT_ORDER, BACKLOG_SEEN
)
# A group's scanner copies nothing itself: it is ahead of its group's tasks.
_BACKLOG = f"CASE WHEN NOT t.scanner THEN {_UNITS} WHEN {AHEAD} THEN {BACKLOG_SEEN} ELSE 0 END"

RANGE = f"SELECT state, page_no, digest, lo, hi, cursor FROM key_range WHERE {_FENCE} FOR NO KEY UPDATE"
SAVE_PAGE = f"""
WITH f AS (
  UPDATE key_range SET page_no = page_no + 1, cursor = greatest(cursor, %(cursor)s), listed = listed + %(listed)s,
         listed_bytes = listed_bytes + %(listed_bytes)s, digest = %(digest)s, attempts = 0,
         state = CASE WHEN %(last)s THEN 'done' ELSE state END,
         lease_until = CASE WHEN %(last)s THEN 'epoch' ELSE clock_timestamp() + make_interval(secs => %(lease)s) END
   WHERE {_FENCE} AND state = 'leased' AND page_no = %(page)s
     AND digest = %(was)s AND cursor = %(at)s AND hi IS NOT DISTINCT FROM %(hi)s
  RETURNING task_id, run_no, id),
units AS (
  INSERT INTO unit (task_id, run_no, range_id, page_no, chunk_no, manifest, n, bytes, large, done)
  SELECT f.task_id, f.run_no, f.id, %(page)s, x.at - 1, x.manifest, x.n, x.bytes, x.large, repeat('0', x.n)::bit varying
    FROM f, unnest(%(manifests)s::bytea[], %(unit_ns)s::int[], %(unit_bytes)s::bigint[], %(larges)s::boolean[])
            WITH ORDINALITY AS x(manifest, n, bytes, large, at)),
segments AS (
  INSERT INTO segment (task_id, run_no, range_id, page_no, kind, n, bytes, digest, payload)
  SELECT f.task_id, f.run_no, f.id, %(page)s, x.* FROM f, {SEGMENTS} AS x
  RETURNING kind, n, bytes),
pages AS (
  INSERT INTO scanned_page (task_id, run_no, range_id, page_no, lo, hi, listed, listed_bytes, digest)
  SELECT f.task_id, f.run_no, f.id, %(page)s, %(page_lo)s, %(page_hi)s, %(listed)s, %(listed_bytes)s, %(page_digest)s
    FROM f JOIN task t ON t.id = f.task_id WHERE t.scanner AND %(listed)s > 0),
sums AS ({SUMS}),
added AS (
  UPDATE counter c SET listed = c.listed + %(listed)s, listed_bytes = c.listed_bytes + %(listed_bytes)s, {ADDED})
SELECT t.desired, {_BACKLOG} AS backlog FROM f JOIN task t ON t.id = f.task_id"""
ANSWER = f"""
SELECT t.desired, {_BACKLOG} AS backlog FROM key_range k JOIN task t ON t.id = k.task_id WHERE k.id = %(row)s"""

SHRINK = f"""
UPDATE key_range SET hi = %(at)s WHERE {_FENCE} AND state = 'leased' AND NOT exact
   AND lo < %(at)s AND cursor < %(at)s AND (hi IS NULL OR hi > %(at)s)"""
HAND_ON = """
INSERT INTO key_range (task_id, run_no, lo, hi, prefix, exact)
SELECT task_id, run_no, %(at)s, %(hi)s, prefix, false FROM key_range WHERE id = %(row)s"""


class Pages(Leasing):
    """The journal of ranges."""

    def __init__(self, pool: Pool, lease_seconds: float = 20.0) -> None:
        super().__init__(pool, lease_seconds)
        # As our own latest page has left them, so that the next need not read what it adds to.
        self._seen: dict[Fence, DictRow] = {}

    async def save_page(self, claim: RangeClaim, page: ListedPage) -> PageSaved:
        """Units, decided outcomes, figures, digest and cursor of a page in one transaction; `last` ends the range.

        The same call again after a lost answer changes nothing. Raises JournalError when units and segments do not
        hold what was listed, or when the page is not the next one.
        """
        held = sum(unit.n for unit in page.units) + sum(segment.n for segment in page.segments)
        if held != page.listed:
            raise JournalError(f"page {page.page_no} lists {page.listed} objects and holds {held}")
        left = self._seen.pop(claim.fence, None)
        row = None if left is None else await self._pool.fetch_one(SAVE_PAGE, self._saving(claim, page, left))
        if left is None or row is None:
            return await self._pool.in_transaction(lambda connection: self._save(connection, claim, page))
        self._remember(claim, page, left)
        return _saved(row, added=len(page.units))

    async def split_range(self, claim: RangeClaim, at: bytes) -> bool:
        """Hands [at, hi) to a new range; ours ends at `at`. False: lease lost or `at` not between cursor and end."""
        return await self._pool.in_transaction(lambda connection: self._split(connection, claim, at))

    async def _save(self, connection: Connection, claim: RangeClaim, page: ListedPage) -> PageSaved:
        fence = self.fenced(claim.fence)
        range_row = await fetch_one(connection, RANGE, fence)
        if range_row is None or range_row["state"] == "ready":
            return PageSaved(alive=False)
        if range_row["page_no"] == page.page_no + 1:
            return _saved(await fetch_one(connection, ANSWER, fence))
        if range_row["page_no"] != page.page_no or range_row["state"] != "leased":
            raise JournalError(f"page {page.page_no} is not next: the range is at {range_row['page_no']}")
        row = await fetch_one(connection, SAVE_PAGE, self._saving(claim, page, range_row))
        self._remember(claim, page, range_row)
        return _saved(row, added=len(page.units))

    def _saving(self, claim: RangeClaim, page: ListedPage, row: DictRow) -> dict[str, object]:
        """Raises JournalError for a page that is not all inside of its range."""
        hi = row["hi"]
        if page.listed and hi is not None and page.cursor >= hi:
            raise JournalError(f"page {page.page_no} reaches beyond the range, which ends at {hi!r}")
        before = {"was": row["digest"], "at": row["cursor"], "hi": hi}
        digest = merged([row["digest"], page.digest])
        return self.fenced(
            claim.fence, **before, digest=digest, **_page_parameters(page), **_place(row, page)
        )

    def _remember(self, claim: RangeClaim, page: ListedPage, row: DictRow) -> None:
        if page.last:
            return
        if len(self._seen) >= REMEMBERED:
            self._seen.clear()
        digest, cursor = merged([row["digest"], page.digest]), max(row["cursor"], page.cursor)
        self._seen[claim.fence] = row | {"digest": digest, "cursor": cursor}

    async def _split(self, connection: Connection, claim: RangeClaim, at: bytes) -> bool:
        parameters = self.fenced(claim.fence, at=at)
        range_row = await fetch_one(connection, RANGE, parameters)
        if range_row is None or range_row["state"] != "leased":
            return False
        if range_row["hi"] == at and claim.hi != at:
            return True  # split there before, and the answer was lost
        if await execute(connection, SHRINK, parameters) == 0:
            return False
        return await execute(connection, HAND_ON, parameters | {"hi": range_row["hi"]}) == 1


def _page_parameters(page: ListedPage) -> dict[str, object]:
    return {
        "page": page.page_no,
        "cursor": page.cursor,
        "listed": page.listed,
        "listed_bytes": page.listed_bytes,
        "last": page.last,
        "page_digest": page.digest,
        "manifests": [unit.manifest for unit in page.units],
        "unit_ns": [unit.n for unit in page.units],
        "unit_bytes": [unit.bytes for unit in page.units],
        "larges": [unit.large for unit in page.units],
        **segment_parameters(page.segments),
    }


def _place(range_row: DictRow, page: ListedPage) -> dict[str, object]:
    """The piece of the range that a page has covered."""
    lo, seen = range_row["lo"], max(range_row["cursor"], page.cursor)
    began = max(lo, just_after(range_row["cursor"])) if range_row["cursor"] else lo
    return {"page_lo": began, "page_hi": range_row["hi"] if page.last else max(began, just_after(seen))}


def _saved(row: DictRow | None, added: int = 0) -> PageSaved:
    if row is None:
        return PageSaved(alive=False)
    return PageSaved(alive=True, desired=Desired(row["desired"]), backlog=row["backlog"] + added)
