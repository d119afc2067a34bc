"""Creating a verification: a hidden task over the same selection, with the keys of this request."""

from dataclasses import replace

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from api.context import Services
from api.errors import ApiError
from api.tasks import checks
from api.tasks.actions import start_keys
from api.tasks.creation import drawn_task
from api.verifications.schemas import VerifyBody
from engine.spec import OverwriteMode, TaskType
from engine.states import TaskStatus
from ledger import audit, outbox, task_actions, verifications
from ledger.audit import Actor, Entry

_UNIQUE_TRIES = 3
_AT_REST = frozenset({TaskStatus.PAUSED, TaskStatus.FAILED, TaskStatus.SUCCEEDED})


async def create_verification(parts: Services, actor: Actor, task_id: int, body: VerifyBody) -> int:
    """Its number. Raises ApiError: no such task, at work, being verified already, keys missing."""
    checks.check_key("dst_ak", body.dst_ak)
    checks.check_key("dst_sk", body.dst_sk)

    async def work(connection: AsyncConnection) -> int:
        found = await task_actions.lock(connection, actor.project_id, [task_id])
        if not found:
            raise ApiError("OMS.1009", "task_id", action=True)
        (task,) = found
        if task.status not in _AT_REST or await verifications.is_open(connection, task.id):
            raise ApiError("OMS.0065", "the task, or a verification of it, is at work")
        if task.spec.task_type is TaskType.URL_LIST:
            raise ApiError("OMS.0001", "what a list of URLs names cannot be listed again")
        keys = start_keys(task.spec, body, parts.endpoints)
        # Marched as for a comparison: another mode would not list the destination.
        spec = replace(task.spec, overwrite=OverwriteMode.SIZE_LAST_MODIFIED)
        new = await drawn_task(connection, parts, actor, spec)
        await verifications.create(connection, new, task.id, reread=bool(body.reread))
        await parts.vault.keep(connection, new.id, actor.project_id, keys)
        detail = {"verification": new.id, "reread": bool(body.reread)}
        await audit.record(connection, actor, Entry("verifyTask", str(task.id), detail))
        await outbox.post_wake(connection, new.id, 0)
        return new.id

    for _ in range(_UNIQUE_TRIES):
        try:
            number = await parts.database.write(work)
        except IntegrityError:
            # Two tasks of one instant drew one number: the next draw differs.
            continue
        await parts.bells.wake()
        return number
    raise ApiError("OMS.0062", "no free number")
