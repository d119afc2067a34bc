"""Promises that no other test shows by itself."""

import hashlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from uuid import UUID

import pytest

from engine.outcomes import Outcome, OutcomeKind
from engine.spec import TaskType
from ledger.postgres import PostgresLedger
from ledger.values import Fence, Leased, StoredPart, TaskId, UnitClaim, UploadRow
from tests.transfer.test_migration import listed
from tests.transfer.world import SPEC, World, opened
from workers.tasks.clock import SystemClock
from workers.transfer.leases import LeaseKeeper
from workers.transfer.limits import Limits
from workers.transfer.segments import segments

BEFORE = hashlib.shake_128(b"before").digest(40 << 20)
AFTER = hashlib.shake_128(b"after").digest(40 << 20)
DAY = 86_400.0


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with opened(database_url) as found:
        yield found


async def test_an_upload_of_another_version_is_not_gone_on_with(world: World) -> None:
    class BreaksOnce(PostgresLedger):
        seen = 0

        async def add_parts(self, claim: UnitClaim, row: UploadRow, parts: Sequence[StoredPart]) -> bool:
            self.seen += 1
            if self.seen == 2:
                world.source.put("from", b"large", AFTER)
                raise RuntimeError
            return await super().add_parts(claim, row, parts)

    world.source.put("from", b"large", BEFORE)
    world.destination.put("into", b"lists/objects.txt", b"large", headers={"content-type": "text/plain"})
    world.limits = Limits(parts=1)
    world.ledger = BreaksOnce(world.pool, lease_seconds=20.0)
    # The version of a line in a list is asked for anew by each owner.
    ended = await world.migrate(replace(SPEC, task_type=TaskType.LIST, source=listed()))
    assert (ended.status, ended.tally()) == (5, (1, 1, 0, 0)), ended.outcomes
    assert world.destination.get("into", b"large") == AFTER
    assert world.destination.counters().requests("complete", prefix="") == 1, "the first was never completed"
    assert world.destination.uploads("into") == []


async def test_nothing_but_a_probe_is_deleted_at_the_destination(world: World) -> None:
    world.source.put("from", b"both", b"new")
    world.source.put("from", b"large", BEFORE)
    world.destination.put("into", b"both", b"as it was")
    world.destination.put("into", b"only here", b"kept")
    assert (await world.migrate()).status == 5
    assert world.destination.get("into", b"only here") == b"kept"
    counters = world.destination.counters()
    assert counters.requests("delete", prefix="") == 0
    assert world.source.counters().requests("delete") == 0


def test_a_segment_tells_the_bytes_of_its_objects() -> None:
    kinds = (OutcomeKind.OK, OutcomeKind.OK, OutcomeKind.FAIL)
    outcomes = [
        Outcome(idx=n, kind=kind, key=b"k%d" % n, size=10 + n, etag="e", finished_ms=1)
        for n, kind in enumerate(kinds)
    ]
    found = {one.kind: (one.n, one.bytes) for one in segments(outcomes)}
    assert found == {OutcomeKind.OK: (2, 21), OutcomeKind.FAIL: (1, 12)}


def test_a_step_of_the_wall_clock_moves_no_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ledger:
        lease_seconds = 600.0

    clock = SystemClock()
    keeper = LeaseKeeper(Ledger(), clock)  # type: ignore[arg-type]  # all that it asks for
    lease = keeper.hold(Fence(Leased.UNIT, TaskId(1), 1, 1, 1, UUID(int=1)), clock.monotonic())
    wall = time.time
    for step in (DAY, -DAY):
        monkeypatch.setattr(time, "time", lambda step=step: wall() + step)
        monkeypatch.setattr(time, "time_ns", lambda step=step: int((wall() + step) * 1e9))
        assert lease.usable()
        assert lease.deadline - clock.monotonic() > 500
        assert lease.deadline - clock.monotonic() <= 600
