"""What all parts of the Postgres ledger share: the pool, the length of a lease, and how a fence is written in SQL."""

from typing import Any

from ledger.pool import Pool
from ledger.values import Fence


class Leasing:
    """A part of the ledger over one pool."""

    def __init__(self, pool: Pool, lease_seconds: float = 20.0) -> None:
        self._pool = pool
        self._lease_seconds = lease_seconds

    @property
    def lease_seconds(self) -> float:
        """How long a lease lasts from the database's clock when nobody renews it."""
        return self._lease_seconds

    def fenced(self, fence: Fence, **more: Any) -> dict[str, Any]:
        """Parameters of a statement that names a fence and perhaps the length of a lease."""
        return {
            "task": fence.task_id,
            "run": fence.run_no,
            "row": fence.row,
            "epoch": fence.epoch,
            "claim": fence.claim_id,
            "lease": self._lease_seconds,
            **more,
        }
