"""From events to copies, lists and figures: the real ledger and workers, two real stores, no HTTP edge."""

import asyncio
import uuid
from collections.abc import Sequence
from datetime import UTC
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from connectors.errors import Fatal
from engine.failures import Meaning, Operation
from engine.spec import CloudType, DestinationNode, SourceNode, TaskSpec, TaskType, to_json
from ledger import dispatch
from ledger.sync_batches import MOST_OPEN, gather_events
from ledger.sync_endings import bury
from ledger.values import TaskId
from tests.transfer.world import World

SPEC = TaskSpec(
    TaskType.OBJECT, SourceNode(CloudType.AWS, "us-east-1", "from"), DestinationNode("into", "cn-north-4")
)


async def created(world: World) -> str:
    """A synchronising task; its id."""
    sync_id = str(uuid.uuid4())
    await world.pool.execute(
        "INSERT INTO sync_task (id, project_id, spec) VALUES (%s, 'p1', %s)", [sync_id, Jsonb(to_json(SPEC))]
    )
    return sync_id


async def sent(world: World, sync_id: str, *keys: bytes) -> None:
    """One accepted call."""
    await world.pool.execute(
        "INSERT INTO sync_event (sync_id, keys, n, bytes) VALUES (%s, %s, %s, %s)",
        [sync_id, list(keys), len(keys), sum(map(len, keys))],
    )


async def figures(world: World, sync_id: str) -> dict[str, int]:
    """What is counted, and what waits in events and open batches."""
    row = await world.pool.fetch_one(
        """SELECT coalesce(sum(request), 0)::int AS request, coalesce(sum(success), 0)::int AS success,
                  coalesce(sum(failure), 0)::int AS failure, coalesce(sum(skip), 0)::int AS skip,
                  coalesce(sum(bytes), 0)::int AS bytes,
                  (SELECT coalesce(sum(n), 0)::int FROM sync_event WHERE sync_id = %(id)s) AS waiting,
                  (SELECT coalesce(sum(u.n - bit_count(u.done)), 0)::int FROM unit u JOIN task t ON t.id = u.task_id
                    WHERE t.sync_id = %(id)s) AS open
             FROM sync_statistic WHERE sync_id = %(id)s""",
        {"id": sync_id},
    )
    return dict(row or {})


def add_up(found: dict[str, int]) -> bool:
    """Accepted = success + failure + skip + pending; what still waits in events is not counted as a request yet."""
    return found["request"] == found["success"] + found["failure"] + found["skip"] + found["open"]


async def gathered(world: World) -> list[TaskId]:
    return [due.task_id for due in await gather_events(world.pool, UTC)]


async def rows(world: World, sql: str, *values: Any) -> Sequence[dict[str, Any]]:
    return await world.pool.fetch_all(sql, list(values))


async def test_a_batch_is_copied_counted_listed_and_gone(world: World) -> None:
    sync_id = await created(world)
    world.source.put("from", b"a/1", b"12345")
    world.source.put("from", b"b+2", b"1234567")
    world.source.put("from", b"there", b"same size")
    world.destination.put("into", b"there", b"same size")
    await sent(world, sync_id, b"a/1", b"b+2", b"a/1")
    await sent(world, sync_id, b"there", b"missing", b"x" * 1025)
    (batch,) = await gathered(world)
    (task,) = await rows(world, "SELECT name FROM task WHERE id = %s", batch)
    await world.run()
    found = await figures(world, sync_id)
    assert found == {
        "request": 6, "success": 2, "failure": 2, "skip": 2, "bytes": 12, "waiting": 0, "open": 0,
    }  # fmt: skip
    assert world.destination.get("into", b"b+2") == b"1234567"
    folder = f"oms/sync_task/{sync_id}/"
    keys = [key.decode() for key in world.destination.keys("into") if key.startswith(b"oms/")]
    kinds = sorted(key.removeprefix(folder).split("/")[:2] for key in keys)
    assert kinds == [[f"{kind}_object_lists", task["name"]] for kind in ("failed", "skip", "success")]
    assert {line.split(b"\t")[1] for line in world.records("success")} == {b"a/1", b"b%2B2"}
    failed = {line.split(b"\t")[2]: line.split(b"\t")[0] for line in world.records("failed")}
    assert set(failed) == {b"missing", b"x" * 1025}
    for table in ("task", "run", "unit", "segment", "record", "outbox", "audit"):
        assert await rows(world, f"SELECT 1 FROM {table}") == [], table


async def test_a_key_is_never_in_two_open_batches(world: World) -> None:
    sync_id = await created(world)
    world.source.put("from", b"hot", b"1")
    await sent(world, sync_id, b"hot")
    assert len(await gathered(world)) == 1
    for _ in range(3):
        await sent(world, sync_id, b"hot", b"hot")
        await sent(world, sync_id, b"hot")
    assert await gathered(world) == []
    found = await figures(world, sync_id)
    assert (found["request"], found["skip"], found["waiting"], found["open"]) == (9, 8, 1, 1)
    world.source.put("from", b"hot", b"newer")
    await world.run()
    assert len(await gathered(world)) == 1
    world.source.put("from", b"hot", b"the newest")
    await world.run()
    assert world.destination.get("into", b"hot") == b"the newest"
    found = await figures(world, sync_id)
    assert (found["request"], found["success"] + found["skip"], found["waiting"]) == (10, 10, 0)


@pytest.mark.parametrize("changes", [1, 2])
async def test_a_change_while_the_object_is_written_is_not_lost(world: World, changes: int) -> None:
    sync_id = await created(world)
    world.source.put("from", b"hot", b"body 0")
    slow = world.destination.faults.add(op="put", key="hot", delay_ms=1200, times=changes)
    await sent(world, sync_id, b"hot")
    await gathered(world)
    running = asyncio.create_task(world.run())
    for n in range(changes):
        while world.source.counters().requests("get", prefix="") <= n:  # noqa: ASYNC110 -- another process counts
            await asyncio.sleep(0.02)
        world.source.put("from", b"hot", b"body %d" % (n + 1))
    await running
    assert slow is not None
    assert world.destination.get("into", b"hot") == b"body %d" % changes
    found = await figures(world, sync_id)
    assert (found["success"], found["failure"], found["skip"]) == (1, 0, 0)


async def test_thousands_of_keys_come_in_batches_of_a_thousand_and_no_more_than_eight(world: World) -> None:
    sync_id = await created(world)
    for call in range(100):
        await sent(world, sync_id, *(b"%d-%d" % (call, n) for n in range(100)))
    assert len(await gathered(world)) == MOST_OPEN
    sizes = await rows(world, "SELECT n FROM unit")
    assert {row["n"] for row in sizes} == {1000}
    found = await figures(world, sync_id)
    assert (found["request"], found["waiting"]) == (8000, 2000)
    assert await gathered(world) == []


async def test_gatherers_at_once_take_every_event_once(world: World) -> None:
    sync_id = await created(world)
    for call in range(30):
        await sent(world, sync_id, *(b"%d-%d" % (call, n) for n in range(100)))
    made = await asyncio.gather(*(gathered(world) for _ in range(6)))
    assert sum(map(len, made)) == 3
    found = await figures(world, sync_id)
    assert (found["request"], found["open"], found["waiting"]) == (3000, 3000, 0)


async def test_a_destination_that_may_not_be_looked_at_still_gets_its_keys(world: World) -> None:
    sync_id = await created(world)
    world.source.put("from", b"k", b"1")
    world.destination.faults.add(key="oms/probe/*", status=403, code="InvalidAccessKeyId")
    await sent(world, sync_id, b"k")
    await gathered(world)
    await world.run()
    found = await figures(world, sync_id)
    assert (found["success"], found["failure"], found["open"]) == (1, 0, 0)
    assert world.destination.get("into", b"k") == b"1"


@pytest.mark.parametrize(
    "refusal",
    [
        {"status": 403, "code": "AccessDenied"},
        {"op": "get", "status": 403, "code": "InvalidAccessKeyId"},
        {"op": "get", "status": 404, "code": "NoSuchBucket"},
    ],
)
async def test_what_would_stop_a_task_fails_the_keys_and_the_next_event_works(
    world: World, refusal: dict[str, Any]
) -> None:
    sync_id = await created(world)
    world.source.put("from", b"k", b"1")
    world.source.put("from", b"l", b"1")
    world.source.faults.add(bucket="from", **refusal)
    await sent(world, sync_id, b"k", b"l")
    await gathered(world)
    await world.run()
    found = await figures(world, sync_id)
    assert (found["request"], found["failure"], found["open"]) == (2, 2, 0)
    assert len(world.records("failed")) == 2
    world.source.faults.clear()
    await sent(world, sync_id, b"k")
    await gathered(world)
    await world.run()
    assert (await figures(world, sync_id))["success"] == 1


async def test_a_large_object_goes_over_in_parts(world: World) -> None:
    sync_id = await created(world)
    world.source.put("from", b"large", bytes(40 << 20))
    await sent(world, sync_id, b"large")
    await gathered(world)
    await world.run()
    assert (await figures(world, sync_id))["bytes"] == 40 << 20
    assert len(world.destination.get("into", b"large")) == 40 << 20
    assert await rows(world, "SELECT 1 FROM upload") == []


@pytest.mark.parametrize(
    "refusal",
    [{"status": 403, "code": "InvalidAccessKeyId"}, {"status": 404, "code": "NoSuchBucket"}],
)
async def test_a_batch_whose_lists_are_refused_waits_and_writes_them_later(
    world: World, refusal: dict[str, Any]
) -> None:
    sync_id = await created(world)
    world.source.put("from", b"k", b"1")
    await sent(world, sync_id, b"k", b"missing")
    (batch,) = await gathered(world)
    world.destination.faults.add(bucket="into", **refusal)
    await world.run(seconds=3)
    await bury(world.pool)
    assert await rows(world, "SELECT desired FROM task WHERE id = %s", batch) == [{"desired": "run"}]
    assert (await figures(world, sync_id))["failure"] == 2
    world.destination.faults.clear()
    await world.run()
    assert {line.split(b"\t")[2] for line in world.records("failed")} == {b"k", b"missing"}
    assert await rows(world, "SELECT 1 FROM task") == []


async def test_a_halted_batch_counts_what_is_left_as_failed(world: World) -> None:
    sync_id = await created(world)
    await sent(world, sync_id, b"a", b"b")
    (batch,) = await gathered(world)

    async def no_stores(facts: object) -> None:
        raise Fatal(Meaning.BAD_CREDENTIALS, Operation.CHECK_BUCKET, message="gone")

    world.stores.open = no_stores  # type: ignore[assignment,method-assign]
    await world.run(seconds=3)
    assert await rows(world, "SELECT desired FROM task WHERE id = %s", batch) == [{"desired": "halt"}]
    assert await dispatch.settle(world.pool) == []
    await bury(world.pool)
    await bury(world.pool)
    found = await figures(world, sync_id)
    assert (found["request"], found["failure"], found["open"]) == (2, 2, 0)
    assert await rows(world, "SELECT 1 FROM task") == []


async def test_batches_take_no_slot_of_tasks(world: World) -> None:
    sync_id = await created(world)
    for n in range(3):
        await sent(world, sync_id, b"%d" % n)
        await gathered(world)
    task = await world.task()
    await world.pool.execute("UPDATE task SET status = 1 WHERE id = %s", [task])
    assert [due.task_id for due in await dispatch.promote(world.pool, 1)] == [task]
