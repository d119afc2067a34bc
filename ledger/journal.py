"""How segments enter the journal and the counters, in the one statement that writes them."""

from collections.abc import Sequence
from typing import Any

from ledger.values import NewSegment

# Rows of a segment's columns from parallel arrays: kind, n, bytes, digest, payload.
SEGMENTS = """
         unnest(%(kinds)s::text[], %(ns)s::int[], %(bytes)s::bigint[], %(digests)s::bytea[], %(payloads)s::bytea[])"""

# What the segments that were really inserted (`segments`) are worth.
SUMS = """
  SELECT coalesce(sum(n) FILTER (WHERE kind = 'ok'), 0) AS ok,
         coalesce(sum(bytes) FILTER (WHERE kind = 'ok'), 0) AS ok_bytes,
         coalesce(sum(n) FILTER (WHERE kind = 'skip'), 0) AS skip,
         coalesce(sum(bytes) FILTER (WHERE kind = 'skip'), 0) AS skip_bytes,
         coalesce(sum(n) FILTER (WHERE kind = 'fail'), 0) AS fail,
         coalesce(sum(bytes) FILTER (WHERE kind = 'fail'), 0) AS fail_bytes
    FROM segments"""

# Adds the sums `s` to the counter `c` of the row `f`.
ADDED = """
         ok = c.ok + s.ok, ok_bytes = c.ok_bytes + s.ok_bytes, skip = c.skip + s.skip,
         skip_bytes = c.skip_bytes + s.skip_bytes, fail = c.fail + s.fail, fail_bytes = c.fail_bytes + s.fail_bytes
    FROM sums s, f WHERE c.task_id = f.task_id AND c.run_no = f.run_no AND c.shard = f.id %% 16"""


class JournalError(Exception):
    """The caller's outcomes contradict each other or what is journalled: nothing was written."""


def segment_parameters(segments: Sequence[NewSegment]) -> dict[str, Any]:
    """The arrays that SEGMENTS reads."""
    return {
        "kinds": [segment.kind for segment in segments],
        "ns": [segment.n for segment in segments],
        "bytes": [segment.bytes for segment in segments],
        "digests": [segment.digest for segment in segments],
        "payloads": [segment.payload for segment in segments],
    }
