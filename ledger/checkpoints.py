"""Journalling outcomes: fence, sequence number, bitmap, segments and counters in one statement."""

from collections.abc import Sequence

from psycopg.rows import DictRow

from ledger.journal import ADDED, SEGMENTS, SUMS, JournalError, segment_parameters
from ledger.leasing import Leasing
from ledger.sync_statistics import COUNT_OUTCOMES
from ledger.values import Checkpointed, Desired, NewSegment, UnitClaim

# Bits are set only where none is set yet, so no object gets two outcomes. A suspect that got its outcome is cleared,
# and without a suspect any progress ends the row of crashes. Closing keeps the claim's id: that is how its owner
# recognises a commit whose answer was lost. The manifest goes: the segments hold all that it named.
CHECKPOINT = f"""
WITH f AS (
  UPDATE unit SET done = done | %(mask)s::text::bit varying, seq = seq + 1,
         state = CASE WHEN bit_count(done | %(mask)s::text::bit varying) = n THEN 'done' ELSE state END,
         lease_until = CASE WHEN bit_count(done | %(mask)s::text::bit varying) = n THEN 'epoch'
                            ELSE clock_timestamp() + make_interval(secs => %(lease)s) END,
         manifest = CASE WHEN bit_count(done | %(mask)s::text::bit varying) = n THEN '' ELSE manifest END,
         crash_n = CASE WHEN get_bit(%(mask)s::text::bit varying, coalesce(crash_idx, cur_idx, %(first)s)) = 1
                        THEN 0 ELSE crash_n END
   WHERE id = %(row)s AND epoch = %(epoch)s AND claim_id = %(claim)s AND state = 'leased' AND seq = %(seq)s
     AND length(done) = length(%(mask)s::text) AND bit_count(done & %(mask)s::text::bit varying) = 0
  RETURNING task_id, run_no, id, state),
segments AS (
  INSERT INTO segment (task_id, run_no, unit_id, seq, kind, n, bytes, digest, payload)
  SELECT f.task_id, f.run_no, f.id, %(seq)s, x.* FROM f, {SEGMENTS} AS x
  RETURNING kind, n, bytes),
sums AS ({SUMS}),
added AS (UPDATE counter c SET {ADDED}),
counted AS ({COUNT_OUTCOMES})
SELECT f.state, (SELECT desired FROM task WHERE id = f.task_id) AS desired FROM f"""

LOOK = """
SELECT u.state, u.seq, t.desired, u.done & %(mask)s::text::bit varying = %(mask)s::text::bit varying AS landed
  FROM unit u JOIN task t ON t.id = u.task_id
 WHERE u.id = %(row)s AND u.epoch = %(epoch)s AND u.claim_id = %(claim)s AND u.state <> 'ready'"""

MARK_CURRENT = """
UPDATE unit SET cur_idx = %(idx)s
 WHERE id = %(row)s AND epoch = %(epoch)s AND claim_id = %(claim)s AND state = 'leased' AND %(idx)s < n"""

NOTE_RESTORING = """
UPDATE unit SET restoring_since = clock_timestamp(), restoring_asks = %(asks)s
 WHERE id = %(row)s AND epoch = %(epoch)s AND claim_id = %(claim)s AND state = 'leased'"""


class Checkpoints(Leasing):
    """The journal of units."""

    async def checkpoint(
        self, claim: UnitClaim, seq: int, indexes: Sequence[int], segments: Sequence[NewSegment]
    ) -> Checkpointed:
        """Journals the outcomes of `indexes`, one segment a kind; answers what the owner wants of the task.

        The same call again after a lost answer changes nothing. Raises JournalError for an index that has an outcome
        already, a second segment of a kind, or counts that do not add up to the indexes.
        """
        _agree(claim, indexes, segments)
        parameters = self.fenced(
            claim.fence,
            seq=seq,
            first=indexes[0],
            mask=_mask(claim.n, indexes),
            **segment_parameters(segments),
        )
        row = await self._pool.fetch_one(CHECKPOINT, parameters)
        if row is None:
            return _explained(seq, await self._pool.fetch_one(LOOK, parameters))
        return Checkpointed(alive=True, desired=Desired(row["desired"]), closed=row["state"] == "done")

    async def note_restoring(self, claim: UnitClaim) -> bool:
        """Notes that under this claim objects of the unit were asked back. False: lease lost."""
        asked = self.fenced(claim.fence, asks=claim.restoring_asks + 1)
        return await self._pool.execute(NOTE_RESTORING, asked) == 1

    async def mark_current(self, claim: UnitClaim, idx: int) -> bool:
        """Notes which object is about to be touched, so that a crash names it. False: lease lost."""
        return await self._pool.execute(MARK_CURRENT, self.fenced(claim.fence, idx=idx)) == 1


def _agree(claim: UnitClaim, indexes: Sequence[int], segments: Sequence[NewSegment]) -> None:
    if not indexes or len(set(indexes)) != len(indexes) or min(indexes) < 0 or max(indexes) >= claim.n:
        raise JournalError(f"indexes of unit {claim.fence.row} are empty, doubled or outside 0…{claim.n - 1}")
    if sum(segment.n for segment in segments) != len(indexes):
        raise JournalError(f"segments of unit {claim.fence.row} do not hold its {len(indexes)} outcomes")
    if len({segment.kind for segment in segments}) != len(segments):
        raise JournalError(f"two segments of one kind for unit {claim.fence.row}")


def _mask(n: int, indexes: Sequence[int]) -> str:
    bits = bytearray(b"0" * n)
    for index in indexes:
        bits[index] = ord("1")
    return bits.decode()


def _explained(seq: int, row: DictRow | None) -> Checkpointed:
    """Why nothing was written: the lease is lost, or this very checkpoint landed before."""
    if row is None:
        return Checkpointed(alive=False)
    if row["seq"] == seq + 1 and row["landed"]:
        return Checkpointed(alive=True, desired=Desired(row["desired"]), closed=row["state"] == "done")
    raise JournalError(f"segment {seq} repeats or leaves out outcomes (the unit is at {row['seq']})")
