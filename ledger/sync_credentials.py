"""The keys of a synchronisation task: sealed while it synchronises, opened for its batches, wiped when it stops."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from connectors.locations import Credentials
from engine.failures import Side
from ledger.credentials import open_ring, opened_credentials, sealed_credentials
from ledger.lazily import lazily
from ledger.pool import Pool
from ledger.seal import KeyRing, Place, Sealed
from ledger.values import TaskId

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


FIND = """
SELECT c.sync_id::text AS sync_id, c.side, c.sealed, c.key_version, t.project_id
  FROM task t JOIN sync_credential c ON c.sync_id = t.sync_id WHERE t.id = %(task)s"""
_WIPE = lazily("DELETE FROM sync_credential WHERE sync_id = CAST(:sync AS uuid)")
_ADD = lazily(
    "INSERT INTO sync_credential (sync_id, side, sealed, key_version)"
    " VALUES (CAST(:sync AS uuid), :side, :sealed, :key_version)"
)


def place_of(sync_id: str, side: Side, project_id: str) -> Place:
    """Where the credentials of one side lie."""
    return Place("sync_credential", f"{sync_id}:{side}", project_id)


async def keep(
    connection: AsyncConnection,
    ring: KeyRing,
    sync_id: str,
    project_id: str,
    keys: Mapping[Side, Credentials],
) -> None:
    """Replaces the credentials of a synchronisation task, in the caller's transaction."""
    await connection.execute(_WIPE(), {"sync": sync_id})
    for side, credentials in keys.items():
        sealed = sealed_credentials(ring, place_of(sync_id, side, project_id), credentials)
        row = {
            "sync": sync_id,
            "side": side.value,
            "sealed": sealed.content,
            "key_version": sealed.key_version,
        }
        await connection.execute(_ADD(), row)


async def find(pool: Pool, task_id: TaskId, ring: KeyRing | None = None) -> Mapping[Side, Credentials]:
    """What a batch works with; empty for other tasks and once the synchronisation task has stopped.

    Raises SealError when a row is not the one that was sealed.
    """
    rows = await pool.fetch_all(FIND, {"task": task_id})
    keys = ring or open_ring()
    return {
        Side(row["side"]): opened_credentials(
            keys,
            place_of(row["sync_id"], Side(row["side"]), row["project_id"]),
            Sealed(row["sealed"], row["key_version"]),
        )
        for row in rows
    }
