"""Asking for a multipart upload so that none stays open which nobody knows (reliability P-36)."""

import asyncio
from contextlib import suppress
from functools import partial
from itertools import count

from connectors.errors import StoreError
from connectors.objects import WriteOptions
from ledger.values import UploadRow
from workers.transfer.context import TaskContext
from workers.transfer.leases import Lease
from workers.transfer.signals import LeaseLost
from workers.transfer.strays import nameless


async def create_upload(context: TaskContext, lease: Lease, planned: UploadRow, options: WriteOptions) -> str:
    """The new upload's id. Who is cut off while the store is asked aborts what comes of it: nobody else can.

    Raises StoreError, LeaseLost.
    """
    creating = asyncio.create_task(_created(context, lease, planned, options))
    try:
        return await asyncio.shield(creating)
    except asyncio.CancelledError:
        context.leave(_disowned(context, planned, creating))
        raise


async def _disowned(context: TaskContext, planned: UploadRow, creating: asyncio.Task[str]) -> None:
    with suppress(StoreError, LeaseLost):
        upload_id = await creating
        await context.destination(partial(context.pair.destination.abort_upload, planned.dst_key, upload_id))


async def _created(context: TaskContext, lease: Lease, planned: UploadRow, options: WriteOptions) -> str:
    """When it was asked for more than once, the uploads of lost answers are aborted."""
    store, tries = context.pair.destination, count()

    async def create() -> str:
        next(tries)
        return await store.create_upload(planned.dst_key, options)

    upload_id = await context.destination(lease.under(create))
    if next(tries) > 1:
        for stray in set(await nameless(context, planned)) - {upload_id}:
            await context.destination(partial(store.abort_upload, planned.dst_key, stray))
    return upload_id
