"""Who wants to be told of an end, and how the telling fared, as the HTTP edge and the administrator see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import orjson

from ledger.lazily import lazily

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


class Kind(StrEnum):
    """Whose end is told."""

    TASK = "task"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class Wish:
    """What the owner asked for (OMS table 5-45), and what a message needs to name that is known from the start."""

    topic_urn: str
    triggers: tuple[str, ...]
    language: str
    template: str
    name: str
    source_bucket: str
    destination_bucket: str
    list_bucket: str = ""
    list_key: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """How the latest notification fared. `code` and `topic` are "" when it was sent (OMS table 5-34)."""

    sent: bool
    code: str = ""
    topic: str = ""


@dataclass(frozen=True, slots=True)
class Topic:
    """A registered target: the address of a webhook, or `mailto:`."""

    urn: str
    project_id: str
    target: str
    created_at: datetime


_KEEP = lazily(
    "INSERT INTO notification (kind, owner, project_id, config) VALUES"
    " (:kind, :owner, :project_id, CAST(:config AS jsonb))"
)
_FORGET = lazily("DELETE FROM notification WHERE kind = :kind AND owner = :owner")
_TOLD = lazily(
    "SELECT owner, result FROM notification WHERE kind = :kind AND owner = ANY(:owners) AND result IS NOT NULL"
)
_TOPICS = lazily("SELECT urn, project_id, target, created_at FROM topic ORDER BY urn")
_ADD_TOPIC = lazily("INSERT INTO topic (urn, project_id, target) VALUES (:urn, :project_id, :target)")
_REMOVE_TOPIC = lazily("DELETE FROM topic WHERE urn = :urn")


async def keep(connection: AsyncConnection, kind: Kind, owner: str, project_id: str, wish: Wish) -> None:
    """Remembers a wish for as long as its owner lives."""
    config = orjson.dumps(asdict(wish)).decode()
    names = {"kind": kind.value, "owner": owner, "project_id": project_id, "config": config}
    await connection.execute(_KEEP(), names)


async def forget(connection: AsyncConnection, kind: Kind, owner: str) -> None:
    """The owner is gone; a message that is already on its way still arrives."""
    await connection.execute(_FORGET(), {"kind": kind.value, "owner": owner})


async def told(connection: AsyncConnection, kind: Kind, owners: Sequence[str]) -> Mapping[str, Told]:
    """How the latest notifications of these owners fared; those without one are left out."""
    rows = await connection.execute(_TOLD(), {"kind": kind.value, "owners": list(owners)})
    return {row.owner: Told(**row.result) for row in rows}


async def topics(connection: AsyncConnection) -> Sequence[Topic]:
    """All registered targets."""
    rows = await connection.execute(_TOPICS())
    return [Topic(row.urn, row.project_id, row.target, row.created_at) for row in rows]


async def add_topic(connection: AsyncConnection, urn: str, project_id: str, target: str) -> None:
    """Registers a target. Raises sqlalchemy.exc.IntegrityError when the URN is taken."""
    await connection.execute(_ADD_TOPIC(), {"urn": urn, "project_id": project_id, "target": target})


async def remove_topic(connection: AsyncConnection, urn: str) -> bool:
    """False when there was none of that URN."""
    return bool((await connection.execute(_REMOVE_TOPIC(), {"urn": urn})).rowcount)


def wish_of(config: Mapping[str, Any]) -> Wish:
    """From what `keep` stored."""
    return Wish(**{**config, "triggers": tuple(config["triggers"])})
