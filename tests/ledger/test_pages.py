"""Pages are saved whole, once and in order; ranges tile the key space without overlap."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from engine.digest import Digest
from engine.selection import Scope
from ledger.journal import JournalError
from ledger.postgres import PostgresLedger
from tests.ledger.world import WHOLE, World, digest_of, key, page_of


async def test_a_page_leaves_units_outcomes_figures_digest_and_cursor(
    world: World, ledger: PostgresLedger
) -> None:
    task = await world.planned()
    claim = await world.range_claim(task)
    saved = await ledger.save_page(claim, page_of(0, [[0, 1], [2]], skips=[3]))
    assert (saved.alive, saved.backlog) == (True, 2)
    assert (await ledger.save_page(claim, page_of(1, [[4]], last=True))).backlog == 3
    assert await world.counters(task) == {"listed": 5, "ok": 0, "skip": 1, "fail": 0, "ok_bytes": 0}
    row = await world.pool.fetch_one("SELECT state, cursor, page_no, listed, digest FROM key_range")
    assert row == {
        "state": "done",
        "cursor": key(4),
        "page_no": 2,
        "listed": 5,
        "digest": digest_of(range(5)),
    }


async def test_the_same_page_twice_is_saved_once(world: World, ledger: PostgresLedger) -> None:
    task = await world.planned()
    claim = await world.range_claim(task)
    for _ in range(3):
        assert (await ledger.save_page(claim, page_of(0, [[0]], skips=[1]))).alive
    for _ in range(2):
        assert (await ledger.save_page(claim, page_of(1, [[2]], last=True))).alive
    assert await world.counters(task) == {"listed": 3, "ok": 0, "skip": 1, "fail": 0, "ok_bytes": 0}
    assert await world.value("SELECT count(*) FROM unit") == 2


async def test_pages_after_a_first_one_need_no_look_at_their_range(
    world: World, ledger: PostgresLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What our own latest page has left is known; whatever differs is found out, and looked at as before."""
    looks = 0
    in_transaction = world.pool.in_transaction

    async def looked(work: Any) -> Any:
        nonlocal looks
        looks += 1
        return await in_transaction(work)

    monkeypatch.setattr(world.pool, "in_transaction", looked)
    task = await world.planned()
    claim = await world.range_claim(task)
    looks = 0
    for number in range(4):
        assert (await ledger.save_page(claim, page_of(number, [[number]]))).alive
    assert looks == 1
    for _ in range(2):
        assert (await ledger.save_page(claim, page_of(4, [[4]]))).alive
    assert looks == 2, "said again, since its answer was lost"
    assert await ledger.split_range(claim, key(7))
    with pytest.raises(JournalError):
        await ledger.save_page(claim, page_of(5, [[7]]))
    assert (await ledger.save_page(claim, page_of(5, [[5]]))).alive
    with pytest.raises(JournalError):
        await ledger.save_page(claim, page_of(6, [[8]]))
    await world.expire("key_range")
    other = await world.range_claim(task)
    assert not (await ledger.save_page(claim, page_of(6, [[6]]))).alive
    assert (await ledger.save_page(other, page_of(6, [[6]], last=True))).alive
    row = await world.pool.fetch_one(
        "SELECT state, cursor, page_no, listed, digest FROM key_range WHERE lo = ''"
    )
    assert row == {
        "state": "done", "cursor": key(6), "page_no": 7, "listed": 7, "digest": digest_of(range(7)),
    }  # fmt: skip
    assert await world.value("SELECT count(*) FROM unit") == 7


async def test_an_old_fence_saves_no_page_and_splits_nothing(world: World, ledger: PostgresLedger) -> None:
    task = await world.planned()
    old = await world.range_claim(task)
    await world.expire("key_range")
    new = await world.range_claim(task)
    for fence in (old.fence, replace(new.fence, claim_id=uuid4()), replace(new.fence, epoch=0)):
        stale = replace(new, fence=fence)
        assert not (await ledger.save_page(stale, page_of(0, [[0]]))).alive
        assert not await ledger.split_range(stale, b"m")
    assert (await world.counters(task))["listed"] == 0
    assert (await ledger.save_page(new, page_of(0, [[0]]))).alive


async def test_a_page_that_is_not_next_or_does_not_add_up_is_refused(
    world: World, ledger: PostgresLedger
) -> None:
    claim = await world.range_claim(await world.planned())
    with pytest.raises(JournalError):
        await ledger.save_page(claim, page_of(1, [[0]]))
    with pytest.raises(JournalError):
        await ledger.save_page(claim, replace(page_of(0, [[0]]), listed=2))
    assert await world.value("SELECT count(*) FROM unit") == 0


async def test_a_page_beyond_the_end_of_its_range_is_refused(world: World, ledger: PostgresLedger) -> None:
    claim = await world.range_claim(await world.planned())
    assert await ledger.split_range(claim, key(5))
    with pytest.raises(JournalError):
        await ledger.save_page(claim, page_of(0, [[4, 5]]))


async def test_an_empty_last_page_does_not_move_the_cursor_back(world: World, ledger: PostgresLedger) -> None:
    claim = await world.range_claim(await world.planned())
    await ledger.save_page(claim, page_of(0, [[0]]))
    assert (await ledger.save_page(claim, page_of(1, [], last=True))).alive
    assert await world.value("SELECT cursor FROM key_range") == key(0)


async def test_a_split_hands_on_the_upper_part_and_is_repeatable(
    world: World, ledger: PostgresLedger
) -> None:
    task = await world.planned()
    claim = await world.range_claim(task)
    await ledger.save_page(claim, page_of(0, [[0]]))
    assert not await ledger.split_range(claim, key(0))
    assert await ledger.split_range(claim, b"m")
    assert await ledger.split_range(claim, b"m")
    assert not await ledger.split_range(claim, b"z")
    other = await world.range_claim(task, "other")
    assert (other.lo, other.hi, other.cursor, other.exact) == (b"m", None, b"", False)
    assert await world.value("SELECT hi FROM key_range WHERE lo = ''") == b"m"
    assert await ledger.split_range(other, b"t")
    assert await world.value("SELECT count(*) FROM key_range") == 3


async def test_overlapping_ranges_are_impossible(world: World) -> None:
    task = await world.planned()
    with pytest.raises(psycopg.errors.ExclusionViolation):
        await world.pool.execute(
            "INSERT INTO key_range (task_id, run_no, lo, hi, prefix, exact) VALUES (%s, 1, 'a', 'b', '', false)",
            [task],
        )


async def test_neighbouring_tasks_and_runs_do_not_overlap(world: World) -> None:
    first = await world.planned()
    await world.planned()
    await world.pool.execute("INSERT INTO run (task_id, run_no) VALUES (%s, 2)", [first])
    await world.pool.execute(
        "INSERT INTO key_range (task_id, run_no, lo, hi, prefix, exact) VALUES (%s, 2, '', NULL, '', false)",
        [first],
    )
    assert await world.value("SELECT count(*) FROM key_range") == 3


async def test_a_plan_is_saved_once_under_its_fence(world: World, ledger: PostgresLedger) -> None:
    task = await world.task()
    claim = await ledger.claim_prepare(task, "w")
    assert claim is not None
    scopes = (Scope(b"a/", b"a0", b"a/", exact=False), Scope(b"b", b"b\0", b"b", exact=True))
    assert not await ledger.save_plan(replace(claim, fence=replace(claim.fence, claim_id=uuid4())), scopes)
    assert await ledger.save_plan(claim, scopes)
    assert await ledger.save_plan(claim, scopes)
    assert await world.value("SELECT count(*) FROM scope") == 2
    assert await world.value("SELECT count(*) FROM counter") == 16
    assert await ledger.renew([claim.fence]) == frozenset()
    assert await ledger.claim_prepare(task, "w") is None
    ranges = [await world.range_claim(task), await world.range_claim(task)]
    assert [(one.lo, one.hi, one.prefix, one.exact) for one in ranges] == [
        (b"a/", b"a0", b"a/", False),
        (b"b", b"b\0", b"b", True),
    ]


async def test_overlapping_scopes_are_refused_and_leave_the_run_unplanned(
    world: World, ledger: PostgresLedger
) -> None:
    task = await world.task()
    claim = await ledger.claim_prepare(task, "w")
    assert claim is not None
    with pytest.raises(psycopg.errors.ExclusionViolation):
        await ledger.save_plan(claim, (WHOLE, Scope(b"a", b"b", b"a", exact=False)))
    assert await world.value("SELECT phase FROM run") == "prepare"


async def test_many_listers_splitting_and_saving_at_once_cover_everything(
    world: World, ledger: PostgresLedger
) -> None:
    task = await world.planned()
    total = 240

    async def listing(worker: str) -> None:
        while claim := await ledger.claim_range(task, worker):
            await scan(claim.fence.row, claim.page_no, int(claim.lo[1:] or b"0"), claim)

    async def scan(row: int, page_no: int, start: int, claim: object) -> None:
        hi = await world.value("SELECT hi FROM key_range WHERE id = %s", row)
        end = int(hi[1:]) if hi else total
        while start < end:
            if end - start > 40 and await ledger.split_range(claim, key(start + 20)):  # type: ignore[arg-type]
                end = start + 20
            stop = min(start + 7, end)
            page = page_of(page_no, [range(start, stop)], last=stop == end)
            assert (await ledger.save_page(claim, page)).alive  # type: ignore[arg-type]
            start, page_no = stop, page_no + 1

    await asyncio.gather(*(listing(f"w{number}") for number in range(6)))
    assert (await world.counters(task))["listed"] == total
    rows = await world.pool.fetch_all("SELECT digest FROM key_range")
    whole = Digest()
    for row in rows:
        whole.merge(Digest.from_bytes(row["digest"]))
    assert whole.to_bytes() == digest_of(range(total))
    assert len(rows) > 3
