"""How a job may end, and what the ledger is told then: given back, halted with a code, or nothing at all."""

import logging
from collections.abc import Coroutine
from typing import Any

from connectors.errors import Fatal, StoreError
from engine.failures import Side, trf_code
from workers.transfer.leases import Lease
from workers.transfer.ports import ClaimLedger
from workers.transfer.signals import LeaseLost, Stopped, TaskFailed, Waiting

log = logging.getLogger(__name__)
MOST_ATTEMPTS = 5
AGAIN_AFTER = 2.0


async def run_to_its_end(
    ledger: ClaimLedger, lease: Lease, body: Coroutine[Any, Any, None], attempts: int
) -> bool:
    """Await `body` and settle the claim. False when a store failed and the work is to be tried again.

    Raises what is neither a store's nor the owner's doing.
    """
    try:
        await body
    except LeaseLost:
        log.warning("lease_lost", extra={"fence": str(lease.fence)})
        # It may be another's that was lost: that of a list, or of a part.
        await give_back(ledger, lease)
    except Stopped:
        await give_back(ledger, lease)
    except Waiting as waiting:
        await give_back(ledger, lease, delay=waiting.delay)
    except TaskFailed as failure:
        await halt(ledger, lease, failure.code, failure.message)
    except Fatal as error:
        await halt(ledger, lease, _code(error), str(error))
    except StoreError as error:
        log.warning(
            "store_failed", extra={"fence": str(lease.fence), "why": str(error), "attempts": attempts}
        )
        if attempts >= MOST_ATTEMPTS:
            await halt(ledger, lease, _code(error), str(error))
        else:
            await give_back(ledger, lease, delay=AGAIN_AFTER * attempts)
            return False
    return True


async def halt(ledger: ClaimLedger, lease: Lease, code: str, message: str) -> None:
    """The task ends with this code as soon as nobody works on it."""
    log.error("task_halted", extra={"task": lease.fence.task_id, "code": code, "why": message})
    # Postgres takes no NUL, and a store may say anything.
    await ledger.halt(lease.fence, code, message.replace("\0", ""))
    await give_back(ledger, lease)


async def give_back(ledger: ClaimLedger, lease: Lease, *, delay: float = 0.0) -> None:
    """Claimable by others at once, or after `delay` seconds."""
    lease.closed = True
    if not lease.lost:
        await ledger.release(lease.fence, delay=delay)


def _code(error: StoreError) -> str:
    return trf_code(error.meaning, error.side or Side.DESTINATION, error.operation)
