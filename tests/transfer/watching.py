"""A ledger at whose calls a test looks on or interferes, and what it asks of a task."""

from collections.abc import Awaitable, Callable, Sequence

from ledger.postgres import PostgresLedger
from ledger.values import (
    Checkpointed,
    NewSegment,
    RangeClaim,
    StoredPart,
    TaskId,
    UnitClaim,
    UploadRow,
)
from tests.transfer.world import World


class Watched(PostgresLedger):
    """The real ledger; a test may look on or interfere at some of its calls."""

    on_claimed_unit: Callable[[], Awaitable[None]] | None = None
    on_claimed_range: Callable[[], None] | None = None
    on_part: Callable[[StoredPart], None] | None = None
    before_checkpoint: Callable[[], Awaitable[None]] | None = None
    after_checkpoint: Callable[[], Awaitable[None]] | None = None
    units_claimed = 0

    async def claim_unit(self, task_id: TaskId, worker: str, *, large: bool) -> UnitClaim | None:
        claim = await super().claim_unit(task_id, worker, large=large)
        if claim is not None:
            self.units_claimed += 1
            if self.on_claimed_unit:
                await self.on_claimed_unit()
        return claim

    async def claim_range(self, task_id: TaskId, worker: str) -> RangeClaim | None:
        claim = await super().claim_range(task_id, worker)
        if claim is not None and self.on_claimed_range:
            self.on_claimed_range()
        return claim

    async def add_parts(self, claim: UnitClaim, row: UploadRow, parts: Sequence[StoredPart]) -> bool:
        if self.on_part:
            self.on_part(parts[0])
        return await super().add_parts(claim, row, parts)

    async def checkpoint(
        self, claim: UnitClaim, seq: int, indexes: Sequence[int], segments: Sequence[NewSegment]
    ) -> Checkpointed:
        if self.before_checkpoint:
            await self.before_checkpoint()
        answer = await super().checkpoint(claim, seq, indexes, segments)
        if self.after_checkpoint:
            await self.after_checkpoint()
        return answer


def watched(world: World, lease_seconds: float = 20.0) -> Watched:
    """Put a watched ledger into the world."""
    world.ledger = ledger = Watched(world.pool, lease_seconds=lease_seconds)
    return ledger


def once(act: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """`act` the first time, nothing afterwards."""
    left = [act]

    async def maybe() -> None:
        if left:
            await left.pop()()

    return maybe


async def fail() -> None:
    raise RuntimeError("the ledger breaks")


async def status(world: World, task_id: TaskId) -> int:
    """The status of a task."""
    row = await world.pool.fetch_one("SELECT status FROM task WHERE id = %s", [task_id])
    assert row is not None
    return int(row["status"])
