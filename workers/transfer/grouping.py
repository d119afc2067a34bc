"""A group's scanner: what it has listed becomes tasks while it goes on listing; a folder of lists does at once."""

import logging
from datetime import UTC, datetime

from engine.group_lists import FolderRefused, ListFolder
from ledger.values import RunClaim
from workers.transfer.context import TaskContext
from workers.transfer.leases import Lease
from workers.transfer.signals import Stopped, TaskFailed

log = logging.getLogger(__name__)
PAGE = 1000


async def make_tasks(context: TaskContext, lease: Lease, claim: RunClaim) -> None:
    """A task for each full measure of what is listed, and one for the rest at the end.

    Raises Stopped while the listing goes on, LeaseLost, and TaskFailed when the ledger contradicts itself.
    """
    while True:
        ended = await context.ledger.end_creation(claim)
        if ended is None or context.stopping.is_set():
            raise Stopped
        if ended.over:
            return
        if ended.problems:
            log.error(
                "listing_does_not_add_up", extra={"task": context.facts.task_id, "found": ended.problems}
            )
            raise TaskFailed("TRF.0001", "; ".join(ended.problems))
        lease.check()
        if not await context.ledger.cut(claim, _now(context)):
            raise Stopped


async def list_tasks(context: TaskContext, claim: RunClaim) -> bool:
    """One task for each list of the group's folder (oms-behaviour 1.3). False: lease lost.

    Raises TaskFailed with S3M.1042 to S3M.1045, StoreError.
    """
    listed, store = context.facts.spec.source.list_file, context.pair.lists
    assert listed is not None, "a list group names a folder"
    assert store is not None, "a list group opens its folder's bucket"
    folder, after = ListFolder(listed.key), b""
    try:
        while True:
            page = await context.destination(lambda after=after: store.list_page(folder.prefix, after, PAGE))  # type: ignore[misc]  # bound now
            folder.add((one.key, one.size) for one in page.objects)
            if page.after is None:
                break
            after = page.after
        keys = folder.lists()
    except FolderRefused as refused:
        raise TaskFailed(refused.code, str(refused)) from refused
    return await context.ledger.save_list_tasks(claim, keys, _now(context))


def _now(context: TaskContext) -> datetime:
    return datetime.fromtimestamp(context.clock.now_ms() / 1000, UTC).astimezone(context.limits.zone)
