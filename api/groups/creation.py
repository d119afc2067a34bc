"""Creating a group: its row, its scanner and its keys in one transaction (OMS 5.4.2)."""

import uuid
from dataclasses import dataclass, replace

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from api.context import Services
from api.errors import ApiError
from api.groups.answers import CreatedGroup
from api.groups.schemas import CreateGroupBody
from api.tasks import checks
from api.tasks.creation import Repeatable, earlier, keys_of, new_task
from api.tasks.wishes import wish_of
from engine.spec import TaskSpec
from ledger import audit, groups, idempotency, notifications, outbox
from ledger.audit import Actor, Entry
from ledger.groups import NewGroup
from ledger.idempotency import Reply
from ledger.notifications import Kind

_UNIQUE_TRIES = 3


async def create_group(
    parts: Services, actor: Actor, body: CreateGroupBody, repeatable: Repeatable | None
) -> CreatedGroup:
    """Checks, stores and announces a new group. Raises ApiError."""
    if (body.dst_node.cloud_type or "HEC").upper() != "HEC":
        raise ApiError("OMS.0058", "dst_node.cloud_type: HEC is the only destination")
    wanted = body.as_task()
    spec = checks.task_spec(wanted)
    checks.check(wanted, spec, parts.settings.region, parts.endpoints)
    creation = _Creation(parts, actor, body, spec, repeatable)
    for _ in range(_UNIQUE_TRIES):
        try:
            created = await parts.database.write(creation.run)
        except IntegrityError:
            # Two tasks of one instant drew one number: the next draw differs.
            continue
        await parts.bells.wake()
        return created
    raise ApiError("OMS.0062", "no free task id")


@dataclass(frozen=True, slots=True)
class _Creation:
    parts: Services
    actor: Actor
    body: CreateGroupBody
    spec: TaskSpec
    repeatable: Repeatable | None

    async def run(self, connection: AsyncConnection) -> CreatedGroup:
        """The whole transaction; may run again after it was undone."""
        before = await earlier(connection, self.actor, self.repeatable)
        if before is not None:
            return CreatedGroup.model_validate(before.body)
        await self._check_quota(connection)
        group = await self._new_group(connection)
        await groups.create(connection, group)
        scanner = group.scanner
        await self.parts.vault.keep(connection, scanner.id, scanner.project_id, keys_of(self.body.as_task()))
        if self.body.smn_config is not None:
            wish = wish_of(self.body.smn_config, self.spec, group.id)
            await notifications.keep(connection, Kind.GROUP, group.id, scanner.project_id, wish)
        detail = {"task_type": group.group_type.value}
        await audit.record(connection, self.actor, Entry("createTaskGroup", group.id, detail))
        await outbox.post_wake(connection, scanner.id, 0)
        created = CreatedGroup(group_id=group.id)
        if self.repeatable is not None:
            reply = Reply(200, created.model_dump())
            await idempotency.keep(connection, scanner.project_id, self.repeatable.key, reply)
        return created

    async def _check_quota(self, connection: AsyncConnection) -> None:
        most = self.parts.settings.groups_per_day
        if await groups.created_within_a_day(connection, self.actor.project_id) >= most:
            raise ApiError("OMS.1037", f"{most} within 24 hours")

    async def _new_group(self, connection: AsyncConnection) -> NewGroup:
        group_id = str(uuid.uuid4())
        scanner = await new_task(connection, self.parts, self.actor, self.spec, self.body.as_task())
        limits = self.parts.settings
        return NewGroup(
            id=group_id,
            group_type=self.body.group_type,
            scanner=replace(scanner, group_id=group_id),
            task_objects=limits.group_task_objects,
            task_bytes=limits.group_task_bytes,
        )
