"""What the destination of a task really does: from the record of the last day, else looked at once (design 3.8)."""

import logging
from dataclasses import replace

from connectors.errors import Transient
from engine.endpoint import Found
from engine.failures import Side
from ledger.endpoints import Known
from workers.transfer.context import TaskContext
from workers.transfer.probes import Probes

log = logging.getLogger(__name__)
BUSY_SECONDS = 30.0
LOOK_AGAIN = 0.2


async def measure(context: TaskContext, *, parts: bool = False) -> None:
    """To be called before the first object, and with `parts` before the first large one; cheap from then on.

    What could not be seen is left to the dialect. Raises TaskFailed when the destination gives other bytes back,
    and Fatal.
    """
    if _told(context, parts=parts):
        return
    async with context.probing:
        if not context.measured:
            await _take_in(context, parts=False)
            context.measured = True
        if parts and not context.measured_parts:
            await _take_in(context, parts=True)
            context.measured_parts = True


def _told(context: TaskContext, *, parts: bool) -> bool:
    return context.measured and (context.measured_parts or not parts)


async def _take_in(context: TaskContext, *, parts: bool) -> None:
    context.found = await _recorded(context, parts=parts)
    missing = context.found.missing()
    if missing:
        log.warning(
            "destination_lacks",
            extra={"task": context.facts.task_id, "store": context.pair.destination.name, "missing": missing},
        )
    await context.ledger.show_endpoint(context.facts.task_id, context.control.run_no, context.found)


async def _recorded(context: TaskContext, *, parts: bool) -> Found:
    """From the ledger; looked at by one process at a time."""
    ledger, name = context.ledger, context.pair.destination.name
    while True:
        known = await ledger.endpoint(name)
        if known.parts_fresh if parts else known.fresh:
            return known.found
        token = await ledger.claim_endpoint(name, BUSY_SECONDS)
        if token is not None:
            return await _seen(context, token, known, parts=parts)
        await context.clock.sleep(LOOK_AGAIN)


async def _seen(context: TaskContext, token: str, known: Known, *, parts: bool) -> Found:
    ledger, name, probes = context.ledger, context.pair.destination.name, Probes(context, token)
    try:
        if parts and known.abandoned:
            await probes.sweep()
        found = (
            await probes.in_parts(known.found) if parts else _with_parts(await probes.small(), known.found)
        )
    except Transient as error:
        log.info("probe_failed", extra={"store": name, "why": str(error), "side": Side.DESTINATION})
        await ledger.leave_endpoint(name)
        return known.found
    except BaseException:
        await ledger.leave_endpoint(name)
        raise
    if not found.seen:
        await ledger.leave_endpoint(name)
        return found
    await ledger.save_endpoint(name, found, parts=parts)
    log.info("destination_seen", extra={"store": name, "found": str(found)})
    return found


def _with_parts(found: Found, before: Found) -> Found:
    """A look at small objects does not forget what is known of uploads in parts."""
    return replace(
        found,
        parts=before.parts,
        conditional_complete=before.conditional_complete,
        etag_of_parts=before.etag_of_parts,
    )
