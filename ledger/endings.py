"""How a task leaves the running states: status, credentials, time, notification and audit in one transaction."""

from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from engine.codes import message
from engine.notices import Trigger
from engine.states import TaskStatus
from ledger.notices import notify_ended
from ledger.notifications import Kind
from ledger.pool import Connection, execute, fetch_one
from ledger.values import TaskId

MOVE = """
UPDATE task SET status = %(after)s, desired = 'run', version = version + 1, error_code = %(code)s,
       error_message = %(message)s, fatal_code = NULL, fatal_message = NULL,
       running_ms = running_ms
         + coalesce((extract(epoch FROM clock_timestamp() - running_since) * 1000)::bigint, 0),
       running_since = NULL, ended_at = CASE WHEN %(after)s = 3 THEN ended_at ELSE clock_timestamp() END
 WHERE id = %(task)s AND status = %(before)s RETURNING project_id, run_no, version, group_id IS NOT NULL AS grouped"""
WIPE = "DELETE FROM credential WHERE task_id = %(task)s"
NOTIFY = """
INSERT INTO outbox (dedupe_key, topic, payload) VALUES (%(key)s, %(topic)s, %(payload)s)
ON CONFLICT (dedupe_key) DO NOTHING"""
AUDIT = """
INSERT INTO audit (project_id, actor, action, resource, request_id, detail)
VALUES (%(project)s, 'engine', %(action)s, %(resource)s, '', %(detail)s)"""


@dataclass(frozen=True, slots=True)
class Ending:
    """Where a task goes. `code` and `text` tell why in status 4; `final` when the run has really ended."""

    task_id: TaskId
    before: TaskStatus
    after: TaskStatus
    code: str | None = None
    text: str | None = None
    final: bool = False


async def end(connection: Connection, ending: Ending) -> bool:
    """Moves the task if it still is in `before`; False when it is not, and nothing has changed."""
    shown = ending.text or (message(ending.code) if ending.code else None)
    row = await fetch_one(
        connection,
        MOVE,
        {
            "task": ending.task_id,
            "before": int(ending.before),
            "after": int(ending.after),
            "code": ending.code,
            "message": shown,
        },
    )
    if row is None:
        return False
    await execute(connection, WIPE, {"task": ending.task_id})
    detail = {
        "task_id": ending.task_id,
        "run_no": row["run_no"],
        "status": int(ending.after),
        "error_code": ending.code,
    }
    if ending.after is not TaskStatus.PAUSED and not row["grouped"]:
        # The owner of a group hears of its end, not of each of its tasks.
        await _tell(connection, ending, row["version"], detail)
    await _note(connection, ending, row["project_id"], detail)
    return True


async def _tell(connection: Connection, ending: Ending, version: int, detail: dict[str, Any]) -> None:
    # A run that a fatal error stopped may be started again and end later: only its real end is unique.
    which = "ended" if ending.final else f"stopped:{version}"
    key = f"task:{ending.task_id}:run:{detail['run_no']}:{which}"
    event = {"key": key, "topic": "task.ended", "payload": Jsonb(detail)}
    await execute(connection, NOTIFY, event)
    trigger = Trigger.SUCCESS if ending.after is TaskStatus.SUCCEEDED else Trigger.FAILURE
    await notify_ended(connection, Kind.TASK, str(ending.task_id), trigger, key)


async def _note(connection: Connection, ending: Ending, project: str, detail: dict[str, Any]) -> None:
    action = "task.paused" if ending.after is TaskStatus.PAUSED else "task.ended"
    resource = f"task:{ending.task_id}"
    entry = {"project": project, "action": action, "resource": resource, "detail": Jsonb(detail)}
    await execute(connection, AUDIT, entry)
