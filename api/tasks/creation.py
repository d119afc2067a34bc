"""Creating a task: everything it needs is in the ledger after one transaction, or nothing is (OMS 5.2.3)."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from api.context import Services
from api.errors import ApiError
from api.tasks import checks
from api.tasks.answers import CreatedTask
from api.tasks.list_region import check_list_region
from api.tasks.schemas import CreateTaskBody
from api.tasks.wishes import wish_of
from api.vault import TaskKeys, key_file_triple, source_triple
from engine import names
from engine.spec import CloudType, Priority, TaskSpec
from ledger import audit, idempotency, notifications, outbox, requests, tasks
from ledger.audit import Actor, Entry
from ledger.idempotency import Reply
from ledger.notifications import Kind
from ledger.tasks import NewTask
from ledger.values import TaskId

_UNIQUE_TRIES = 3


@dataclass(frozen=True, slots=True)
class Repeatable:
    """The client's key for doing a request once, and what the request was."""

    key: str
    body_sha256: bytes


async def create_task(
    parts: Services, actor: Actor, body: CreateTaskBody, repeatable: Repeatable | None
) -> CreatedTask:
    """Checks, stores and announces a new task. Raises ApiError."""
    spec = checks.task_spec(body)
    checks.check(body, spec, parts.settings.region, parts.endpoints)
    await check_list_region(parts, spec, keys_of(body).destination)
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
    body: CreateTaskBody
    spec: TaskSpec
    repeatable: Repeatable | None

    async def run(self, connection: AsyncConnection) -> CreatedTask:
        """The whole transaction; may run again after it was undone."""
        before = await earlier(connection, self.actor, self.repeatable)
        if before is not None:
            return CreatedTask.model_validate(before.body)
        await self._check_quota(connection)
        task = await new_task(connection, self.parts, self.actor, self.spec, self.body)
        await tasks.create(connection, task)
        if self.parts.settings.max_requests is not None:
            await requests.set_limit(connection, task.id, self.parts.settings.max_requests)
        await self.parts.vault.keep(connection, task.id, task.project_id, keys_of(self.body))
        if self.body.smn_config is not None:
            wish = wish_of(self.body.smn_config, self.spec, task.name)
            await notifications.keep(connection, Kind.TASK, str(task.id), task.project_id, wish)
        detail = {"name": task.name, "task_type": self.spec.task_type.value}
        await audit.record(connection, self.actor, Entry("createTask", str(task.id), detail))
        await outbox.post_wake(connection, task.id, 0)
        created = CreatedTask(id=task.id, task_name=task.name)
        if self.repeatable is not None:
            reply = Reply(200, created.model_dump())
            await idempotency.keep(connection, task.project_id, self.repeatable.key, reply)
        return created

    async def _check_quota(self, connection: AsyncConnection) -> None:
        limits = self.parts.settings
        created = await tasks.lock_quota(connection, self.actor.project_id)
        if created.within_a_day >= limits.tasks_per_day:
            raise ApiError("OMS.1021", f"{limits.tasks_per_day} within 24 hours")
        if created.waiting >= limits.tasks_waiting:
            raise ApiError("OMS.0077", f"{limits.tasks_waiting} are waiting")


async def earlier(connection: AsyncConnection, actor: Actor, repeatable: Repeatable | None) -> Reply | None:
    """What the same request was answered before; None: it is to be done. Raises ApiError."""
    if repeatable is None:
        return None
    try:
        return await idempotency.claim(connection, actor.project_id, repeatable.key, repeatable.body_sha256)
    except idempotency.KeyReused as reused:
        raise ApiError("OMS.0001", "Idempotency-Key was used for another request", status=409) from reused


async def new_task(
    connection: AsyncConnection, parts: Services, actor: Actor, spec: TaskSpec, body: CreateTaskBody
) -> NewTask:
    """A task as the request wants it."""
    return replace(
        await drawn_task(connection, parts, actor, spec),
        bandwidth=checks.bandwidth(body.bandwidth_policy or []),
        priority=checks.priority(body),
    )


async def drawn_task(connection: AsyncConnection, parts: Services, actor: Actor, spec: TaskSpec) -> NewTask:
    """A task with an id and a name of this instant, without limits."""
    serial = await tasks.next_serial(connection)
    now = datetime.now(UTC)
    local = now.astimezone(ZoneInfo(parts.settings.timezone))
    # Hundredths of the second and the serial together: five digits that repeat only after 999 draws in 10 ms.
    counter = now.microsecond // 10_000 * 1000 + serial
    return NewTask(
        id=TaskId(names.task_id(int(now.timestamp()), counter)),
        name=names.task_name(spec.source.bucket, spec.destination.bucket, local, serial),
        project_id=actor.project_id,
        region=spec.destination.region,
        spec=spec,
        bandwidth=(),
        priority=Priority.MEDIUM.rank,
    )


def keys_of(body: CreateTaskBody) -> TaskKeys:
    """The keys in a request, which have been checked."""
    source, destination = body.src_node, body.dst_node
    cloud = source.cloud_type or CloudType.ALIYUN
    if cloud is CloudType.GOOGLE:
        opening = key_file_triple(source.json_auth_file)
    else:
        keys = (source.ak, source.sk, source.security_token)
        opening = source_triple(cloud, keys, source.connection_string)
    return TaskKeys.of(
        opening,
        (destination.ak, destination.sk, destination.security_token),
        body.source_cdn.authentication_key if body.source_cdn else None,
    )
