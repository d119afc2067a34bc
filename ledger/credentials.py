"""The credentials of a task: sealed as they come in, opened by a worker just before use, wiped when the task stops."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import orjson
from pydantic import SecretStr

from connectors.locations import Credentials
from engine.failures import Side
from ledger.endings import WIPE
from ledger.lazily import lazily
from ledger.pool import Pool
from ledger.seal import KeyRing, Place, Sealed, SealError
from ledger.settings import master_key_file
from ledger.values import TaskId

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


FIND = """
SELECT c.side, c.sealed, c.key_version, coalesce(c.sealed_for, c.task_id) AS sealed_for, t.project_id
  FROM credential c JOIN task t ON t.id = c.task_id WHERE c.task_id = %(task)s"""

_REPLACE = lazily("DELETE FROM credential WHERE task_id = :task")
_ADD = lazily(
    "INSERT INTO credential (task_id, side, sealed, key_version) VALUES (:task, :side, :sealed, :key_version)"
)


def open_ring() -> KeyRing:
    """The keys of OMS_MASTER_KEY_FILE. Raises SealError or SettingsError."""
    return KeyRing.read(master_key_file())


def place_of(task_id: TaskId, side: Side, project_id: str) -> Place:
    """Where the credentials of one side lie."""
    return Place("credential", f"{task_id}:{side}", project_id)


def sealed_credentials(ring: KeyRing, place: Place, credentials: Credentials) -> Sealed:
    """Access key, secret key, session token and the key of a CDN as one ciphertext."""
    plain = {
        "access_key": credentials.access_key,
        "secret_key": credentials.secret_key.get_secret_value(),
        "token": credentials.token.get_secret_value(),
        "cdn_key": credentials.cdn_key.get_secret_value(),
    }
    return ring.seal(place, orjson.dumps(plain))


def opened_credentials(ring: KeyRing, place: Place, sealed: Sealed) -> Credentials:
    """What was sealed for this place. Raises SealError."""
    try:
        plain = orjson.loads(ring.open_sealed(place, sealed))
        cdn_key = SecretStr(plain.get("cdn_key", ""))
        return Credentials(
            plain["access_key"], SecretStr(plain["secret_key"]), SecretStr(plain["token"]), cdn_key
        )
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise SealError("sealed credentials of an unknown form") from None


async def keep(
    connection: AsyncConnection,
    ring: KeyRing,
    task_id: TaskId,
    project_id: str,
    keys: Mapping[Side, Credentials],
) -> None:
    """Replaces the credentials of a task, in the caller's transaction."""
    await connection.execute(_REPLACE(), {"task": task_id})
    for side, credentials in keys.items():
        sealed = sealed_credentials(ring, place_of(task_id, side, project_id), credentials)
        row = {
            "task": task_id,
            "side": side.value,
            "sealed": sealed.content,
            "key_version": sealed.key_version,
        }
        await connection.execute(_ADD(), row)


async def find(pool: Pool, task_id: TaskId, ring: KeyRing | None = None) -> Mapping[Side, Credentials]:
    """What a task has; empty once it is wiped. Raises SealError when a row is not the one that was sealed.

    Without a ring the keys are read from OMS_MASTER_KEY_FILE.
    """
    rows = await pool.fetch_all(FIND, {"task": task_id})
    keys = ring or open_ring()
    return {
        Side(row["side"]): opened_credentials(
            keys,
            place_of(TaskId(row["sealed_for"]), Side(row["side"]), row["project_id"]),
            Sealed(row["sealed"], row["key_version"]),
        )
        for row in rows
    }


async def wipe(pool: Pool, task_id: TaskId) -> None:
    """Nothing is left of them."""
    await pool.execute(WIPE, {"task": task_id})
