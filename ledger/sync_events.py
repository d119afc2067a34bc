"""Events as they are accepted: durable with the answer, bounded in number, one row a call."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.sync_batches import total_bytes


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much may wait for one synchronisation task before senders are told to come again."""

    calls: int = 10_000
    keys: int = 100_000
    bytes: int = 64 << 20


# The look at the backlog costs what waits: a second's worth as long as batches are gathered.
_ACCEPT = text(
    "INSERT INTO sync_event (sync_id, keys, n, bytes)"
    " SELECT s.id, CAST(:keys AS bytea[]), :n, :bytes FROM sync_task s,"
    "  (SELECT count(*) AS calls, coalesce(sum(n), 0) AS keys, coalesce(sum(e.bytes), 0) AS bytes"
    "     FROM sync_event e WHERE e.sync_id = CAST(:id AS uuid)) AS waiting"
    " WHERE s.id = CAST(:id AS uuid) AND s.project_id = :project_id AND s.status = 'SYNCHRONIZING'"
    "   AND s.deleted_at IS NULL AND waiting.calls < :most_calls AND waiting.keys + :n <= :most_keys"
    "   AND waiting.bytes + :bytes <= :most_bytes"
)


async def accept(
    connection: AsyncConnection, project_id: str, sync_id: str, keys: Sequence[bytes], most: Backlog
) -> bool:
    """Keeps one call. False: no such task of this project is synchronising, or its backlog is full."""
    names = {
        "id": sync_id,
        "project_id": project_id,
        "keys": list(keys),
        "n": len(keys),
        "bytes": total_bytes(keys),
        "most_calls": most.calls,
        "most_keys": most.keys,
        "most_bytes": most.bytes,
    }
    return (await connection.execute(_ACCEPT, names)).rowcount == 1
