"""Messages that must leave after a commit: written with the change, sent later, each at least once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from ledger.lazily import lazily

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


WAKE = "wake"

_INSERT = lazily(
    "INSERT INTO outbox (dedupe_key, topic, payload) VALUES (:dedupe_key, :topic, CAST(:payload AS jsonb))"
    " ON CONFLICT (dedupe_key) DO NOTHING"
)


async def post(connection: AsyncConnection, dedupe_key: str, topic: str, payload: Mapping[str, Any]) -> None:
    """Leaves a message; a second one under the same key is the same message."""
    body = orjson.dumps(dict(payload)).decode()
    await connection.execute(_INSERT(), {"dedupe_key": dedupe_key, "topic": topic, "payload": body})


async def post_wake(connection: AsyncConnection, task_id: int, version: int) -> None:
    """Tells the dispatcher that a task waits; the version makes each start a message of its own."""
    await post(connection, f"{WAKE}:{task_id}:{version}", WAKE, {"task_id": task_id})
