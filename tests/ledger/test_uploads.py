"""Multipart uploads are known before they exist, and outlive workers and tasks."""

from dataclasses import replace
from uuid import uuid4

import pytest

from ledger.journal import JournalError
from ledger.postgres import PostgresLedger
from ledger.values import StoredPart, UnitClaim
from tests.ledger.world import World

PARTS = (
    StoredPart(1, "a", 5, b"\x01" * 16, 2**64 - 1),
    StoredPart(2, "b", 6, b"\x02" * 16, 0),
)


@pytest.fixture
async def claim(world: World) -> UnitClaim:
    """A claimed unit of one object."""
    return await world.unit_claim(await world.listed([[0]]))


async def test_an_upload_is_planned_opened_filled_and_closed(
    world: World, ledger: PostgresLedger, claim: UnitClaim
) -> None:
    assert await ledger.find_upload(claim, 0) is None
    planned = await ledger.plan_upload(claim, 0, b"dst/\xff", "etag", 11, 5)
    assert planned is not None
    assert (planned.state, planned.upload_id, planned.dst_key) == ("intent", "", b"dst/\xff")
    assert await ledger.plan_upload(claim, 0, b"dst/\xff", "etag", 11, 5) == planned
    assert not await ledger.add_parts(claim, planned, PARTS)
    assert await ledger.open_upload(claim, planned, "u1")
    assert await ledger.open_upload(claim, planned, "u1")
    assert not await ledger.open_upload(claim, planned, "u2")
    assert await ledger.add_parts(claim, planned, PARTS[:1])
    assert await ledger.add_parts(claim, planned, PARTS)
    found = await ledger.find_upload(claim, 0)
    assert found is not None
    assert (found.upload_id, found.state, found.parts) == ("u1", "open", PARTS)
    assert [row.id for row in await ledger.open_uploads(claim.fence.task_id)] == [planned.id]
    await ledger.close_upload(found)
    await ledger.close_upload(found)
    assert await ledger.find_upload(claim, 0) is None
    assert await world.value("SELECT count(*) FROM upload_part") == 0
    assert await ledger.open_uploads(claim.fence.task_id) == ()


async def test_a_planned_upload_without_id_is_replaced_and_an_open_one_is_not(
    ledger: PostgresLedger, claim: UnitClaim
) -> None:
    first = await ledger.plan_upload(claim, 0, b"k", "old", 11, 5)
    second = await ledger.plan_upload(claim, 0, b"k", "new", 12, 6)
    assert first is not None
    assert second == replace(first, src_etag="new", src_size=12, part_size=6)
    assert await ledger.open_upload(claim, second, "u1")
    with pytest.raises(JournalError):
        await ledger.plan_upload(claim, 0, b"k", "newer", 13, 6)


async def test_an_old_fence_writes_nothing_about_uploads(
    world: World, ledger: PostgresLedger, claim: UnitClaim
) -> None:
    planned = await ledger.plan_upload(claim, 0, b"k", "e", 11, 5)
    assert planned is not None
    await world.expire("unit")
    new = await world.unit_claim(claim.fence.task_id)
    stale = replace(new, fence=replace(new.fence, claim_id=uuid4()))
    for old in (claim, stale):
        assert await ledger.plan_upload(old, 0, b"k", "f", 11, 5) is None
        assert not await ledger.open_upload(old, planned, "late")
    assert await ledger.open_upload(new, planned, "u1")
    for old in (claim, stale):
        assert await ledger.plan_upload(old, 0, b"k", "f", 11, 5) is None
        assert not await ledger.add_parts(old, planned, PARTS)
    found = await ledger.find_upload(new, 0)
    assert found is not None
    assert (found.upload_id, found.src_etag, found.parts) == ("u1", "e", ())


async def test_what_a_deleted_task_leaves_open_is_swept_by_the_next_task_of_that_bucket(
    world: World, ledger: PostgresLedger, claim: UnitClaim
) -> None:
    planned = await ledger.plan_upload(claim, 0, b"k", "e", 11, 5)
    assert planned is not None
    assert await ledger.open_upload(claim, planned, "u1")
    nameless = await ledger.plan_upload(claim, 1, b"nameless", "e", 11, 5)
    assert nameless is not None
    other = await world.unit_claim(await world.listed([[1]]))
    assert await ledger.open_uploads(other.fence.task_id) == ()
    assert await ledger.leak_uploads(claim.fence.task_id) == 2
    assert await ledger.leak_uploads(claim.fence.task_id) == 0
    await world.pool.execute("DELETE FROM task WHERE id = %s", [claim.fence.task_id])
    found = await ledger.open_uploads(other.fence.task_id)
    assert [(row.upload_id, row.state) for row in found] == [("u1", "leaked"), ("", "leaked")]
    # An upload without an id is looked for at its key: not while another task is there.
    mine = await ledger.plan_upload(other, 0, b"nameless", "e", 11, 5)
    assert mine is not None
    found = await ledger.open_uploads(other.fence.task_id)
    assert [(row.upload_id, row.state) for row in found] == [("", "intent"), ("u1", "leaked")]
    await world.pool.execute(
        "UPDATE task SET spec = jsonb_set(spec, '{destination,bucket}', '\"elsewhere\"') WHERE id = %s",
        [other.fence.task_id],
    )
    assert [row.state for row in await ledger.open_uploads(other.fence.task_id)] == ["intent"]
