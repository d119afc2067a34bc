"""Are a side's keys still good? One list call of its bucket says so, before a task ends or an object is blamed."""

from connectors.errors import Fatal, StoreError, Unavailable
from engine.failures import Meaning, Side
from workers.transfer.context import TaskContext

ABOUT_KEYS = frozenset({Meaning.BAD_CREDENTIALS, Meaning.EXPIRED_CREDENTIALS, Meaning.CLOCK_SKEW})
TRUSTED_FOR = 2.0


async def check_keys(context: TaskContext, side: Side) -> None:
    """Return when the bucket can still be listed, or at least be reached. Raises Fatal when it cannot.

    All who ask within two seconds share one answer.
    """
    async with context.checking:
        now = context.clock.monotonic()
        if now - context.trusted.get(side, now - TRUSTED_FOR) < TRUSTED_FOR:
            return
        await _look(context, side)
        context.trusted[side] = now


async def doubted(context: TaskContext, error: Fatal) -> StoreError:
    """What to make of a fatal answer: itself, or something to try again when its keys are good after all.

    Raises Fatal when the bucket says that they are not.
    """
    if error.meaning not in ABOUT_KEYS:
        return error
    side = error.side or Side.DESTINATION
    await check_keys(context, side)
    again = Unavailable(
        error.meaning, error.operation, status=error.status, code=error.code, message=error.message
    )
    again.side = side
    return again


async def _look(context: TaskContext, side: Side) -> None:
    store = context.pair.source if side is Side.SOURCE else context.pair.destination
    call = context.caller(side)
    if context.control.failed_only:
        # A run over failed objects lists nothing (oms-behaviour 14, check 20).
        await call(store.check_bucket)
        return
    try:
        await call(lambda: store.list_page(b"", b"", 1))
    except Fatal as error:
        # Who may not list can have good keys nevertheless.
        if error.meaning is not Meaning.ACCESS_DENIED:
            raise
        await call(store.check_bucket)
