"""Who did what: one row for each change, written in the transaction of the change itself (reliability 5.8)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, through which request, from where. Holds no secret."""

    project_id: str
    name: str
    request_id: str
    source_ip: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One change. `action` is the vendor's audit event name (oms-behaviour 4.9)."""

    action: str
    resource: str
    detail: Mapping[str, Any] = field(default_factory=dict)


_INSERT = text(
    "INSERT INTO audit (project_id, actor, action, resource, request_id, source_ip, detail) VALUES"
    " (:project_id, :actor, :action, :resource, :request_id, :source_ip, CAST(:detail AS jsonb))"
)


async def record(connection: AsyncConnection, actor: Actor, entry: Entry) -> None:
    """Adds the row; the caller's transaction decides whether it stays."""
    await connection.execute(
        _INSERT,
        {
            "project_id": actor.project_id,
            "actor": actor.name,
            "action": entry.action,
            "resource": entry.resource,
            "request_id": actor.request_id,
            "source_ip": actor.source_ip,
            "detail": orjson.dumps(dict(entry.detail)).decode(),
        },
    )
