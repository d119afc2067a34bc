"""What the operator watches: figures over all projects, without names or keys."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class Overview:
    """Open tasks by status, objects and bytes by outcome, live leases by table, uploads that nobody ends."""

    tasks: Mapping[str, int]
    objects: Mapping[str, int]
    bytes: Mapping[str, int]
    leases: Mapping[str, int]
    workers: int
    leaked_uploads: int
    unsent_messages: int


_LIVE = "lease_until > clock_timestamp()"
_TASKS = text("SELECT status, count(*) AS n FROM task WHERE sync_id IS NULL GROUP BY status")
_OUTCOMES = text(
    "SELECT coalesce(sum(listed), 0)::bigint AS listed, coalesce(sum(listed_bytes), 0)::bigint AS listed_bytes,"
    " coalesce(sum(ok), 0)::bigint AS ok, coalesce(sum(ok_bytes), 0)::bigint AS ok_bytes,"
    " coalesce(sum(skip), 0)::bigint AS skip, coalesce(sum(skip_bytes), 0)::bigint AS skip_bytes,"
    " coalesce(sum(fail), 0)::bigint AS fail, coalesce(sum(fail_bytes), 0)::bigint AS fail_bytes FROM counter"
)
_AROUND = text(
    f"SELECT (SELECT count(*) FROM run WHERE claim_id IS NOT NULL AND {_LIVE}) AS run,"
    f" (SELECT count(*) FROM key_range WHERE state = 'leased' AND {_LIVE}) AS key_range,"
    f" (SELECT count(*) FROM unit WHERE state = 'leased' AND {_LIVE}) AS unit,"
    f" (SELECT count(*) FROM part_span WHERE state = 'leased' AND {_LIVE}) AS part_span,"
    f" (SELECT count(*) FROM record WHERE claim_id IS NOT NULL AND {_LIVE}) AS record,"
    " (SELECT count(*) FROM worker WHERE seen_at > clock_timestamp() - interval '60 seconds') AS workers,"
    " (SELECT count(*) FROM upload WHERE state = 'leaked') AS leaked,"
    " (SELECT count(*) FROM outbox WHERE sent_at IS NULL) AS unsent"
)
_KINDS = ("listed", "ok", "skip", "fail")


async def overview(connection: AsyncConnection) -> Overview:
    """All figures as of now."""
    tasks = await connection.execute(_TASKS)
    outcomes = (await connection.execute(_OUTCOMES)).one()._mapping
    around = (await connection.execute(_AROUND)).one()
    return Overview(
        tasks={str(row.status): row.n for row in tasks},
        objects={kind: outcomes[kind] for kind in _KINDS},
        bytes={kind: outcomes[f"{kind}_bytes"] for kind in _KINDS},
        leases={name: around._mapping[name] for name in ("run", "key_range", "unit", "part_span", "record")},
        workers=around.workers,
        leaked_uploads=around.leaked,
        unsent_messages=around.unsent,
    )


async def migrated(connection: AsyncConnection) -> str | None:
    """The schema's revision; None when the database was never migrated."""
    exists = await connection.execute(text("SELECT to_regclass('alembic_version')"))
    if exists.scalar_one() is None:
        return None
    found = (await connection.execute(text("SELECT version_num FROM alembic_version"))).first()
    return None if found is None else str(found.version_num)
