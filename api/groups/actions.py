"""Stop, start, retry, new limits, delete: each one transaction over a group with its audit row (OMS 5.4.4-5.4.8)."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from api.context import Services
from api.errors import ApiError
from api.groups.schemas import RetryGroupBody, StartGroupBody
from api.tasks import checks
from api.tasks.actions import start_keys
from api.tasks.schemas import BandwidthBody
from engine.group_states import GroupEvent, GroupStatus, advance, resumed
from ledger import audit, group_actions, outbox
from ledger.audit import Actor, Entry
from ledger.group_actions import LockedGroup

Change = Callable[[AsyncConnection, LockedGroup], Awaitable[Mapping[str, Any]]]


async def stop_group(parts: Services, actor: Actor, group_id: str) -> None:
    """Pauses creation and all tasks: the next look shows 7 or 3. Raises GroupRefused or ApiError."""

    async def change(connection: AsyncConnection, group: LockedGroup) -> Mapping[str, Any]:
        status = await group_actions.stop(connection, group)
        return {"status": status.value}

    await _change(parts, actor, group_id, "stopTaskGroup", change)


async def start_group(parts: Services, actor: Actor, group_id: str, body: StartGroupBody) -> None:
    """Goes on where the group was, with new keys for all its tasks. Raises GroupRefused or ApiError."""
    _check_keys(body)

    async def change(connection: AsyncConnection, group: LockedGroup) -> Mapping[str, Any]:
        advance(group.status, resumed(group.children))
        await parts.vault.keep(
            connection, group.scanner_id, actor.project_id, start_keys(group.spec, body, parts.endpoints)
        )
        status = await group_actions.start(connection, group)
        await outbox.post_wake(connection, group.scanner_id, group.version + 1)
        return {"status": status.value}

    await _change(parts, actor, group_id, "startTaskGroup", change)


async def retry_group(parts: Services, actor: Actor, group_id: str, body: RetryGroupBody) -> None:
    """Takes up what failed, with new keys for all its tasks. Raises GroupRefused or ApiError."""
    _check_keys(body)
    failed_only = bool(body.migrate_failed_object)

    async def change(connection: AsyncConnection, group: LockedGroup) -> Mapping[str, Any]:
        advance(group.status, GroupEvent.RETRIED)
        if failed_only and not group.spec.record_failures:
            raise ApiError("S3M.0301")
        await parts.vault.keep(
            connection, group.scanner_id, actor.project_id, start_keys(group.spec, body, parts.endpoints)
        )
        status = await group_actions.retry(connection, group, failed_only=failed_only)
        await outbox.post_wake(connection, group.scanner_id, group.version + 1)
        return {"status": status.value, "failed_only": failed_only}

    await _change(parts, actor, group_id, "retryTaskGroup", change)


async def limit_group(parts: Services, actor: Actor, group_id: str, policy: Sequence[BandwidthBody]) -> None:
    """New traffic limits for each task of the group, those to come included. Raises GroupRefused or ApiError."""
    windows = checks.bandwidth(policy)

    async def change(connection: AsyncConnection, group: LockedGroup) -> Mapping[str, Any]:
        await group_actions.limit(connection, group, windows)
        return {"bandwidth_policy": windows}

    await _change(parts, actor, group_id, "updateTaskGroup", change)


async def delete_group(parts: Services, actor: Actor, group_id: str) -> None:
    """Has the group and its tasks removed; records and lists stay. Raises GroupRefused or ApiError."""

    async def change(connection: AsyncConnection, group: LockedGroup) -> Mapping[str, Any]:
        advance(group.status, GroupEvent.DELETED)
        if group.status is not GroupStatus.WAITING and group.draining:
            raise ApiError("OMS.0063", "its tasks are still stopping")
        await group_actions.delete(connection, group)
        return {}

    await _change(parts, actor, group_id, "deleteTaskGroup", change)


async def _change(parts: Services, actor: Actor, group_id: str, action: str, change: Change) -> None:
    async def work(connection: AsyncConnection) -> None:
        group = await group_actions.lock(connection, actor.project_id, group_id)
        if group is None:
            raise ApiError("OMS.1009", "group_id", action=True)
        detail = await change(connection, group)
        await audit.record(connection, actor, Entry(action, group_id, detail))

    await parts.database.write(work)
    await parts.bells.wake()


def _check_keys(body: StartGroupBody) -> None:
    checks.check_key("dst_ak", body.dst_ak)
    checks.check_key("dst_sk", body.dst_sk)
