"""`Idempotency-Key`: the same request twice is done once and answered the same (reliability 3.17)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


class KeyReused(Exception):
    """The key was used for another body."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered the first time."""

    status: int
    body: Mapping[str, Any]


_CLAIM = text(
    "INSERT INTO idempotency (project_id, key, body_sha256) VALUES (:project_id, :key, :digest)"
    " ON CONFLICT (project_id, key) DO NOTHING RETURNING 1"
)
_FIND = text(
    "SELECT body_sha256, status, reply FROM idempotency WHERE project_id = :project_id AND key = :key FOR UPDATE"
)
_KEEP = text(
    "UPDATE idempotency SET status = :status, reply = CAST(:reply AS jsonb)"
    " WHERE project_id = :project_id AND key = :key"
)
_FORGET = text(
    "DELETE FROM idempotency WHERE project_id = :project_id AND created_at < clock_timestamp() - interval '7 days'"
)


async def claim(connection: AsyncConnection, project_id: str, key: str, digest: bytes) -> Reply | None:
    """None: the key is ours, do the work and `keep` its reply in this transaction. Else the first answer.

    A concurrent twin waits for the first one's commit; after a week a key is forgotten.
    Raises KeyReused when the body differs.
    """
    names = {"project_id": project_id, "key": key}
    await connection.execute(_FORGET, {"project_id": project_id})
    if (await connection.execute(_CLAIM, {**names, "digest": digest})).first() is not None:
        return None
    stored = (await connection.execute(_FIND, names)).one()
    if bytes(stored.body_sha256) != digest:
        raise KeyReused(key)
    return Reply(stored.status, stored.reply)


async def keep(connection: AsyncConnection, project_id: str, key: str, reply: Reply) -> None:
    """Remembers the answer."""
    body = orjson.dumps(dict(reply.body)).decode()
    await connection.execute(
        _KEEP, {"project_id": project_id, "key": key, "status": reply.status, "reply": body}
    )
