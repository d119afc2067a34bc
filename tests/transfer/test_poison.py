"""Objects that bring their worker down are found, tried with nothing beside them, and fail alone (F57)."""

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from connectors.capabilities import SourceStore
from connectors.objects import ByteRange, Guard, ReadAnswer
from ledger.dispatch import void_worker
from ledger.values import StoredPart, TaskFacts, TaskId, UnitClaim
from tests.transfer.watching import Watched
from tests.transfer.world import LocalStores, World
from workers.transfer import worker
from workers.transfer.limits import Limits
from workers.transfer.ports import StorePair

MIB = 1 << 20
LARGE = hashlib.shake_128(b"large").digest(56 * MIB)


@dataclass
class Reads:
    """When each read of the source began and ended, in monotonic seconds."""

    store: SourceStore
    seconds: Callable[[bytes], float]
    done: list[tuple[bytes, float, float]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    async def read(self, key: bytes, guard: Guard, part: ByteRange | None = None) -> ReadAnswer:
        began = time.monotonic()
        await asyncio.sleep(self.seconds(key))
        answer = await self.store.read(key, guard, part)
        self.done.append((key, began, time.monotonic()))
        return answer

    def beside(self, key: bytes, nth: int) -> set[bytes]:
        """Other objects that were read while the nth read of one was under way."""
        _, began, ended = sorted(one for one in self.done if one[0] == key)[nth]
        return {other for other, start, end in self.done if other != key and start < ended and end > began}


class ReadStores(LocalStores):
    """Stores whose source is watched; its reads take a while."""

    reads: Reads

    async def open(self, facts: TaskFacts) -> StorePair:
        pair = await super().open(facts)
        self.reads = Reads(pair.source, lambda key: 0.4 if key in (b"large", b"small/000") else 0.02)
        return replace(pair, source=self.reads)


class Accused(Watched):
    """Two owners have died over the first object of a kind of units."""

    large = False

    async def claim_unit(self, task_id: TaskId, worker: str, *, large: bool) -> UnitClaim | None:
        claim = await super().claim_unit(task_id, worker, large=large)
        if claim is None or large is not self.large:
            return claim
        return replace(claim, crashes=2, suspect=0)


async def migrated(world: World, *, large: bool) -> Reads:
    """A large object of four parts, read one after the other, and many small ones; the first of a kind is accused."""
    world.source.put("from", b"large", LARGE)
    for n in range(200):
        world.source.put("from", b"small/%03d" % n, b"x")
    world.ledger = ledger = Accused(world.pool, lease_seconds=20.0)
    ledger.large = large
    world.limits = Limits(parts=1, runners=2)
    world.stores = stores = ReadStores(world.stores.wire, world.stores.endpoints, world.stores.keys)
    ended = await world.migrate()
    assert (ended.status, ended.tally()) == (5, (201, 201, 0, 0)), ended.row
    assert world.destination.get("into", b"large") == LARGE
    return stores.reads


async def test_a_large_suspect_has_nothing_beside_it_until_it_makes_headway(world: World) -> None:
    reads = await migrated(world, large=True)
    assert reads.beside(b"large", 0) == set()
    assert reads.beside(b"large", 1) != set()


async def test_a_small_suspect_has_no_part_beside_it(world: World) -> None:
    reads = await migrated(world, large=False)
    assert reads.beside(b"small/000", 0) == set()
    assert reads.beside(b"large", 1) != set()


async def test_a_part_that_arrives_ends_a_row_of_crashes(world: World) -> None:
    task_id = await world.task()
    await world.pool.execute("UPDATE run SET phase = 'active'")
    await world.pool.execute(
        "INSERT INTO unit (task_id, run_no, page_no, chunk_no, manifest, n, bytes, large, done, crash_n, crash_idx)"
        " VALUES (%s, 1, 0, 0, '', 1, 0, true, B'0', 2, 0)",
        [task_id],
    )
    claim = await world.ledger.claim_unit(task_id, "w", large=True)
    assert claim is not None
    assert claim.crashes == 2
    assert await world.ledger.mark_current(claim, 0)
    row = await world.ledger.plan_upload(claim, 0, b"key", "etag", 40 * MIB, 16 * MIB)
    assert row is not None
    assert await world.ledger.open_upload(claim, row, "id")
    parts = [StoredPart(number, "e", 16 * MIB, bytes(16), 1) for number in range(1, 9)]
    assert all(await asyncio.gather(*(world.ledger.add_parts(claim, row, [part]) for part in parts)))
    await void_worker(world.pool, "w")
    again = await world.ledger.claim_unit(task_id, "w", large=True)
    assert again is not None
    assert again.crashes == 1


class Breaking:
    """A source over one key of which its connector breaks."""

    def __init__(self, store: SourceStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def read(self, key: bytes, guard: Guard, part: ByteRange | None = None) -> ReadAnswer:
        if key == b"a":
            raise ValueError("nobody thought of this")
        return await self._store.read(key, guard, part)


class BreakingStores(LocalStores):
    """Stores with such a source."""

    async def open(self, facts: TaskFacts) -> StorePair:
        pair = await super().open(facts)
        return replace(pair, source=Breaking(pair.source))


async def test_an_object_over_which_the_unit_breaks_fails_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "AGAIN_AFTER", 0.05)
    world.source.put("from", b"a", b"x")
    world.source.put("from", b"b", b"x")
    world.stores = BreakingStores(world.stores.wire, world.stores.endpoints, world.stores.keys)
    ended = await world.migrate()
    assert (ended.status, ended.code, ended.tally()) == (4, "TRF.0004", (2, 1, 0, 1)), ended.row
    assert world.records("failed")[0].startswith(b"CRASHES_WORKER\t")


async def test_a_unit_whose_owners_were_lost_twice_goes_on_alone_for_a_while_only(world: World) -> None:
    """A long outage of the database ends leases as crashes do; no object of the unit is to blame."""
    await world.pool.execute("ALTER TABLE unit ALTER COLUMN crash_n SET DEFAULT 2")
    for n in range(300):
        world.source.put("from", b"%03d" % n, b"x")
    world.source.faults.add(op="get", delay_ms=30)
    ended = await world.migrate()
    assert (ended.status, ended.tally()) == (5, (300, 300, 0, 0))
    assert world.source.service.recorder.most_in_flight > 8
