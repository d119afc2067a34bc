"""Start, stop, delete, new limits: each one transaction with its audit row (OMS 5.2.4 to 5.2.8)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from api.context import Services
from api.errors import ApiError
from api.keyfiles import check_key_file
from api.tasks import checks
from api.tasks.failed_list import FailedList, check_failed_list
from api.tasks.schemas import BandwidthBody, BatchUpdateBody, StartTaskBody
from api.vault import TaskKeys, key_file_triple, source_triple
from connectors.endpoints import Endpoints
from engine import group_states, states
from engine.spec import CloudType, Priority, TaskSpec, TaskType
from engine.states import TaskStatus
from ledger import audit, group_actions, outbox, requests, task_actions
from ledger.audit import Actor, Entry
from ledger.task_actions import LockedTask


async def stop_task(parts: Services, actor: Actor, task_id: int) -> None:
    """Pauses: the next look shows 7 or 3. Raises Refused or ApiError."""

    async def work(connection: AsyncConnection) -> None:
        task = await _locked(connection, actor, task_id)
        status = await task_actions.stop(connection, task)
        await audit.record(connection, actor, Entry("stopTask", str(task.id), {"status": status.value}))

    await parts.database.write(work)


async def delete_task(parts: Services, actor: Actor, task_id: int) -> None:
    """Removes the task; its audit rows stay. Raises Refused or ApiError."""

    async def work(connection: AsyncConnection) -> None:
        task = await _locked(connection, actor, task_id)
        group = await group_actions.status_of(connection, task.id)
        if group is not None and not group_states.deletable_member(group):
            raise ApiError("OMS.0063", "its group is at work")
        await task_actions.delete(connection, task)
        await audit.record(connection, actor, Entry("deleteTask", str(task.id), {"name": task.name}))

    await parts.database.write(work)


async def start_task(parts: Services, actor: Actor, task_id: int, body: StartTaskBody) -> None:
    """Queues the task with new keys: on with the present run, or with a new one. Raises Refused or ApiError."""
    checks.check_key("dst_ak", body.dst_ak)
    checks.check_key("dst_sk", body.dst_sk)
    failed_only = bool(body.migrate_failed_object)
    if failed_only:
        await _check_failed_list(parts, actor, task_id, body)

    async def work(connection: AsyncConnection) -> None:
        task = await _locked(connection, actor, task_id)
        states.advance(task.status, states.TaskEvent.STARTED)
        await _check_group(connection, task)
        keys = start_keys(task.spec, body, parts.endpoints)
        run = await task_actions.run_state(connection, task)
        resumed = run.resumable or task.status is TaskStatus.PAUSED
        if resumed:
            await _check_ceiling(connection, task)
            await task_actions.resume(connection, task)
        else:
            if failed_only:
                _check_failures(task, run)
            await task_actions.begin_run(connection, task, failed_only=failed_only)
        await parts.vault.keep(connection, task.id, actor.project_id, keys)
        detail = {"resumed": resumed, "failed_only": failed_only and not resumed}
        await audit.record(connection, actor, Entry("startTask", str(task.id), detail))
        await outbox.post_wake(connection, task.id, task.version + 1)

    await parts.database.write(work)
    await parts.bells.wake()


async def limit_task(parts: Services, actor: Actor, task_id: int, policy: Sequence[BandwidthBody]) -> None:
    """New traffic limits. Raises ApiError."""
    windows = checks.bandwidth(policy)

    async def work(connection: AsyncConnection) -> None:
        task = await _locked(connection, actor, task_id)
        _check_limitable(task)
        await task_actions.set_bandwidth(connection, [task.id], windows)
        await _audit_update(connection, actor, task, {"bandwidth_policy": windows})

    await parts.database.write(work)


async def update_tasks(parts: Services, actor: Actor, body: BatchUpdateBody) -> None:
    """New limits and perhaps a new priority for several tasks, all or none. Raises ApiError."""
    if (body.group_id is None) == (not body.ids):
        raise ApiError("OMS.0001", "either group_id or ids")
    windows = checks.bandwidth(body.bandwidth_policy)

    async def work(connection: AsyncConnection) -> None:
        chosen = await _chosen(connection, actor, body)
        ids = [task.id for task in chosen]
        detail: dict[str, Any] = {"bandwidth_policy": windows}
        if body.task_priority is not None:
            _check_prioritisable(chosen)
            await task_actions.set_priority(connection, ids, Priority(body.task_priority).rank)
            detail["task_priority"] = body.task_priority.value
        await task_actions.set_bandwidth(connection, ids, windows)
        if body.group_id is not None:
            await group_actions.set_bandwidth(connection, body.group_id, windows)
        for task in chosen:
            await _audit_update(connection, actor, task, detail)

    await parts.database.write(work)


async def _check_group(connection: AsyncConnection, task: LockedTask) -> None:
    group = await group_actions.status_of(connection, task.id)
    if group is not None and not group_states.startable_member(group):
        raise ApiError("OMS.1036", "its group is being deleted")


async def _check_ceiling(connection: AsyncConnection, task: LockedTask) -> None:
    """A run that would pause at once is not started: its keys would be gone again, and nobody told why."""
    ceiling = await requests.ceiling(connection, task.id)
    if ceiling.reached:
        told = f"max_requests: {ceiling.asked} of {ceiling.max_requests} requests are made; raise it first"
        raise ApiError("OMS.0001", told)


async def _locked(connection: AsyncConnection, actor: Actor, task_id: int) -> LockedTask:
    found = await task_actions.lock(connection, actor.project_id, [task_id])
    if not found:
        raise ApiError("OMS.1009", "task_id", action=True)
    return found[0]


async def _chosen(connection: AsyncConnection, actor: Actor, body: BatchUpdateBody) -> Sequence[LockedTask]:
    if body.group_id is not None:
        # The group before its tasks, as all calls of groups lock them; it may have none yet.
        group = await group_actions.lock(connection, actor.project_id, body.group_id)
        members = await task_actions.lock_group(connection, actor.project_id, body.group_id)
        if group is None and not members:
            raise ApiError("OMS.1009", "group_id", action=True)
        # What is complete has no traffic left to limit.
        return [task for task in members if states.bandwidth_refusal(task.status) is None]
    wanted = set(body.ids or ())
    found = await task_actions.lock(connection, actor.project_id, sorted(wanted))
    missing = wanted - {task.id for task in found}
    if missing:
        raise ApiError("OMS.1009", f"ids: {min(missing)}", action=True)
    for task in found:
        _check_limitable(task)
    return found


def _check_limitable(task: LockedTask) -> None:
    code = states.bandwidth_refusal(task.status)
    if code is not None:
        raise ApiError(code, f"task {task.id}")


def _check_prioritisable(chosen: Sequence[LockedTask]) -> None:
    for task in chosen:
        if not states.priority_change_allowed(task.status):
            raise ApiError("OMS.0170", f"task_priority: task {task.id} is neither waiting, paused nor failed")


async def _check_failed_list(parts: Services, actor: Actor, task_id: int, body: StartTaskBody) -> None:
    """Looks at the list before the transaction: no network call holds a lock."""

    async def look(connection: AsyncConnection) -> tuple[LockedTask, task_actions.RunState]:
        task = await _locked(connection, actor, task_id)
        return task, await task_actions.run_state(connection, task)

    task, run = await parts.database.read(look)
    states.advance(task.status, states.TaskEvent.STARTED)
    if task.status is TaskStatus.PAUSED or run.resumable:
        return
    _check_failures(task, run)
    listed = FailedList(task.spec.destination, run.failed_list_key, task.spec.requester_pays)
    await check_failed_list(parts, listed, start_keys(task.spec, body, parts.endpoints).destination)


def _check_failures(task: LockedTask, run: task_actions.RunState) -> None:
    if not task.spec.record_failures:
        raise ApiError("S3M.0301")
    if run.failed == 0:
        raise ApiError("OMS.1027")


def start_keys(spec: TaskSpec, body: StartTaskBody, endpoints: Endpoints) -> TaskKeys:
    """The keys of a start. Raises ApiError for what is missing or not built."""
    asked = {
        "src_crypto_type": body.src_crypto_type == "KMS",
        "dst_crypto_type": body.dst_crypto_type == "KMS",
    }
    checks.refuse_unbuilt([field for field, present in asked.items() if present])
    cloud, told = spec.source.cloud_type, body.src_connection_string
    if cloud is CloudType.GOOGLE:
        check_key_file("json_auth_file", body.json_auth_file, endpoints)
    elif cloud is CloudType.AZURE and told is not None:
        checks.check_connection_string("src_connection_string", told)
    elif spec.task_type is not TaskType.URL_LIST:
        checks.check_key("src_ak", body.src_ak)
        checks.check_key("src_sk", body.src_sk)
    if cloud is CloudType.GOOGLE:
        source = key_file_triple(body.json_auth_file)
    else:
        source = source_triple(cloud, (body.src_ak, body.src_sk, body.src_security_token), told)
    checks.check_cdn_key(spec.cdn, body.source_cdn_authentication_key)
    return TaskKeys.of(
        source, (body.dst_ak, body.dst_sk, body.dst_security_token), body.source_cdn_authentication_key
    )


async def _audit_update(
    connection: AsyncConnection, actor: Actor, task: LockedTask, detail: dict[str, Any]
) -> None:
    await audit.record(connection, actor, Entry("updateTask", str(task.id), detail))
