"""Parts of one large object on offer to other workers, a span of consecutive ones at a time.

Each part of an upload is recorded, in a span, or else its owner's to send: nothing has to be told twice. A span is gone
when its parts are recorded. One that somebody holds stays until he lets go of it, also when its upload is over.
"""

from collections.abc import Sequence

from psycopg.rows import DictRow

from ledger.claims import OF_RUN, TAKE, Claims, fence_of
from ledger.pool import Connection, fetch_all, fetch_one
from ledger.rows import FREE, SPAN_OFFERED, SPAN_TRIES
from ledger.uploads import ADDED_PARTS, COLUMNS, HELD, part_of, part_parameters, upload_of
from ledger.values import Leased, PartSpan, SpanClaim, StoredPart, TaskId, UnitClaim, UploadRow

_SHOWN = "run_no, id, epoch, claim_id, upload, first, last, source_key, version"

SHARE = f"""
WITH live AS (SELECT id, task_id, run_no, unit_id FROM upload WHERE id = %(upload)s AND state = 'open' AND {HELD}),
shared AS (
  INSERT INTO part_span (task_id, run_no, unit_id, upload, first, last, source_key, version)
  SELECT live.task_id, live.run_no, live.unit_id, live.id, x.*, %(key)s, %(version)s
    FROM live, unnest(%(firsts)s::int[], %(lasts)s::int[]) AS x
  ON CONFLICT (upload, first) DO NOTHING)
SELECT id FROM live"""
LEFT = "SELECT first, last FROM part_span WHERE upload = %(upload)s ORDER BY first"
TAKE_BACK = f"""
DELETE FROM part_span WHERE {HELD} AND id =
  (SELECT x.id FROM part_span x WHERE x.upload = %(upload)s AND {FREE}
    ORDER BY x.first LIMIT 1 FOR UPDATE OF x SKIP LOCKED)
RETURNING first, last"""
# Who has the object as a whole takes its spans back instead, so that he sends no more at once than he would alone.
CLAIM_SPAN = f"""
UPDATE part_span x SET state = 'leased', attempts = x.attempts + 1, {TAKE}
 WHERE x.id = (SELECT x.id FROM part_span x
                WHERE {OF_RUN} AND {FREE} AND {SPAN_OFFERED}
                  AND NOT EXISTS (SELECT FROM unit u WHERE u.id = x.unit_id AND u.worker = %(worker)s)
                ORDER BY x.id LIMIT 1 FOR UPDATE OF x SKIP LOCKED)
RETURNING {", ".join(f"x.{name}" for name in _SHOWN.split(", "))}"""
ADOPT_SPAN = f"""
SELECT {_SHOWN} FROM part_span WHERE task_id = %(task)s AND state = 'leased' AND claim_id = %(claim)s"""
# The object had its outcome when the claim was on its way: the run may be ending already.
STILL_OFFERED = f"""
SELECT {COLUMNS} FROM upload u
 WHERE id = %(upload)s AND state = 'open'
   AND EXISTS (SELECT FROM unit x WHERE x.id = u.unit_id AND x.state <> 'done')"""
PARTS = """
SELECT number, etag, size, md5, crc64 FROM upload_part
 WHERE upload = %(upload)s AND number BETWEEN %(first)s AND %(last)s ORDER BY number"""

_FENCE = "id = %(row)s AND epoch = %(epoch)s AND claim_id = %(claim)s AND state = 'leased'"
# The lock keeps the upload from being closed beside it: its parts go with it.
ADD_SPAN_PARTS = f"""
WITH live AS (
  SELECT u.id FROM part_span s JOIN upload u ON u.id = s.upload
   WHERE s.id = %(row)s AND s.epoch = %(epoch)s AND s.claim_id = %(claim)s AND s.state = 'leased' AND u.state = 'open'
     FOR SHARE OF s, u),
added AS ({ADDED_PARTS})
SELECT id FROM live"""
END_SPAN = f"DELETE FROM part_span WHERE {_FENCE}"
RETURN_SPAN = f"""
UPDATE part_span SET state = 'ready', attempts = {SPAN_TRIES}, claim_id = NULL, worker = NULL, lease_until = 'epoch'
 WHERE {_FENCE}"""


class Spans(Claims):
    """Sharing the parts of an upload. Its owner's writes are fenced by the unit, those of others by their span."""

    async def share_parts(
        self, claim: UnitClaim, row: UploadRow, key: bytes, version: str, spans: Sequence[tuple[int, int]]
    ) -> bool:
        """Offers parts of an open upload, read from `key` in its `version`. False: lease lost or not open."""
        parameters = self.fenced(
            claim.fence,
            upload=row.id,
            key=key,
            version=version,
            firsts=[first for first, _ in spans],
            lasts=[last for _, last in spans],
        )
        return await self._pool.fetch_one(SHARE, parameters) is not None

    async def shared_spans(self, row: UploadRow) -> tuple[tuple[int, int], ...]:
        """First and last part of each span that is left, whoever has it."""
        found = await self._pool.fetch_all(LEFT, {"upload": row.id})
        return tuple((one["first"], one["last"]) for one in found)

    async def take_span(self, claim: UnitClaim, row: UploadRow) -> PartSpan | None:
        """The first span that nobody holds becomes the owner's again; None: there is none, or his lease is lost."""
        parameters = self.fenced(claim.fence, upload=row.id)

        async def take(connection: Connection) -> PartSpan | None:
            taken = await fetch_one(connection, TAKE_BACK, parameters)
            return None if taken is None else await _span(connection, row.id, taken)

        return await self._pool.in_transaction(take)

    async def claim_span(self, task_id: TaskId, worker: str) -> SpanClaim | None:
        """The right to send the parts of a span, whose object somebody else has."""
        row = await self._claim(CLAIM_SPAN, ADOPT_SPAN, task_id, worker)
        if row is None:
            return None
        fence = fence_of(Leased.SPAN, task_id, row)
        upload = await self._pool.fetch_one(STILL_OFFERED, {"upload": row["upload"]})
        if upload is None:
            await self.release(fence)
            return None
        span = await self._pool.run(lambda connection: _span(connection, row["upload"], row))
        return await self._confirmed(
            SpanClaim(fence, upload_of(upload), row["source_key"], row["version"], span)
        )

    async def add_span_parts(self, claim: SpanClaim, parts: Sequence[StoredPart]) -> bool:
        """Keeps acknowledged parts. False: lease lost, or the upload is open no more."""
        parameters = self.fenced(claim.fence, **part_parameters(parts))
        return await self._pool.fetch_one(ADD_SPAN_PARTS, parameters) is not None

    async def end_span(self, claim: SpanClaim) -> None:
        """All its parts are recorded, or nobody wants them any more. No effect under a void fence."""
        await self._pool.execute(END_SPAN, self.fenced(claim.fence))

    async def return_span(self, claim: SpanClaim) -> None:
        """What is left of it is for the object's owner alone. No effect under a void fence."""
        await self._pool.execute(RETURN_SPAN, self.fenced(claim.fence))


async def _span(connection: Connection, upload: int, row: DictRow) -> PartSpan:
    first, last = row["first"], row["last"]
    parts = await fetch_all(connection, PARTS, {"upload": upload, "first": first, "last": last})
    return PartSpan(first, last, tuple(map(part_of, parts)))
