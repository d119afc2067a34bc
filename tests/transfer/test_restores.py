"""Archived objects are asked back, looked for without holding anything, and copied as soon as they can be read."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from engine.spec import ListFile, SourceNode, TaskType
from ledger.dispatch import promote, settle
from ledger.values import TaskId
from tests.storeserver.control import find
from tests.transfer.world import SPEC, World
from workers.transfer.limits import Limits

RESTORE = replace(SPEC, enable_restore=True)
LARGE = hashlib.shake_128(b"large").digest(40 << 20)
POLL = 0.3


@pytest.fixture(autouse=True)
def _often(world: World) -> None:
    world.limits = Limits(restore_poll=POLL)
    world.source.settings(restore_seconds=1.0)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await condition():  # noqa: ASYNC110  the ledger has no event to wait for
            await asyncio.sleep(0.02)


async def resting(world: World, task_id: TaskId) -> bool:
    """Whether all that is left of a task waits, with nobody holding any of it."""
    row = await world.pool.fetch_one(
        "SELECT count(*) FILTER (WHERE state = 'ready' AND not_before > clock_timestamp()) AS waiting,"
        " count(*) FILTER (WHERE state <> 'done') AS open FROM unit WHERE task_id = %s AND restoring_since IS NOT NULL",
        [task_id],
    )
    return row is not None and row["open"] > 0 and row["waiting"] == row["open"]


@pytest.mark.check(42)
async def test_archived_objects_are_asked_back_once_and_copied(world: World) -> None:
    world.source.put("from", b"cold", b"was cold", storage_class="GLACIER")
    world.source.put("from", b"deep", LARGE, storage_class="DEEP_ARCHIVE")
    world.source.put("from", b"warm", b"warm")
    ended = await world.migrate(RESTORE)
    assert (ended.status, ended.tally()) == (5, (3, 3, 0, 0)), ended.outcomes
    assert world.source.counters().requests("restore") == 2
    assert world.destination.get("into", b"cold") == b"was cold"
    assert world.destination.get("into", b"deep") == LARGE


async def test_what_can_be_read_is_not_asked_back(world: World) -> None:
    world.source.put("from", b"cold", b"x", storage_class="GLACIER")
    world.source.restore("from", b"cold")
    assert (await world.migrate(RESTORE)).status == 5
    assert world.source.counters().requests("restore") == 0


async def test_a_waiting_task_holds_nothing_and_no_slot(world: World) -> None:
    world.source.settings(restore_seconds=600.0)
    world.source.put("from", b"a/cold", b"x", storage_class="GLACIER")
    world.source.put("from", b"b/warm", b"x")
    cold = await world.task(replace(RESTORE, source=replace(SPEC.source, object_keys=("a/",))))
    running = asyncio.create_task(world.run(seconds=30))
    await until(lambda: resting(world, cold))
    assert world.data_keys() == []

    warm = await world.task(replace(RESTORE, source=replace(SPEC.source, object_keys=("b/",))))
    await world.pool.execute("UPDATE task SET status = 1 WHERE id = %s", [warm])
    await until(lambda: _promoted(world, warm))
    await until(lambda: _is(world, warm, 5))
    assert world.data_keys() == [b"b/warm"]
    assert world.source.counters().requests("head") < 60, "it is looked for at the pace of the limit"

    world.source.restore("from", b"a/cold")
    await running
    assert (await world.ended(cold)).status == 5


async def _promoted(world: World, task_id: TaskId) -> bool:
    """With one slot, which the waiting task does not take."""
    return task_id in {one.task_id for one in await promote(world.pool, 1)}


async def _is(world: World, task_id: TaskId, status: int) -> bool:
    return (await world.ended(task_id)).status == status


async def test_a_restore_that_runs_is_waited_for_by_whoever_comes_next(world: World) -> None:
    world.source.settings(restore_seconds=2.0)
    world.source.put("from", b"cold", b"x", storage_class="GLACIER")
    task_id = await world.task(RESTORE)
    running = asyncio.create_task(world.run())
    await until(lambda: resting(world, task_id))
    await world.pool.execute("UPDATE task SET desired = 'pause', status = 7, version = version + 1")
    await until(lambda: _is(world, task_id, 3))
    await running
    # An owner that died right after its request has noted nothing.
    await world.pool.execute("UPDATE unit SET restoring_since = NULL, restoring_asks = 0")
    await world.pool.execute(
        "UPDATE task SET status = 2, version = version + 1, starts = starts + 1, running_since = now()"
    )
    await world.run()
    ended = await world.ended(task_id)
    assert (ended.status, ended.tally()) == (5, (1, 1, 0, 0)), ended.outcomes
    assert await settle(world.pool) == []


async def test_what_expires_before_it_is_read_is_asked_back_again(world: World) -> None:
    world.source.settings(restore_seconds=600.0)
    world.source.put("from", b"cold", b"x", storage_class="GLACIER")
    task_id = await world.task(RESTORE)
    running = asyncio.create_task(world.run())
    await until(lambda: resting(world, task_id))
    world.source.settings(restore_seconds=0.5)
    find(world.source.service, "from", b"cold").restore_until = 1.0
    await running
    ended = await world.ended(task_id)
    assert (ended.status, ended.tally()) == (5, (1, 1, 0, 0)), ended.outcomes
    assert world.source.counters().requests("restore") == 2


async def test_where_expedited_is_not_to_be_had_the_next_tier_is_asked_for(world: World) -> None:
    world.source.put("from", b"cold", b"x", storage_class="GLACIER")
    world.source.faults.add(op="restore", times=1, status=503, code="GlacierExpeditedRetrievalNotAvailable")
    assert (await world.migrate(RESTORE)).status == 5
    assert world.source.counters().requests("restore") == 2


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"op": "restore", "status": 403, "code": "AccessDenied"}, "TRF.0201"),
        ({"op": "restore", "status": 400, "code": "InvalidArgument"}, "TRF.0201"),
        ({"op": "restore", "status": 501, "code": "NotImplemented"}, "TRF.0201"),
    ],
    ids=str,
)
async def test_a_restore_that_is_refused_fails_the_object(
    world: World, fault: dict[str, object], code: str
) -> None:
    world.source.put("from", b"cold", b"x", storage_class="GLACIER")
    world.source.faults.add(**fault)
    ended = await world.migrate(RESTORE)
    assert (ended.status, ended.code, ended.tally()) == (4, code, (1, 0, 0, 1)), ended.row
    (line,) = world.records("failed")
    assert line.split(b"\t")[4].startswith(code.encode())


async def test_a_restore_that_never_ends_is_given_up(world: World) -> None:
    world.source.settings(restore_seconds=600.0)
    world.source.put("from", b"cold", b"x", storage_class="GLACIER")
    task_id = await world.task(RESTORE)
    running = asyncio.create_task(world.run())
    await until(lambda: resting(world, task_id))
    await world.pool.execute(
        "UPDATE unit SET restoring_since = now() - interval '8 days', not_before = 'epoch'"
    )
    await running
    ended = await world.ended(task_id)
    assert (ended.status, ended.code, ended.tally()) == (4, "TRF.0202", (1, 0, 0, 1)), ended.row


async def test_an_archive_that_stays_shut_whatever_is_asked_is_given_up(world: World) -> None:
    world.limits = replace(world.limits, restore_poll=0.01)
    world.source.settings(restore_seconds=0.0)
    world.source.put("from", b"cold", b"x", storage_class="GLACIER")
    world.source.faults.add(op="get", status=403, code="InvalidObjectState")
    ended = await world.migrate(RESTORE)
    assert (ended.status, ended.code, ended.tally()) == (4, "TRF.0160", (1, 0, 0, 1)), ended.row
    assert world.source.counters().requests("restore") == 20


@pytest.mark.check(42)
async def test_without_restore_an_archive_fails_and_says_so(world: World) -> None:
    world.source.put("from", b"cold", b"x", storage_class="GLACIER")
    ended = await world.migrate()
    assert (ended.status, ended.code, ended.tally()) == (4, "TRF.0160", (1, 0, 0, 1)), ended.row
    assert world.source.counters().requests("restore") == 0


async def test_objects_of_a_list_are_asked_back_too(world: World) -> None:
    world.source.put("from", b"cold", b"x", storage_class="GLACIER")
    world.destination.create_bucket("lists")
    world.destination.put("lists", b"l.txt", b"cold\n", headers={"content-type": "text/plain"})
    source = SourceNode(SPEC.source.cloud_type, "us-east-1", "from", list_file=ListFile("lists", "l.txt"))
    ended = await world.migrate(replace(RESTORE, task_type=TaskType.LIST, source=source))
    assert (ended.status, ended.tally()) == (5, (1, 1, 0, 0)), (ended.row, ended.outcomes)
