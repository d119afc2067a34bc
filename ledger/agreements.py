"""Who has agreed to the privacy statement: the audit row of the agreement is the record (oms-behaviour 8.2)."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import audit
from ledger.audit import Actor, Entry

ACTION = "agreePrivacyStatement"

_AGREED = text("SELECT EXISTS (SELECT FROM audit WHERE project_id = :project_id AND action = :action)")


async def agree(connection: AsyncConnection, actor: Actor) -> None:
    """Keeps that the actor has agreed for the project; each time is a row of its own."""
    await audit.record(connection, actor, Entry(ACTION, actor.project_id))


async def agreed(connection: AsyncConnection, project_id: str) -> bool:
    """Whether anybody has agreed for the project."""
    found = await connection.execute(_AGREED, {"project_id": project_id, "action": ACTION})
    return bool(found.scalar_one())
