"""A run ends once, and only when a recount says so."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb

from engine import outcomes
from engine.outcomes import OutcomeKind
from engine.spec import to_json
from ledger.postgres import PostgresLedger
from ledger.values import RunClaim, TaskId, Verification
from tests.ledger.world import SPEC, World, numbers_of, segment_of


async def copied(
    world: World, units: list[range], kind: str = "ok", skips: list[int] | None = None
) -> TaskId:
    """A task whose units all ended the same way."""
    task = await world.listed(units, skips=skips or [])
    while claim := await world.ledger.claim_unit(task, "w", large=False):
        await world.finish_unit(claim, kind)
    return task


async def finisher(world: World, task: TaskId, *, lists: bool = True) -> RunClaim:
    """The claim of the finish, all lists written."""
    claim = await world.ledger.claim_finish(task, "f")
    assert claim is not None
    while lists and (record := await world.ledger.claim_record(task, "f", 1000, finish=claim)):
        assert await world.ledger.record_written(record, b"s" * 32)
    return claim


async def status(world: World, task: TaskId) -> tuple[int, str | None]:
    """Status and error code of a task."""
    row = await world.pool.fetch_one("SELECT status, error_code FROM task WHERE id = %s", [task])
    assert row is not None
    return row["status"], row["error_code"]


async def test_a_complete_run_ends_with_everything_that_follows(world: World, ledger: PostgresLedger) -> None:
    task = await copied(world, [range(3), range(3, 5)], skips=[5, 6])
    await world.pool.execute("INSERT INTO credential VALUES (%s, 'source', 'x', 1)", [task])
    await world.pool.execute("UPDATE task SET running_since = clock_timestamp() - interval '5 s'")
    claim = await finisher(world, task)
    assert (await ledger.verify_run(claim)).problems == ()
    found = await ledger.end_run(claim)
    assert found is not None
    assert found.problems == ()
    assert (found.listed, found.ranges_listed, found.counted.ok, found.counted.skip) == (7, 7, 5, 2)
    assert await status(world, task) == (5, None)
    assert await world.value("SELECT count(*) FROM credential") == 0
    assert await world.value("SELECT dedupe_key FROM outbox") == f"task:{task}:run:1:ended"
    assert await world.value("SELECT action FROM audit") == "task.ended"
    assert await world.value("SELECT phase FROM run") == "ended"
    assert 5000 <= await world.value("SELECT running_ms FROM task") < 60_000
    assert await ledger.claim_finish(task, "f") is None


async def test_ending_twice_tells_once(world: World, ledger: PostgresLedger) -> None:
    task = await copied(world, [range(3)])
    claim = await finisher(world, task)
    first, second = await ledger.end_run(claim), await ledger.end_run(claim)
    assert first == second
    assert await world.value("SELECT count(*) FROM outbox") == 1
    assert await world.value("SELECT count(*) FROM audit") == 1


async def test_two_finishers_end_a_run_once(world: World, ledger: PostgresLedger) -> None:
    task = await copied(world, [range(3)])
    old = await finisher(world, task)
    await world.expire("run")
    new = await finisher(world, task)
    answers = await asyncio.gather(ledger.end_run(old), ledger.end_run(new), ledger.end_run(new))
    assert answers[0] is None
    assert answers[1] == answers[2]
    assert await world.value("SELECT count(*) FROM outbox") == 1


@pytest.mark.parametrize("failure", [None, ("TRF.0051", "no right to write")])
async def test_failed_objects_fail_the_task(
    world: World, ledger: PostgresLedger, failure: tuple[str, str] | None
) -> None:
    task = await copied(world, [range(3)], "fail")
    found = await ledger.end_run(await finisher(world, task), failure)
    assert found is not None
    assert found.counted.fail == 3
    assert await status(world, task) == (4, failure[0] if failure else "TRF.0004")
    assert await world.value("SELECT error_message FROM task")
    assert await world.value("SELECT count(*) FROM segment WHERE kind = 'fail'") == 1


async def test_the_shared_reason_gives_way_when_something_succeeded(
    world: World, ledger: PostgresLedger
) -> None:
    task = await world.listed([range(2), range(2, 4)])
    await world.finish_unit(await world.unit_claim(task), "ok")
    await world.finish_unit(await world.unit_claim(task), "fail")
    await ledger.end_run(await finisher(world, task), ("TRF.0051", "no right to write"))
    assert await status(world, task) == (4, "TRF.0004")


async def test_nothing_found_fails_the_task(world: World, ledger: PostgresLedger) -> None:
    task = await copied(world, [])
    await ledger.end_run(await finisher(world, task))
    assert await status(world, task) == (4, "TRF.0012")


async def test_a_pause_that_comes_too_late_loses(world: World, ledger: PostgresLedger) -> None:
    task = await copied(world, [range(3)])
    claim = await ledger.claim_finish(task, "f")
    assert claim is not None
    await world.pool.execute("UPDATE task SET status = 7, desired = 'pause'")
    record = await ledger.claim_record(task, "f", 1, finish=claim)
    assert record is not None
    assert await ledger.record_written(record, b"s" * 32)
    await ledger.end_run(claim)
    assert await status(world, task) == (5, None)


@pytest.mark.parametrize("written", [True, False], ids=["lists written", "lists unwritten"])
async def test_a_fatal_error_wins_over_the_end(world: World, ledger: PostgresLedger, written: bool) -> None:
    task = await copied(world, [range(3)])
    claim = await (finisher(world, task) if written else ledger.claim_finish(task, "f"))
    assert claim is not None
    await ledger.halt(claim.fence, "TRF.0001", "x")
    assert await ledger.claim_record(task, "f", 1, finish=claim) is None
    assert await ledger.end_run(claim) is None
    assert (await status(world, task))[0] == 2


DAMAGE = {
    "a counter that is one off": "UPDATE counter SET ok = ok + 1 WHERE shard = 3",
    "bytes that are one off": "UPDATE counter SET ok_bytes = ok_bytes - 1 WHERE shard = 3",
    "a listed object without outcome": "UPDATE counter SET listed = listed + 1 WHERE shard = 0",
    "an object that was listed and never decided": (
        "WITH c AS (UPDATE counter SET listed = listed + 1 WHERE shard = 0)"
        " UPDATE key_range SET listed = listed + 1"
    ),
    "a range that counted otherwise": "UPDATE key_range SET listed = listed + 1",
    "a gap": "UPDATE key_range SET lo = 'a'",
    "a gap at the end": "UPDATE key_range SET hi = 'z'",
    "a range that is not done": "UPDATE key_range SET state = 'ready'",
    "a unit that is not done": "UPDATE unit SET state = 'ready'",
    "another digest": "UPDATE key_range SET digest = decode(repeat('01', 32), 'hex')",
    "a segment whose count was changed": "UPDATE segment SET n = n - 1 WHERE kind = 'fail'",
    "a segment whose digest was changed": (
        "UPDATE segment SET digest = decode(repeat('01', 32), 'hex') WHERE kind = 'fail'"
    ),
    "a segment of another kind": "UPDATE segment SET kind = 'ok' WHERE kind = 'fail'",
    "a segment that cannot be read": "UPDATE segment SET payload = 'rubbish' WHERE kind = 'fail'",
    "a segment that is gone": "DELETE FROM segment WHERE kind = 'fail'",
    "a list with other lines": "UPDATE record SET lines = lines + 1 WHERE kind = 'skip'",
    "a list that is not written": "UPDATE record SET state = 'planned' WHERE kind = 'skip'",
    "an upload that is open": (
        "INSERT INTO upload (task_id, run_no, unit_id, idx, destination, dst_key, src_etag, src_size, part_size, state)"
        " SELECT id, 1, 1, 0, '{}', 'k', 'e', 1, 1, 'open' FROM task"
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
async def test_a_run_does_not_end_with(world: World, ledger: PostgresLedger, damage: str) -> None:
    task = await copied(world, [range(3), range(3, 5)], "fail", skips=[5, 6])
    claim = await finisher(world, task)
    await world.pool.execute(DAMAGE[damage])
    assert (await ledger.verify_run(claim)).problems
    found = await ledger.end_run(claim)
    assert found is not None
    assert found.problems
    assert (await status(world, task))[0] == 2
    assert await world.value("SELECT count(*) FROM outbox") == 0


async def test_a_tampered_payload_of_the_same_shape_is_found(world: World, ledger: PostgresLedger) -> None:
    task = await copied(world, [range(3)], "fail")
    claim = await finisher(world, task)
    forged = segment_of("fail", [0, 1, 9])
    assert len(outcomes.decode(forged.payload)) == 3
    await world.pool.execute("UPDATE segment SET payload = %s", [forged.payload])
    found = await ledger.end_run(claim)
    assert found is not None
    assert any("columns" in problem for problem in found.problems)


async def test_gaps_are_named(world: World, ledger: PostgresLedger) -> None:
    task = await copied(world, [range(3)])
    claim = await finisher(world, task)
    await world.pool.execute("UPDATE key_range SET lo = 'b', hi = 'y'")
    assert (await ledger.verify_run(claim)).gaps == ("[b'', b'b')", "[b'y', …)")


async def test_outcomes_outside_lists_keep_a_run_open(world: World, ledger: PostgresLedger) -> None:
    task = await copied(world, [range(3)])
    found = await ledger.end_run(await finisher(world, task, lists=False))
    assert found is not None
    assert found.problems == ("1 segments in no list",)


async def test_failures_need_no_list_when_lists_of_them_are_off(world: World, ledger: PostgresLedger) -> None:
    task = await copied(world, [range(3)], "fail")
    await world.pool.execute(
        "UPDATE task SET spec = %s", [Jsonb(to_json(replace(SPEC, record_failures=False)))]
    )
    claim = await finisher(world, task)
    assert await world.value("SELECT count(*) FROM record") == 0
    await ledger.end_run(claim)
    assert await status(world, task) == (4, "TRF.0004")


async def test_a_lost_lease_verifies_and_ends_nothing(world: World, ledger: PostgresLedger) -> None:
    task = await copied(world, [range(3)])
    claim = await finisher(world, task)
    stale = RunClaim(replace(claim.fence, claim_id=uuid4()))
    assert await ledger.end_run(stale) is None
    assert isinstance(await ledger.verify_run(stale), Verification)
    assert (await ledger.verify_run(stale)).problems == ("the lease is lost",)


async def test_only_the_failures_are_done_again_and_move_to_the_successes(
    world: World, ledger: PostgresLedger
) -> None:
    task = await world.listed([range(3), range(3, 5)], skips=[5])
    await world.finish_unit(await world.unit_claim(task), "ok")
    await world.finish_unit(await world.unit_claim(task), "fail")
    await ledger.end_run(await finisher(world, task))
    await world.pool.execute("INSERT INTO run (task_id, run_no, failed_only) VALUES (%s, 2, true)", [task])
    await world.pool.execute("UPDATE task SET run_no = 2, status = 2, error_code = NULL")
    plan = await ledger.claim_prepare(task, "w")
    assert plan is not None
    assert await ledger.save_retry_plan(plan)
    assert await ledger.save_retry_plan(plan)
    claim = await world.unit_claim(task)
    assert numbers_of(claim) == [3, 4]
    await world.finish_unit(claim, "ok")
    assert await ledger.claim_unit(task, "w", large=False) is None
    found = await ledger.end_run(await finisher(world, task))
    assert found is not None
    assert found.problems == ()
    assert await status(world, task) == (5, None)
    run = await world.pool.fetch_one("SELECT base_listed, base_ok, base_skip FROM run WHERE run_no = 2")
    assert run == {"base_listed": 4, "base_ok": 3, "base_skip": 1}
    assert (await world.counters(task, 2))["ok"] == 2
    assert await world.value("SELECT count(*) FROM outbox") == 2


async def test_the_failures_of_a_run_can_be_read(world: World, ledger: PostgresLedger) -> None:
    task = await copied(world, [range(2), range(2, 4)], "fail", skips=[4])
    claim = await finisher(world, task)
    found = [outcome async for part in ledger.failed_payloads(claim) for outcome in outcomes.decode(part)]
    assert {outcome.kind for outcome in found} == {OutcomeKind.FAIL}
    assert len(found) == 4
