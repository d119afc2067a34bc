"""What becomes of groups by themselves: for the dispatcher, any number of them at once, one step a group and turn."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from engine.codes import message
from engine.group_states import GroupEvent, GroupStatus, advance, next_event
from engine.notices import Trigger
from ledger.endings import AUDIT, NOTIFY
from ledger.group_actions import CHILDREN, DRAIN, PARK, PARK_KEYS, children_of
from ledger.notices import notify_ended
from ledger.notifications import Kind
from ledger.pool import Connection, Pool, execute, fetch_one

# Removing a task of 100,000 objects takes a moment, and other groups wait for the end of the turn.
REMOVED_A_TURN = 20
SOME_FAILED = "TRF.0004"

_GROUP = "%(group)s::uuid"
MOVING = "SELECT id::text AS id, status FROM task_group WHERE status IN (0, 1, 2, 7, 8, 9) ORDER BY id"
LOCK = """
SELECT id::text AS id, project_id, status, version FROM task_group WHERE id = %(group)s::uuid AND status = %(status)s
   FOR NO KEY UPDATE SKIP LOCKED"""
_CHILDREN = CHILDREN.format(group=_GROUP)
_STOPPING = tuple(sql.format(group=_GROUP) for sql in (PARK, PARK_KEYS, DRAIN))
MOVE = """
UPDATE task_group SET status = %(after)s, version = version + 1, error_code = %(code)s, error_message = %(message)s,
       first_started_at = coalesce(first_started_at, clock_timestamp()),
       running_since = CASE WHEN %(after)s IN (1, 2) THEN coalesce(running_since, clock_timestamp()) END,
       running_ms = running_ms + CASE WHEN %(after)s IN (1, 2) THEN 0
         ELSE coalesce((extract(epoch FROM clock_timestamp() - running_since) * 1000)::bigint, 0) END
 WHERE id = %(group)s::uuid AND status = %(status)s"""
# Why a group failed: what its listing met, or what its tasks did, above all single objects.
REASON = """
SELECT error_code AS code, error_message AS message FROM task
 WHERE group_id = %(group)s::uuid AND status = 4 AND scanner = %(scanner)s
 ORDER BY error_code = 'TRF.0004' DESC, id LIMIT 1"""

MEMBERS = f"""
SELECT id FROM task WHERE group_id = %(group)s::uuid ORDER BY scanner, id LIMIT {REMOVED_A_TURN}"""
PATIENCE = "SET LOCAL statement_timeout = '15min'"
LEAK = "UPDATE upload SET state = 'leaked' WHERE task_id = %(task)s AND state IN ('intent', 'open')"
REMOVE = "DELETE FROM task WHERE id = %(task)s AND status IN (3, 4, 5)"
FORGET = "DELETE FROM notification WHERE kind = 'group' AND owner = %(group)s"
GONE = """
DELETE FROM task_group g WHERE g.id = %(group)s::uuid AND g.status = 9
   AND NOT EXISTS (SELECT FROM task t WHERE t.group_id = g.id)"""


@dataclass(frozen=True, slots=True)
class _Step:
    group: str
    before: GroupStatus
    event: GroupEvent


async def take_turn(pool: Pool) -> bool:
    """Moves each group as far as one step goes. True while some are stopping or being deleted."""
    rows = await pool.fetch_all(MOVING)
    for row in rows:
        if row["status"] == GroupStatus.DELETING:
            await _remove(pool, row["id"])
        else:
            await _advance(pool, row["id"], GroupStatus(row["status"]))
    hurried = (GroupStatus.PAUSING, GroupStatus.TO_BE_DELETED, GroupStatus.DELETING)
    return any(row["status"] in hurried for row in rows)


async def _advance(pool: Pool, group: str, status: GroupStatus) -> None:
    parameters = {"group": group, "status": status.value}
    # Most turns change nothing: the row is locked only when there is something to do.
    seen = await pool.fetch_one(_CHILDREN, parameters)
    if seen is None or next_event(status, children_of(seen)) is None:
        return

    async def work(connection: Connection) -> None:
        row = await fetch_one(connection, LOCK, parameters)
        found = await fetch_one(connection, _CHILDREN, parameters)
        event = next_event(status, children_of(found or {}))
        if row is not None and event is not None:
            await _step(connection, row, _Step(group, status, event))

    await pool.in_transaction(work)


async def _step(connection: Connection, row: DictRow, step: _Step) -> None:
    after = advance(step.before, step.event)
    reason = await _reason(connection, step)
    await execute(
        connection,
        MOVE,
        {"group": step.group, "status": step.before.value, "after": after.value, **reason},
    )
    if after is GroupStatus.CREATION_FAILED:
        # Without the whole listing no task is to go on: a retry takes them all up again.
        for sql in _STOPPING:
            await execute(connection, sql, {"group": step.group})
    detail = {"group_id": step.group, "status": after.value, "error_code": reason["code"]}
    if after in (GroupStatus.CREATION_FAILED, GroupStatus.FAILED, GroupStatus.COMPLETE):
        await _tell(connection, row, step, after, detail)
    entry = {"project": row["project_id"], "action": f"group.{step.event.value.replace(' ', '_')}"}
    entry["resource"] = f"group:{step.group}"
    await execute(connection, AUDIT, {**entry, "detail": Jsonb(detail)})


async def _reason(connection: Connection, step: _Step) -> Mapping[str, Any]:
    match step.event:
        case GroupEvent.CREATION_FAILED | GroupEvent.FAILED:
            scanner = step.event is GroupEvent.CREATION_FAILED
            found = await fetch_one(connection, REASON, {"group": step.group, "scanner": scanner})
            return found or {"code": SOME_FAILED, "message": message(SOME_FAILED)}
        case _:
            return {"code": None, "message": None}


async def _tell(
    connection: Connection, row: DictRow, step: _Step, after: GroupStatus, detail: dict[str, Any]
) -> None:
    key = f"group:{step.group}:ended:{row['version']}"
    await execute(connection, NOTIFY, {"key": key, "topic": "group.ended", "payload": Jsonb(detail)})
    trigger = Trigger.SUCCESS if after is GroupStatus.COMPLETE else Trigger.FAILURE
    await notify_ended(connection, Kind.GROUP, step.group, trigger, key)


async def _remove(pool: Pool, group: str) -> None:
    """Takes some of its tasks away, each in a transaction of its own, and with the last one the group."""
    parameters = {"group": group}
    for member in await pool.fetch_all(MEMBERS, parameters):
        await pool.in_transaction(lambda connection, task=member["id"]: _drop(connection, task))  # type: ignore[misc]  # bound now

    async def finish(connection: Connection) -> None:
        if await execute(connection, GONE, parameters):
            await execute(connection, FORGET, parameters)

    if not await pool.fetch_all(MEMBERS, parameters):
        await pool.in_transaction(finish)


async def _drop(connection: Connection, task: int) -> None:
    await connection.execute(PATIENCE)
    await execute(connection, LEAK, {"task": task})
    await execute(connection, REMOVE, {"task": task})
