"""Parts of one upload that several workers send: offered, claimed, taken back, and never of two minds."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from psycopg.rows import DictRow

from ledger import dispatch
from ledger.postgres import PostgresLedger
from ledger.rows import SPAN_TRIES
from ledger.values import Leased, PartSpan, SpanClaim, StoredPart, TaskId, UnitClaim, UploadRow
from tests.ledger.world import World

OWNER, HELPER = "owner", "helper"
SPANS = ((3, 4), (5, 6), (7, 7))


def part(number: int) -> StoredPart:
    """An acknowledged part."""
    return StoredPart(number, f"etag{number}", 5, bytes([number]) * 16, number)


@pytest.fixture
async def claim(world: World) -> UnitClaim:
    """A claimed unit of one object."""
    return await world.unit_claim(await world.listed([[0]]), OWNER)


@pytest.fixture
async def row(ledger: PostgresLedger, claim: UnitClaim) -> UploadRow:
    """Its open upload, with all but two parts on offer."""
    planned = await ledger.plan_upload(claim, 0, b"into/k", "v1", 35, 5)
    assert planned is not None
    assert await ledger.open_upload(claim, planned, "u1")
    opened = replace(planned, upload_id="u1", state="open")
    for _ in range(2):
        assert await ledger.share_parts(claim, opened, b"k", "version", SPANS)
    assert await ledger.shared_spans(opened) == SPANS
    return opened


async def taken(ledger: PostgresLedger, task_id: TaskId, worker: str = HELPER) -> SpanClaim:
    """A span, which there must be."""
    span = await ledger.claim_span(task_id, worker)
    assert span is not None
    return span


async def offers(ledger: PostgresLedger) -> tuple[bool, bool, int]:
    """Whether spans and the finish are on offer, and how many leases are live."""
    (work,) = await ledger.open_work()
    return work.spans, work.finish, work.leased


async def test_a_helper_gets_what_it_needs_and_what_it_records_is_the_owners(
    ledger: PostgresLedger, claim: UnitClaim, row: UploadRow
) -> None:
    assert await offers(ledger) == (True, False, 1)
    assert [one.task_id for one in await dispatch.due(ledger._pool)] == [claim.fence.task_id]
    span = await taken(ledger, claim.fence.task_id)
    assert (span.upload, span.source_key, span.version) == (row, b"k", "version")
    assert (span.span, span.fence.table) == (PartSpan(3, 4), Leased.SPAN)
    assert await offers(ledger) == (True, False, 2)
    assert await ledger.renew((span.fence, claim.fence)) == {span.fence, claim.fence}
    for _ in range(2):
        assert await ledger.add_span_parts(span, [part(3), part(4)])
    for _ in range(2):
        await ledger.end_span(span)
    assert not await ledger.add_span_parts(span, [part(3)])
    assert await ledger.shared_spans(row) == SPANS[1:]
    found = await ledger.find_upload(claim, 0)
    assert found is not None
    assert found.parts == (part(3), part(4))


async def test_who_has_the_object_claims_none_of_its_spans(
    ledger: PostgresLedger, claim: UnitClaim, row: UploadRow
) -> None:
    assert await ledger.claim_span(claim.fence.task_id, OWNER) is None
    assert [await ledger.take_span(claim, row) for _ in range(4)] == [
        *(PartSpan(*one) for one in SPANS),
        None,
    ]
    assert await ledger.shared_spans(row) == ()
    assert (await offers(ledger))[0] is False


@pytest.mark.parametrize("state", ["intent", "closed"])
async def test_parts_of_an_upload_that_is_not_open_are_not_shared(
    ledger: PostgresLedger, claim: UnitClaim, state: str
) -> None:
    planned = await ledger.plan_upload(claim, 0, b"into/k", "v1", 35, 5)
    assert planned is not None
    if state == "closed":
        assert await ledger.open_upload(claim, planned, "u1")
        await ledger.close_upload(planned)
    assert not await ledger.share_parts(claim, planned, b"k", "", SPANS)
    assert await ledger.shared_spans(planned) == ()


async def test_an_owner_takes_back_spans_of_his_own_upload_only(
    world: World, ledger: PostgresLedger, claim: UnitClaim
) -> None:
    rows = []
    for idx, spans in enumerate((SPANS[:1], SPANS[1:2])):
        planned = await ledger.plan_upload(claim, idx, b"into/k", "v1", 35, 5)
        assert planned is not None
        assert await ledger.open_upload(claim, planned, f"u{idx}")
        assert await ledger.share_parts(claim, planned, b"k", "", spans)
        rows.append(planned)
    assert [await ledger.take_span(claim, rows[1]) for _ in range(2)] == [PartSpan(5, 6), None]
    assert await ledger.shared_spans(rows[0]) == SPANS[:1]


async def test_a_span_comes_with_the_recorded_parts_of_its_own(
    ledger: PostgresLedger, claim: UnitClaim, row: UploadRow
) -> None:
    assert await ledger.add_parts(claim, row, [part(number) for number in (2, 3, 5, 7)])
    assert (await taken(ledger, claim.fence.task_id)).span == PartSpan(3, 4, (part(3),))
    assert await ledger.take_span(claim, row) == PartSpan(5, 6, (part(5),))


async def test_what_a_dead_helper_has_recorded_comes_back_with_its_span(
    world: World, ledger: PostgresLedger, claim: UnitClaim, row: UploadRow
) -> None:
    dead = await taken(ledger, claim.fence.task_id)
    assert await ledger.add_span_parts(dead, [part(3)])
    first = await ledger.take_span(claim, row)
    assert first == PartSpan(5, 6), "a live one is nobody else's"
    await world.expire("part_span")
    assert await ledger.take_span(claim, row) == PartSpan(3, 4, (part(3),))
    assert not await ledger.add_span_parts(dead, [part(4)])
    assert await ledger.renew([dead.fence]) == frozenset()


async def test_the_span_of_a_dead_helper_goes_to_the_next_one(
    world: World, ledger: PostgresLedger, claim: UnitClaim
) -> None:
    planned = await ledger.plan_upload(claim, 0, b"k", "v1", 35, 5)
    assert planned is not None
    assert await ledger.open_upload(claim, planned, "u1")
    assert await ledger.share_parts(claim, planned, b"k", "", [(1, 2)])
    for _ in range(SPAN_TRIES):
        dead = await taken(ledger, claim.fence.task_id)
        await world.expire("part_span")
    assert not await ledger.add_span_parts(replace(dead, fence=replace(dead.fence, epoch=1)), [part(1)])
    assert await ledger.claim_span(claim.fence.task_id, HELPER) is None, "it is the owner's after that"
    assert (await offers(ledger))[0] is False
    assert await ledger.take_span(claim, planned) == PartSpan(1, 2)


async def test_a_span_that_is_given_back_waits_and_one_that_is_returned_is_the_owners(
    ledger: PostgresLedger, claim: UnitClaim, row: UploadRow
) -> None:
    first = await taken(ledger, claim.fence.task_id)
    await ledger.release(first.fence, delay=600)
    second = await taken(ledger, claim.fence.task_id)
    await ledger.return_span(second)
    third = await taken(ledger, claim.fence.task_id)
    assert [one.span.first for one in (first, second, third)] == [3, 5, 7]
    await ledger.release(third.fence)
    again = await taken(ledger, claim.fence.task_id)
    assert again.span == third.span
    assert await ledger.claim_span(claim.fence.task_id, HELPER) is None
    assert await ledger.take_span(claim, row) == PartSpan(5, 6)
    assert await ledger.take_span(claim, row) is None


async def test_an_owner_without_lease_neither_shares_nor_takes_back(
    world: World, ledger: PostgresLedger, claim: UnitClaim, row: UploadRow
) -> None:
    await world.expire("unit")
    new = await world.unit_claim(claim.fence.task_id, "next")
    assert not await ledger.share_parts(claim, row, b"k", "", [(9, 9)])
    assert await ledger.take_span(claim, row) is None
    assert await ledger.shared_spans(row) == SPANS
    assert await ledger.take_span(new, row) == PartSpan(3, 4)
    assert (await taken(ledger, claim.fence.task_id, OWNER)).span == PartSpan(5, 6)


async def test_an_upload_that_is_over_takes_no_parts_and_its_run_ends_when_nobody_holds_a_span(
    world: World, ledger: PostgresLedger, claim: UnitClaim, row: UploadRow
) -> None:
    task_id = claim.fence.task_id
    held = await taken(ledger, task_id)
    assert await ledger.add_span_parts(held, [part(3)])
    await ledger.close_upload(row)
    assert await ledger.shared_spans(row) == SPANS[:1], "free ones are gone"
    assert not await ledger.add_span_parts(held, [part(4)])
    assert await world.value("SELECT count(*) FROM upload_part") == 0
    assert await ledger.renew([held.fence]) == {held.fence}
    await world.finish_unit(claim)
    assert await offers(ledger) == (False, False, 1)
    assert await ledger.claim_finish(task_id, OWNER) is None
    await ledger.end_span(held)
    assert await offers(ledger) == (False, True, 0)
    assert await ledger.claim_finish(task_id, OWNER) is not None


async def test_nobody_helps_with_an_object_that_has_its_outcome(
    world: World, ledger: PostgresLedger, claim: UnitClaim, row: UploadRow
) -> None:
    await world.finish_unit(claim, "fail")
    assert await ledger.shared_spans(row) == SPANS
    assert await ledger.claim_span(claim.fence.task_id, HELPER) is None
    assert await offers(ledger) == (False, True, 0)


async def test_what_an_earlier_run_offered_is_nobodys(
    world: World, ledger: PostgresLedger, claim: UnitClaim, row: UploadRow
) -> None:
    task_id = claim.fence.task_id
    await world.pool.execute("INSERT INTO run (task_id, run_no) VALUES (%s, 2)", [task_id])
    await world.pool.execute("UPDATE task SET run_no = 2 WHERE id = %s", [task_id])
    assert await ledger.claim_span(task_id, HELPER) is None
    assert (await offers(ledger))[0] is False


class Slow(PostgresLedger):
    """Something happens between a claim and the look at what it is of."""

    happens: Callable[[], Awaitable[object]]

    async def _claim(self, *given: Any, **more: Any) -> DictRow | None:
        row = await super()._claim(*given, **more)
        await self.happens()
        return row


@pytest.mark.parametrize("what", ["closed", "failed"])
async def test_a_claim_that_crosses_with_the_end_of_its_object_is_given_back(
    world: World, ledger: PostgresLedger, claim: UnitClaim, row: UploadRow, what: str
) -> None:
    slow = Slow(world.pool, lease_seconds=60.0)
    slow.happens = lambda: ledger.close_upload(row) if what == "closed" else world.finish_unit(claim, "fail")
    assert await slow.claim_span(claim.fence.task_id, HELPER) is None
    assert await world.value("SELECT count(*) FROM part_span WHERE state = 'leased'") == 0


async def test_who_lost_a_span_neither_ends_nor_returns_it(
    world: World, ledger: PostgresLedger, claim: UnitClaim, row: UploadRow
) -> None:
    dead = await taken(ledger, claim.fence.task_id)
    await world.expire("part_span")
    live = await taken(ledger, claim.fence.task_id, "other")
    assert live.span == dead.span
    await ledger.end_span(dead)
    await ledger.return_span(dead)
    assert await ledger.shared_spans(row) == SPANS
    assert await ledger.renew([live.fence]) == {live.fence}


async def test_a_pause_waits_for_helpers_and_void_leases_are_claimable(
    world: World, ledger: PostgresLedger, claim: UnitClaim, row: UploadRow
) -> None:
    task_id = claim.fence.task_id
    span = await taken(ledger, task_id)
    await ledger.release(claim.fence)
    await world.pool.execute("UPDATE task SET status = 7, desired = 'pause' WHERE id = %s", [task_id])
    assert await dispatch.settle(world.pool) == []
    assert await ledger.claim_span(task_id, "other") is None
    assert await dispatch.void_worker(world.pool, HELPER) == 1
    assert not await ledger.add_span_parts(span, [part(3)])
    assert await dispatch.settle(world.pool) == [task_id]
    await world.pool.execute("UPDATE task SET status = 2, desired = 'run' WHERE id = %s", [task_id])
    assert (await taken(ledger, task_id)).span == span.span


async def test_what_is_fatal_to_a_helper_halts_the_task(
    world: World, ledger: PostgresLedger, claim: UnitClaim, row: UploadRow
) -> None:
    span = await taken(ledger, claim.fence.task_id)
    await world.expire("part_span")
    other = await taken(ledger, claim.fence.task_id, "other")
    await ledger.halt(span.fence, "TRF.0151", "late")
    assert (await ledger.controls([claim.fence.task_id]))[claim.fence.task_id].desired == "run"
    await ledger.halt(other.fence, "TRF.0151", "expired")
    assert (await ledger.controls([claim.fence.task_id]))[claim.fence.task_id].desired == "halt"
