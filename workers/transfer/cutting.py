"""Ending work early: when the owner wants a stop, when the lease is gone, or when what it depends on has broken."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from workers.transfer.context import TaskContext
from workers.transfer.leases import Lease
from workers.transfer.signals import LeaseLost, Stopped


async def until_stopped(
    context: TaskContext, lease: Lease, body: Coroutine[Any, Any, None], *needed: asyncio.Future[None]
) -> None:
    """Await `body`. A stop gives it a moment to finish, then it is cut, as it is at once when its lease is gone.

    `needed` never ends by itself: one that does ends the work with its error. Raises Stopped, LeaseLost.
    """
    work = asyncio.create_task(body)
    stop = asyncio.create_task(context.stopping.wait())
    lost = asyncio.create_task(lease.gone.wait())
    watched: set[asyncio.Future[Any]] = {work, lost, *needed}
    try:
        await asyncio.wait({*watched, stop}, return_when=asyncio.FIRST_COMPLETED)
        if stop.done() and not work.done():
            moment = context.limits.grace
            await asyncio.wait(watched, timeout=moment, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            for broken in filter(asyncio.Future.done, needed):
                await broken
            raise LeaseLost if lost.done() else Stopped
        await work
    finally:
        for task in (work, stop, lost):
            task.cancel()
        await asyncio.gather(work, stop, lost, return_exceptions=True)
