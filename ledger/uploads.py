"""Multipart uploads of ours: an intent before the store is asked, then the id and each acknowledged part."""

from collections.abc import Sequence
from typing import Any

from psycopg.rows import DictRow

from ledger.journal import JournalError
from ledger.leasing import Leasing
from ledger.pool import Connection, execute, fetch_all, fetch_one
from ledger.rows import LIVE
from ledger.values import StoredPart, TaskId, UnitClaim, UploadRow

COLUMNS = """id, task_id, dst_key, coalesce(upload_id, '') AS upload_id, src_etag, src_size, part_size, state,
              (extract(epoch FROM created_at) * 1000)::bigint AS created_ms"""
SWEPT_AT_ONCE = 100
HELD = """EXISTS (SELECT FROM unit WHERE id = %(row)s AND epoch = %(epoch)s AND claim_id = %(claim)s
                   AND state = 'leased' FOR SHARE)"""

FIND = f"""
SELECT {COLUMNS} FROM upload
 WHERE task_id = %(task)s AND run_no = %(run)s AND unit_id = %(row)s AND idx = %(idx)s
   AND state IN ('intent', 'open')"""
PARTS = "SELECT number, etag, size, md5, crc64 FROM upload_part WHERE upload = %(upload)s ORDER BY number"

# An intent that never got an id is taken over; its age stays, for the search among the store's open uploads.
PLAN = f"""
INSERT INTO upload (task_id, run_no, unit_id, idx, destination, dst_key, src_etag, src_size, part_size, state)
SELECT t.id, %(run)s, %(row)s, %(idx)s,
       jsonb_build_object('bucket', t.spec #> '{{destination,bucket}}', 'region', t.spec #> '{{destination,region}}',
                          'cloud_type', 'HEC'),
       %(key)s, %(etag)s, %(size)s, %(part_size)s, 'intent'
  FROM task t WHERE t.id = %(task)s AND {HELD}
ON CONFLICT (task_id, run_no, unit_id, idx) WHERE state IN ('intent', 'open') DO UPDATE
   SET dst_key = excluded.dst_key, src_etag = excluded.src_etag, src_size = excluded.src_size,
       part_size = excluded.part_size
 WHERE upload.state = 'intent'
RETURNING {COLUMNS}"""

OPEN = f"""
UPDATE upload SET state = 'open', upload_id = %(upload_id)s
 WHERE id = %(upload)s AND (state = 'intent' OR (state = 'open' AND upload_id = %(upload_id)s)) AND {HELD}"""

ADDED_PARTS = """
  INSERT INTO upload_part (upload, number, etag, size, md5, crc64)
  SELECT live.id, x.* FROM live,
         unnest(%(numbers)s::int[], %(etags)s::text[], %(sizes)s::bigint[], %(md5s)s::bytea[], %(crcs)s::numeric[]) AS x
  ON CONFLICT (upload, number) DO UPDATE
     SET etag = excluded.etag, size = excluded.size, md5 = excluded.md5, crc64 = excluded.crc64"""
# A part is progress: who gets further each time does not die over the same thing.
ADD_PARTS = f"""
WITH live AS (SELECT id FROM upload WHERE id = %(upload)s AND state = 'open' AND {HELD}),
added AS ({ADDED_PARTS}),
calmed AS (UPDATE unit SET crash_n = 0 FROM live WHERE unit.id = %(row)s AND unit.crash_n > 0)
SELECT id FROM live"""

CLOSE = "UPDATE upload SET state = 'closed' WHERE id = %(upload)s AND state <> 'closed'"
# Statements of their own: they see the parts of those for whom the first one had to wait. A span that somebody holds is
# his until he lets go of it: the end of the run waits for him.
FORGET_PARTS = "DELETE FROM upload_part WHERE upload = %(upload)s"
FORGET_SPANS = f"DELETE FROM part_span x WHERE x.upload = %(upload)s AND NOT ({LIVE})"
# Beside its own those that deleted tasks left in its bucket; one without an id only while no task is at that key, since
# it is looked for among all uploads there.
TO_CLOSE = f"""
SELECT {COLUMNS} FROM upload WHERE task_id = %(task)s AND state IN ('intent', 'open')
UNION ALL
(SELECT {COLUMNS} FROM upload u
  WHERE u.state = 'leaked' AND (u.destination ->> 'bucket', u.destination ->> 'region') =
          (SELECT t.spec #>> '{{destination,bucket}}', t.spec #>> '{{destination,region}}'
             FROM task t WHERE t.id = %(task)s)
    AND (u.upload_id IS NOT NULL OR NOT EXISTS (
          SELECT FROM upload o
           WHERE o.state IN ('intent', 'open') AND o.dst_key = u.dst_key AND o.destination = u.destination))
  ORDER BY u.id LIMIT {SWEPT_AT_ONCE})"""
LEAK = """
WITH leaked AS (
  UPDATE upload SET state = 'leaked' WHERE task_id = %(task)s AND state IN ('intent', 'open') RETURNING id)
SELECT count(*) AS leaked FROM leaked"""


class Uploads(Leasing):
    """The record of multipart uploads. All writes but closing are fenced by the unit."""

    async def find_upload(self, claim: UnitClaim, idx: int) -> UploadRow | None:
        """The live upload of this object, with its parts."""
        parameters = self.fenced(claim.fence, idx=idx)

        async def read(connection: Connection) -> UploadRow | None:
            row = await fetch_one(connection, FIND, parameters)
            if row is None:
                return None
            return upload_of(row, await fetch_all(connection, PARTS, {"upload": row["id"]}))

        return await self._pool.in_transaction(read)

    async def plan_upload(
        self, claim: UnitClaim, idx: int, dst_key: bytes, src_etag: str, src_size: int, part_size: int
    ) -> UploadRow | None:
        """An intent, written before the store is asked. None: lease lost. Raises JournalError while one is open."""
        parameters = self.fenced(
            claim.fence, idx=idx, key=dst_key, etag=src_etag, size=src_size, part_size=part_size
        )
        row = await self._pool.fetch_one(PLAN, parameters)
        if row is not None:
            return upload_of(row)
        live = await self.find_upload(claim, idx)
        if live is not None and live.state == "open" and await self._holds(claim):
            raise JournalError(f"object {idx} of unit {claim.fence.row} has an open upload already")
        return None

    async def open_upload(self, claim: UnitClaim, row: UploadRow, upload_id: str) -> bool:
        """Keeps the store's id. False: lease lost (abort the upload)."""
        parameters = self.fenced(claim.fence, upload=row.id, upload_id=upload_id)
        return await self._pool.execute(OPEN, parameters) == 1

    async def add_parts(self, claim: UnitClaim, row: UploadRow, parts: Sequence[StoredPart]) -> bool:
        """Keeps acknowledged parts; a part number again replaces what was known. False: lease lost or not open."""
        parameters = self.fenced(claim.fence, upload=row.id, **part_parameters(parts))
        return await self._pool.fetch_one(ADD_PARTS, parameters) is not None

    async def close_upload(self, row: UploadRow) -> None:
        """The upload is completed or aborted: it is nobody's any more."""
        parameters = {"upload": row.id}

        async def close(connection: Connection) -> None:
            for statement in (CLOSE, FORGET_PARTS, FORGET_SPANS):
                await execute(connection, statement, parameters)

        await self._pool.in_transaction(close)

    async def open_uploads(self, task_id: TaskId) -> tuple[UploadRow, ...]:
        """All uploads of a task that may be open, and some that deleted tasks left in its bucket; without parts."""
        return tuple(upload_of(row) for row in await self._pool.fetch_all(TO_CLOSE, {"task": task_id}))

    async def leak_uploads(self, task_id: TaskId) -> int:
        """Marks the live uploads of a task that is being deleted; how many there were."""
        row = await self._pool.fetch_one(LEAK, {"task": task_id})
        return row["leaked"] if row else 0

    async def _holds(self, claim: UnitClaim) -> bool:
        return (
            await self._pool.fetch_one(f"SELECT 1 AS held WHERE {HELD}", self.fenced(claim.fence)) is not None
        )


def upload_of(row: DictRow, parts: Sequence[DictRow] = ()) -> UploadRow:
    """A row of `COLUMNS`, with its parts if they were read."""
    return UploadRow(**row, parts=tuple(map(part_of, parts)))


def part_of(row: DictRow) -> StoredPart:
    """A row of `upload_part`."""
    return StoredPart(row["number"], row["etag"], row["size"], row["md5"], int(row["crc64"]))


def part_parameters(parts: Sequence[StoredPart]) -> dict[str, Any]:
    """What `ADDED_PARTS` is given."""
    return {
        "numbers": [part.number for part in parts],
        "etags": [part.etag for part in parts],
        "sizes": [part.size for part in parts],
        "md5s": [part.md5 for part in parts],
        "crcs": [str(part.crc64) for part in parts],
    }
