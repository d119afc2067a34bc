"""Lists have fixed names and contents, hold whole segments, and replace what they list."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

import pytest

from engine import outcomes
from ledger.pool import Connection
from ledger.postgres import PostgresLedger
from ledger.values import ListHeld, TaskId
from tests.ledger.world import World, segment_of

INSERT = """
INSERT INTO segment (task_id, run_no, kind, range_id, page_no, n, bytes, digest, payload)
SELECT %(task)s, 1, %(kind)s, 1, page, %(n)s, 10, %(digest)s, %(payload)s FROM generate_series(1, %(times)s) AS page"""


async def fill(world: World, task: TaskId, kind: str, counts: Sequence[tuple[int, int]]) -> None:
    """Segments that say they hold `n` outcomes, `times` over."""
    segment = segment_of(kind, [1])
    for n, times in counts:
        names = {"task": task, "kind": kind, "n": n, "times": times}
        await world.pool.execute(INSERT, {**names, "digest": segment.digest, "payload": segment.payload})
    await world.pool.execute("UPDATE counter SET skip = 100000 WHERE shard = 0")


async def test_a_list_of_skips_is_offered_only_when_a_file_is_full(
    world: World, ledger: PostgresLedger
) -> None:
    task = await world.planned()
    await world.pool.execute("UPDATE key_range SET state = 'done'")
    await fill(world, task, "skip", [(999, 100)])
    await world.pool.execute("UPDATE counter SET skip = 99900 WHERE shard = 0")
    assert not (await ledger.open_work())[0].record
    assert await ledger.claim_record(task, "w", 5, finish=None) is None
    await world.pool.execute("UPDATE segment SET n = 1001")
    await world.pool.execute("UPDATE counter SET skip = 100100 WHERE shard = 0")
    assert (await ledger.open_work())[0].record
    claim = await ledger.claim_record(task, "w", 5, finish=None)
    assert claim is not None
    assert claim.lines == 99 * 1001
    assert claim.object_key == f"oms/task/t{task}/skip_object_lists/5.skip_list.txt"
    assert not (await ledger.open_work())[0].record
    assert await ledger.claim_record(task, "w", 5, finish=None) is None


@pytest.mark.parametrize(("skipped", "offered"), [(1_599_999, False), (1_600_000, True)])
async def test_while_ranges_are_open_lists_of_skips_wait_until_they_are_sixteen(
    world: World, ledger: PostgresLedger, skipped: int, offered: bool
) -> None:
    await fill(world, await world.planned(), "skip", [(1000, 1)])
    await world.pool.execute("UPDATE counter SET skip = %s WHERE shard = 0", [skipped])
    assert [work.record for work in await ledger.open_work()] == [offered]


async def test_names_of_the_same_instant_differ(world: World, ledger: PostgresLedger) -> None:
    task = await world.planned()
    await fill(world, task, "skip", [(50_000, 4)])
    first = await ledger.claim_record(task, "w", 5, finish=None)
    second = await ledger.claim_record(task, "w", 5, finish=None)
    third = await ledger.claim_record(task, "w", 5, finish=None)
    assert first is not None
    assert second is not None
    assert (first.opened_ms, second.opened_ms, third) == (5, 6, None)


async def test_planners_at_once_share_nothing(world: World, ledger: PostgresLedger) -> None:
    task = await world.planned()
    await fill(world, task, "skip", [(10_000, 60)])
    claims = await asyncio.gather(
        *(ledger.claim_record(task, f"w{number}", 5, finish=None) for number in range(9))
    )
    assert sorted(claim.lines for claim in claims if claim) == [100_000] * 6
    assert len({claim.object_key for claim in claims if claim}) == 6
    assert await world.value("SELECT count(*) FROM segment WHERE record_id IS NULL") == 0


async def test_a_list_whose_writer_died_is_written_again_under_the_same_name(
    world: World, ledger: PostgresLedger
) -> None:
    task = await world.planned()
    await fill(world, task, "skip", [(100_000, 1)])
    old = await ledger.claim_record(task, "w", 5, finish=None)
    assert old is not None
    await world.expire("record")
    assert (await ledger.open_work())[0].record
    new = await ledger.claim_record(task, "v", 99, finish=None)
    assert new is not None
    assert (new.object_key, new.opened_ms, new.lines) == (old.object_key, 5, 100_000)
    assert not await ledger.record_written(old, b"1" * 32)
    assert not await ledger.record_failed(old, "S3M.0311")
    assert await world.value("SELECT count(*) FROM segment") == 1
    assert await ledger.renew([old.fence, new.fence]) == {new.fence}


async def test_a_written_list_replaces_its_segments(world: World, ledger: PostgresLedger) -> None:
    task = await world.planned()
    await fill(world, task, "skip", [(50_000, 2)])
    claim = await ledger.claim_record(task, "w", 5, finish=None)
    assert claim is not None
    payloads = [payload async for payload in ledger.record_payloads(claim)]
    assert [len(outcomes.decode(payload)) for payload in payloads] == [1, 1]
    assert await ledger.record_written(claim, b"1" * 32)
    assert await ledger.record_written(claim, b"1" * 32)
    assert not await ledger.record_written(
        replace(claim, fence=replace(claim.fence, claim_id=uuid4())), b"1" * 32
    )
    assert await world.value("SELECT count(*) FROM segment") == 0
    row = await world.pool.fetch_one("SELECT state, lines, bytes, sha256 FROM record")
    assert row == {"state": "written", "lines": 100_000, "bytes": 20, "sha256": b"1" * 32}


async def test_more_payloads_than_one_read_come_once_each_in_order(
    world: World, ledger: PostgresLedger
) -> None:
    task = await world.planned()
    await fill(world, task, "skip", [(1000, 100)])
    claim = await ledger.claim_record(task, "w", 5, finish=None)
    assert claim is not None
    assert len([payload async for payload in ledger.record_payloads(claim)]) == 100


async def test_a_list_that_cannot_be_written_keeps_its_segments_and_shows_why(
    world: World, ledger: PostgresLedger
) -> None:
    task = await world.planned()
    await fill(world, task, "skip", [(100_000, 1)])
    claim = await ledger.claim_record(task, "w", 5, finish=None)
    assert claim is not None
    assert await ledger.record_failed(claim, "S3M.0311")
    assert await ledger.record_failed(claim, "S3M.0311")
    assert await world.value("SELECT count(*) FROM segment") == 1
    assert await world.value("SELECT skip_record_error FROM run") == "S3M.0311"
    assert await ledger.claim_record(task, "w", 6, finish=None) is None


@pytest.mark.parametrize("final", [False, True])
async def test_successes_and_failures_are_listed_at_the_end_only_and_by_the_finisher(
    world: World, ledger: PostgresLedger, *, final: bool
) -> None:
    task = await world.listed([])
    await fill(world, task, "ok", [(100_000, 1)])
    await fill(world, task, "fail", [(7, 1)])
    await fill(world, task, "skip", [(3, 1)])
    assert await ledger.claim_record(task, "f", 5, finish=None) is None
    finish = await ledger.claim_finish(task, "f")
    assert finish is not None
    assert await ledger.claim_record(task, "other", 5, finish=None) is None
    kinds = []
    while claim := await ledger.claim_record(task, "f", 5, finish=finish if final else None):
        kinds.append((claim.kind, claim.lines))
        assert await ledger.record_written(claim, b"1" * 32)
    assert kinds == ([("skip", 3), ("ok", 100_000), ("fail", 7)] if final else [])
    assert await world.value("SELECT string_agg(kind, ',' ORDER BY kind) FROM segment") == (
        "fail" if final else "fail,ok,skip"
    )


async def test_a_finish_that_is_void_gets_no_list_though_its_worker_has_claimed_it_anew(
    world: World, ledger: PostgresLedger
) -> None:
    task = await world.listed([])
    await fill(world, task, "skip", [(3, 1)])
    void = await ledger.claim_finish(task, "f")
    assert void is not None
    await world.pool.execute("UPDATE run SET lease_until = 'epoch'")
    finish = await ledger.claim_finish(task, "f")
    assert finish is not None
    assert await ledger.claim_record(task, "f", 5, finish=void) is None
    assert await ledger.claim_record(task, "f", 5, finish=finish) is not None


async def test_nobody_finishes_while_a_list_is_being_written(world: World, ledger: PostgresLedger) -> None:
    task = await world.listed([])
    await fill(world, task, "skip", [(100_000, 1)])
    claim = await ledger.claim_record(task, "w", 5, finish=None)
    assert claim is not None
    assert not (await ledger.open_work())[0].finish
    assert await ledger.claim_finish(task, "f") is None
    assert await ledger.record_written(claim, b"1" * 32)
    assert await ledger.claim_finish(task, "f") is not None


async def test_a_finisher_does_not_take_a_list_that_a_frozen_writer_has_locked_for_nothing(
    world: World, ledger: PostgresLedger
) -> None:
    task = await world.listed([])
    await fill(world, task, "skip", [(100_000, 1)])
    assert await ledger.claim_record(task, "w", 5, finish=None) is not None
    await world.pool.execute("UPDATE record SET lease_until = 'epoch'")
    finish = await ledger.claim_finish(task, "f")
    assert finish is not None

    async def frozen(connection: Connection) -> None:
        await connection.execute("SELECT FROM record FOR UPDATE")
        with pytest.raises(ListHeld):
            await ledger.claim_record(task, "f", 5, finish=finish)

    await world.pool.in_transaction(frozen)
    assert await ledger.claim_record(task, "f", 5, finish=finish) is not None
