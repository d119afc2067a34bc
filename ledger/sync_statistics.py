"""Figures of synchronisation tasks: what was asked for, by arrival, and what became of it, with its journal entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.sync_time import FIVE_MINUTES_MS
from ledger.lazily import lazily

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


_BUCKET = f"((extract(epoch FROM {{at}}) * 1000)::bigint / {FIVE_MINUTES_MS} * {FIVE_MINUTES_MS})"
NOW_BUCKET = _BUCKET.format(at="clock_timestamp()")
ADD_UP = """
  ON CONFLICT (sync_id, bucket_ms) DO UPDATE
     SET request = o.request + excluded.request, success = o.success + excluded.success,
         failure = o.failure + excluded.failure, skip = o.skip + excluded.skip, bytes = o.bytes + excluded.bytes"""

# A part of the one statement that journals outcomes: the sums `s` of the unit `f`, when it is one of a sync task.
COUNT_OUTCOMES = f"""
  INSERT INTO sync_statistic AS o (sync_id, bucket_ms, success, failure, skip, bytes)
  SELECT t.sync_id, {NOW_BUCKET}, s.ok, s.fail, s.skip, s.ok_bytes
    FROM sums s, f JOIN task t ON t.id = f.task_id WHERE t.sync_id IS NOT NULL
  {ADD_UP}"""

# Requests that no batch has taken yet are counted where they wait.
_ALL = f"""
SELECT bucket_ms, request, success, failure, skip, bytes FROM sync_statistic
 WHERE sync_id = CAST(:id AS uuid) AND bucket_ms >= :start AND bucket_ms < :end
UNION ALL
SELECT bucket_ms, n, 0, 0, 0, 0
  FROM (SELECT {_BUCKET.format(at="accepted_at")} AS bucket_ms, n FROM sync_event
         WHERE sync_id = CAST(:id AS uuid)) AS waiting
 WHERE bucket_ms >= :start AND bucket_ms < :end"""
_SUMS = """
 coalesce(sum(request), 0)::bigint AS request, coalesce(sum(success), 0)::bigint AS success,
 coalesce(sum(failure), 0)::bigint AS failure, coalesce(sum(skip), 0)::bigint AS skip,
 coalesce(sum(bytes), 0)::bigint AS bytes"""
_TOTAL = lazily(f"SELECT {_SUMS} FROM ({_ALL}) AS everything")
_SERIES = lazily(
    f"SELECT bucket_ms / :width * :width AS stamp, {_SUMS} FROM ({_ALL}) AS everything GROUP BY 1 ORDER BY 1"
)


@dataclass(frozen=True, slots=True)
class Figures:
    """Requests and outcomes of some span of time; `bytes` of successful objects."""

    request: int
    success: int
    failure: int
    skip: int
    bytes: int


async def total(connection: AsyncConnection, sync_id: str, start_ms: int, end_ms: int) -> Figures:
    """The sums of the buckets that begin in [start, end)."""
    row = (await connection.execute(_TOTAL(), _names(sync_id, start_ms, end_ms))).one()
    return Figures(*row)


async def series(
    connection: AsyncConnection, sync_id: str, start_ms: int, end_ms: int, width_ms: int
) -> list[tuple[int, Figures]]:
    """Buckets of `width_ms` in which anything happened, ascending; the one that `start_ms` lies in is the first."""
    names = _names(sync_id, start_ms - start_ms % FIVE_MINUTES_MS, end_ms) | {"width": width_ms}
    rows = await connection.execute(_SERIES(), names)
    return [(stamp, Figures(*figures)) for stamp, *figures in rows]


def _names(sync_id: str, start_ms: int, end_ms: int) -> dict[str, Any]:
    return {"id": sync_id, "start": start_ms, "end": end_ms}
