"""Uploads that nobody goes on with: known by their id, or by the intent that led to them (reliability P-36)."""

from functools import partial

from ledger.values import UploadRow
from workers.transfer.context import TaskContext

# How far the store's clock may be behind the ledger's when an upload with a lost id is looked for.
SKEW_MS = 60_000


async def abort_recorded(context: TaskContext, row: UploadRow) -> None:
    """Abort one recorded upload at the destination and close its row. Raises StoreError."""
    store = context.pair.destination
    ids = [row.upload_id] if row.upload_id else await nameless(context, row)
    for upload_id in ids:
        await context.destination(partial(store.abort_upload, row.dst_key, upload_id))
    await context.ledger.close_upload(row)


async def nameless(context: TaskContext, row: UploadRow) -> list[str]:
    """Uploads that an intent of ours explains, whose id never reached us."""
    store = context.pair.destination
    return [
        upload.upload_id
        for upload in await context.destination(lambda: store.list_uploads(row.dst_key))
        if upload.key == row.dst_key and upload.initiated_ms >= row.created_ms - SKEW_MS
    ]
