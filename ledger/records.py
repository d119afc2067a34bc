"""The lists under `oms/`: which outcomes go into which file is fixed here before the file is written."""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from psycopg.rows import DictRow

from engine import spec
from engine.outcomes import OutcomeKind
from engine.records import LINES_PER_FILE, RecordKind, record_key
from ledger.digests import merged
from ledger.leasing import Leasing
from ledger.pool import Connection, execute, fetch_all, fetch_one
from ledger.values import Fence, Leased, ListHeld, RecordClaim, RunClaim, TaskId

LIST_OF = {
    OutcomeKind.OK: RecordKind.SUCCESS,
    OutcomeKind.SKIP: RecordKind.SKIP,
    OutcomeKind.FAIL: RecordKind.FAILED,
}
_BATCH = 500
_PAYLOADS = 32

# Locking the run makes planners take turns. Beside a finisher nobody plans but the finisher itself, and that one goes
# on although a pause has come: what is finished ends. Its worker's name is not enough: an earlier claim of the same
# process may be at work still, and would take lists away from the one that ends the run.
RUN = """
SELECT r.run_no, t.name, t.group_id::text AS group_id, t.sync_id::text AS sync_id, t.spec
  FROM task t JOIN run r ON r.task_id = t.id AND r.run_no = t.run_no
 WHERE t.id = %(task)s AND r.phase = 'active'
   AND CASE WHEN %(final)s THEN t.status IN (2, 7) AND t.desired <> 'halt' AND r.claim_id = %(finish)s
            ELSE t.status = 2 AND t.desired = 'run' AND r.lease_until <= clock_timestamp() END
   FOR NO KEY UPDATE OF r"""
_RETURNED = "RETURNING id, epoch, claim_id, kind, object_key, opened_ms, lines"
CLAIM_PLANNED = f"""
UPDATE record SET epoch = epoch + 1, claim_id = %(claim)s, worker = %(worker)s,
       lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
 WHERE id = (SELECT id FROM record WHERE task_id = %(task)s AND run_no = %(run)s AND state = 'planned'
                AND lease_until <= clock_timestamp() ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
{_RETURNED}"""
ADOPT = """
SELECT id, epoch, claim_id, kind, object_key, opened_ms, lines FROM record
 WHERE task_id = %(task)s AND run_no = %(run)s AND state = 'planned' AND claim_id = %(claim)s"""
# What is left of planned lists when none can be taken: a writer that stands still has locked it.
HELD = "SELECT FROM record WHERE task_id = %(task)s AND run_no = %(run)s AND state = 'planned' LIMIT 1"
# Ordered as the index is: see ledger.rows.
UNWRITTEN = f"""
SELECT id, n, bytes, digest FROM segment
 WHERE task_id = %(task)s AND run_no = %(run)s AND kind BETWEEN %(kind)s AND %(kind)s AND id > %(after)s
   AND record_id IS NULL ORDER BY kind, id LIMIT {_BATCH}"""
LAST_OPENED = """
SELECT coalesce(max(opened_ms), 0) AS last FROM record WHERE task_id = %(task)s AND kind = %(kind)s"""
PLAN = f"""
INSERT INTO record (task_id, run_no, kind, object_key, opened_ms, lines, bytes, digest, epoch, claim_id, worker,
                    lease_until)
VALUES (%(task)s, %(run)s, %(kind)s, %(key)s, %(opened)s, %(lines)s, %(bytes)s, %(digest)s, 1, %(claim)s, %(worker)s,
        clock_timestamp() + make_interval(secs => %(lease)s)) {_RETURNED}"""
ASSIGN = "UPDATE segment SET record_id = %(record)s WHERE id = ANY(%(ids)s)"

PAYLOADS = f"""
SELECT id, payload FROM segment WHERE record_id BETWEEN %(row)s AND %(row)s AND id > %(after)s
 ORDER BY record_id, id LIMIT {_PAYLOADS}"""

FAILURES = f"""
SELECT id, payload FROM segment WHERE task_id = %(task)s AND run_no = %(run)s AND id > %(after)s
   AND kind BETWEEN 'fail' AND 'fail' ORDER BY kind, id LIMIT {_PAYLOADS}"""

_FENCE = "id = %(row)s AND epoch = %(epoch)s AND claim_id = %(claim)s"
WRITTEN = f"""
UPDATE record SET state = 'written', sha256 = %(sha256)s, lease_until = 'epoch'
 WHERE {_FENCE} AND (state = 'planned' OR (state = 'written' AND sha256 = %(sha256)s))"""
# A failure stays in the ledger: the next run may do it again. The others are in the list now.
DROP = "DELETE FROM segment WHERE record_id = %(row)s AND kind IN ('ok', 'skip')"
FAILED = f"""
WITH failed AS (
  UPDATE record SET state = 'failed', error_code = %(code)s, lease_until = 'epoch'
   WHERE {_FENCE} AND (state = 'planned' OR (state = 'failed' AND error_code = %(code)s))
  RETURNING task_id, run_no, kind)
UPDATE run r SET success_record_error = CASE f.kind WHEN 'ok' THEN %(code)s ELSE r.success_record_error END,
       skip_record_error = CASE f.kind WHEN 'skip' THEN %(code)s ELSE r.skip_record_error END,
       failed_record_error = CASE f.kind WHEN 'fail' THEN %(code)s ELSE r.failed_record_error END
  FROM failed f WHERE r.task_id = f.task_id AND r.run_no = f.run_no"""


@dataclass(slots=True)
class _Content:
    """Whole segments that fit one file. `full` when the next would not."""

    ids: list[int] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    lines: int = 0
    bytes: int = 0
    full: bool = False

    def take(self, segments: Iterable[DictRow]) -> None:
        """Adds segments in order until one does not fit."""
        for segment in segments:
            if self.lines and self.lines + segment["n"] > LINES_PER_FILE:
                self.full = True
                return
            self.ids.append(segment["id"])
            self.digests.append(segment["digest"])
            self.lines += segment["n"]
            self.bytes += segment["bytes"]
        self.full = self.lines >= LINES_PER_FILE


class Records(Leasing):
    """The lists of a run."""

    async def claim_record(
        self, task_id: TaskId, worker: str, now_ms: int, *, finish: RunClaim | None
    ) -> RecordClaim | None:
        """A list that is planned but unwritten, or a new one over a file's worth of skips (`finish`: any rest).

        `finish` is the claim of who ends the run; a void one gets nothing. A list's content and name never change.
        Raises ListHeld when all that is left for who ends the run is in other hands.
        """
        claim: UUID = uuid4()
        parameters = {
            "task": task_id,
            "worker": worker,
            "claim": claim,
            "lease": self.lease_seconds,
            "final": finish is not None,
            "finish": None if finish is None else finish.fence.claim_id,
        }

        async def attempt(connection: Connection) -> RecordClaim | None:
            run = await fetch_one(connection, RUN, parameters)
            if run is None:
                return None
            known = parameters | {"run": run["run_no"]}
            row = await fetch_one(connection, ADOPT, known) or await fetch_one(
                connection, CLAIM_PLANNED, known
            )
            row = row or await _plan(connection, known, run, now_ms)
            if row is None and finish is not None and await fetch_one(connection, HELD, known) is not None:
                raise ListHeld
            return _claimed(task_id, run["run_no"], row) if row else None

        return await self._pool.in_transaction(attempt)

    def record_payloads(self, claim: RecordClaim) -> AsyncIterator[bytes]:
        """The encoded segments of a list, always in the same order."""
        return self._payloads(PAYLOADS, claim.fence)

    def failed_payloads(self, claim: RunClaim) -> AsyncIterator[bytes]:
        """The encoded segments of the run's failures."""
        return self._payloads(FAILURES, claim.fence)

    async def _payloads(self, sql: str, fence: Fence) -> AsyncIterator[bytes]:
        after = 0
        while True:
            rows = await self._pool.fetch_all(sql, self.fenced(fence, after=after))
            for row in rows:
                yield row["payload"]
            if len(rows) < _PAYLOADS:
                return
            after = rows[-1]["id"]

    async def record_written(self, claim: RecordClaim, sha256: bytes) -> bool:
        """The file is in the destination: its ok and skip segments leave the ledger. False: lease lost."""
        parameters = self.fenced(claim.fence, sha256=sha256)

        async def write(connection: Connection) -> bool:
            if await execute(connection, WRITTEN, parameters) == 0:
                return False
            await execute(connection, DROP, parameters)
            return True

        return await self._pool.in_transaction(write)

    async def record_failed(self, claim: RecordClaim, code: str) -> bool:
        """The file cannot be written; `code` is shown, its segments stay. False: lease lost."""
        return await self._pool.execute(FAILED, self.fenced(claim.fence, code=code)) == 1


def recorded_kinds(stored_spec: Mapping[str, Any]) -> tuple[OutcomeKind, ...]:
    """The outcomes that a task keeps lists of; the failed list can be switched off (OMS 5.2.3)."""
    kinds = [OutcomeKind.SKIP, OutcomeKind.OK]
    return (*kinds, OutcomeKind.FAIL) if spec.from_json(stored_spec).record_failures else tuple(kinds)


async def _plan(
    connection: Connection, parameters: dict[str, Any], run: DictRow, now_ms: int
) -> DictRow | None:
    kinds = recorded_kinds(run["spec"]) if parameters["final"] else (OutcomeKind.SKIP,)
    for kind in kinds:
        known = parameters | {"kind": kind.value}
        content = await _content(connection, known)
        if content.full or (parameters["final"] and content.ids):
            return await _save(connection, known, run, content, now_ms)
    return None


async def _content(connection: Connection, parameters: dict[str, Any]) -> _Content:
    content = _Content()
    after = 0
    while not content.full:
        segments = await fetch_all(connection, UNWRITTEN, parameters | {"after": after})
        content.take(segments)
        if len(segments) < _BATCH:
            break
        after = segments[-1]["id"]
    return content


async def _save(
    connection: Connection, parameters: dict[str, Any], run: DictRow, content: _Content, now_ms: int
) -> DictRow | None:
    last = await fetch_one(connection, LAST_OPENED, parameters)
    opened = max(now_ms, last["last"] + 1 if last else now_ms)
    kind = LIST_OF[OutcomeKind(parameters["kind"])]
    figures = {
        "key": record_key(run["name"], kind, opened, group_id=run["group_id"], sync_id=run["sync_id"]),
        "opened": opened,
        "lines": content.lines,
        "bytes": content.bytes,
        "digest": merged(content.digests),
    }
    row = await fetch_one(connection, PLAN, parameters | figures)
    if row is not None:
        await execute(connection, ASSIGN, {"record": row["id"], "ids": content.ids})
    return row


def _claimed(task_id: TaskId, run_no: int, row: DictRow) -> RecordClaim:
    return RecordClaim(
        fence=Fence(Leased.RECORD, task_id, run_no, row["id"], row["epoch"], row["claim_id"]),
        kind=row["kind"],
        object_key=row["object_key"],
        opened_ms=row["opened_ms"],
        lines=row["lines"],
    )
