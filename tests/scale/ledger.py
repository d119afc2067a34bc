"""Planner and ledger alone: an object of 10,000 parts of 5 GiB, the most that S3's rules for parts allow."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import time
from collections.abc import Iterator

from engine.parts import PartPlan, plan_parts
from ledger.pool import Pool
from ledger.postgres import PostgresLedger
from ledger.values import StoredPart, UnitClaim, UploadRow
from tests.ledger.world import World
from tests.scale.place import Figure, judged
from tests.servers import copied_database, create_template, running_postgres
from workers.transfer.limits import Limits

PARTS, PART = 10_000, 5 << 30  # bytes
SIZE = PARTS * PART
_SLICES = 5
_WRITTEN = "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn"
_SIZE = "SELECT pg_total_relation_size('upload_part')"


async def planned_on_its_own() -> list[Figure]:
    """The same on a Postgres of its own."""
    with running_postgres() as server:
        await asyncio.to_thread(create_template, server)
        with copied_database(server) as url:
            return await planned(url)


async def planned(database_url: str, *, at_once: int = 1) -> list[Figure]:
    """All parts recorded, one by one as a worker does it or more at once, then found again."""
    pool = Pool(database_url, size=8)
    try:
        ledger = PostgresLedger(pool, lease_seconds=600.0)
        world = World(pool, ledger)
        await world.create_project()
        claim = await world.unit_claim(await world.listed([[0]]))
        plan = plan_parts(SIZE, min_part=5 << 20, max_part=PART, max_parts=PARTS)
        row = await _opened(ledger, claim, plan)
        began = time.monotonic()
        written = await _recorded(world, claim, row, plan, at_once)
        recording = time.monotonic() - began
        began = time.monotonic()
        found = await ledger.find_upload(claim, 0)
        finding = time.monotonic() - began
        bytes_held = int(await world.value(_SIZE))
        return [
            judged("plan", f"{plan.count} parts of {plan.part_size} bytes, {SIZE / 2**40:.1f} TiB",
                   f"{PARTS} parts", held=(plan.count, plan.part_size) == (PARTS, PART)),
            _steady(written),
            judged("parts recorded and found again", f"{len(found.parts) if found else 0} in {recording:.1f} s and"
                   f" {finding * 1000:.0f} ms", "all, equal",
                   held=found is not None and found.parts == tuple(_parts(plan))),
            judged("table of parts", f"{bytes_held} bytes, {bytes_held / PARTS:.0f} a part", "<= 512 a part",
                   held=bytes_held <= 512 * PARTS),
        ]  # fmt: skip
    finally:
        await pool.close()


async def _opened(ledger: PostgresLedger, claim: UnitClaim, plan: PartPlan) -> UploadRow:
    row = await ledger.plan_upload(claim, 0, b"huge", "etag", plan.size, plan.part_size)
    assert row is not None
    assert await ledger.open_upload(claim, row, "u1")
    return row


async def _recorded(
    world: World, claim: UnitClaim, row: UploadRow, plan: PartPlan, at_once: int
) -> list[int]:
    """Bytes that Postgres wrote to its log for each fifth of the parts."""
    left, recorded, slice_of = _parts(plan), itertools.count(1), plan.count // _SLICES
    ends = [int(await world.value(_WRITTEN))]

    async def lane() -> None:
        while parts := list(itertools.islice(left, at_once)):
            assert await world.ledger.add_parts(claim, row, parts)
            if next(recorded) * at_once % slice_of == 0:
                ends.append(int(await world.value(_WRITTEN)))

    await asyncio.gather(*(lane() for _ in range(Limits().parts)))
    return [after - before for before, after in itertools.pairwise(ends)]


def _parts(plan: PartPlan) -> Iterator[StoredPart]:
    for number in range(1, plan.count + 1):
        md5 = hashlib.md5(b"%d" % number).digest()
        yield StoredPart(number, md5.hex(), plan.range(number)[1], md5, number << 48)


def _steady(written: list[int]) -> Figure:
    shown = ", ".join(f"{size * _SLICES / PARTS:.0f}" for size in written)
    held = written[-1] <= 2 * written[0]
    return judged("bytes written a part, by fifths", shown, "the last <= twice the first", held=held)
