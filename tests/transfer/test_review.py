"""Where work is cut, answers are lost and tasks share a process: nothing is lost, doubled, stuck or left behind."""

import asyncio
import gc
import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from connectors.errors import Fatal
from connectors.objects import Block
from engine.failures import Meaning, Operation
from engine.spec import ListFile, OverwriteMode, TaskType
from ledger.values import (
    StoredPart,
    TaskFacts,
    TaskId,
)
from tests.transfer.watching import fail, once, status, watched
from tests.transfer.world import SPEC, LocalStores, NoLimit, World, endpoints_of
from workers.transfer import calls, endings, worker
from workers.transfer.limits import Limits
from workers.transfer.ports import StorePair

MIB = 1 << 20
LARGE = hashlib.shake_128(b"large").digest(40 * MIB)
LIMITED = [{"start": "00:00", "end": "23:59", "max_bandwidth": MIB}]


async def reached(world: World, task_id: TaskId, wanted: int, seconds: float) -> bool:
    """Whether a task comes into a status within that time."""
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        if await status(world, task_id) == wanted:
            return True
        await asyncio.sleep(0.05)
    return False


async def until(holds: Callable[[], bool]) -> None:
    """Wait for it, ten seconds at most."""
    for _ in range(200):
        if holds():
            return
        await asyncio.sleep(0.05)
    raise TimeoutError


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short pauses between tries."""
    monkeypatch.setattr(endings, "AGAIN_AFTER", 0.05)
    monkeypatch.setattr(calls, "delays", lambda _: iter([0.01]))


@pytest.mark.parametrize("body", [b"much longer than it was", LARGE], ids=["small", "large"])
async def test_a_source_that_grows_before_it_is_read_still_adds_up(world: World, body: bytes) -> None:
    world.source.put("from", b"object", b"short")

    async def grow() -> None:
        world.source.put("from", b"object", body)

    watched(world).on_claimed_unit = once(grow)
    ended = await world.migrate()
    assert (ended.status, ended.code, ended.tally()) == (5, None, (1, 1, 0, 0)), ended.row
    assert world.destination.get("into", b"object") == body


async def test_a_store_that_never_answers_ends_the_task_by_name(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurry(monkeypatch)
    world.stores.endpoints = endpoints_of("http://127.0.0.1:9", world.destination.url)
    task_id = await world.task()
    await world.run(seconds=15)
    ended = await world.ended(task_id)
    assert ended.status == 4
    assert ended.code is not None


async def test_an_upload_that_cannot_be_aborted_ends_the_task_by_name(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurry(monkeypatch)
    world.source.put("from", b"large", LARGE)
    world.destination.faults.add(op="upload_part", status=403, code="AccessDenied")
    world.destination.faults.add(op="abort", status=403, code="AccessDenied")
    task_id = await world.task()
    await world.run(seconds=15)
    assert (await world.ended(task_id)).status == 4


class Keyless(LocalStores):
    """Stores whose credentials are gone."""

    async def open(self, facts: TaskFacts) -> StorePair:
        raise Fatal(Meaning.BAD_CREDENTIALS, Operation.CHECK_BUCKET, message="the credentials are gone")


async def test_credentials_that_are_gone_end_the_task_at_once_with_their_code(world: World) -> None:
    world.stores = Keyless(world.stores.wire, world.stores.endpoints, world.stores.keys)
    task_id = await world.task()
    await world.run(seconds=5)
    ended = await world.ended(task_id)
    assert (ended.status, ended.code) == (4, "TRF.0057")


async def test_a_checkpoint_cut_after_its_commit_repeats_no_object(world: World) -> None:
    for n in range(20):
        world.source.put("from", b"%02d" % n, b"x")
    world.source.faults.add(op="get", key="1*", delay_ms=1500)
    world.limits = Limits(flush_every=0.2)
    watched(world).after_checkpoint = once(lambda: asyncio.sleep(60))
    ended = await world.migrate()
    assert (ended.status, ended.tally()) == (5, (20, 20, 0, 0))
    assert world.source.counters().requests("get") == 20


async def test_a_journal_that_breaks_ends_the_work_under_it(world: World) -> None:
    world.source.put("from", b"fast", b"x")
    world.source.put("from", b"slow", b"x")
    world.source.faults.add(op="get", key="slow", times=1, delay_ms=8000)
    ledger = watched(world)
    ledger.before_checkpoint = once(fail)
    began = time.monotonic()
    ended = await world.migrate()
    assert (ended.status, ended.tally(), ledger.units_claimed) == (5, (2, 2, 0, 0), 2)
    assert time.monotonic() - began < 7


NEVER = replace(SPEC, overwrite=OverwriteMode.NO_OVERWRITE)


@pytest.mark.parametrize(
    "fault",
    [
        {"op": "put", "key": "oms/probe/*", "times": 1, "lost_answer": True},
        {"op": "put", "key": "oms/probe/*", "times": 1, "after": 1, "status": 500, "code": "InternalError"},
        {"op": "delete", "status": 403, "code": "AccessDenied"},
    ],
    ids=["lost", "broken", "no deleting"],
)
async def test_a_trial_of_conditional_writes_that_stumbles_fails_no_object(
    world: World, fault: dict[str, Any]
) -> None:
    world.source.put("from", b"a", b"x")
    world.destination.faults.add(**fault)
    ended = await world.migrate(NEVER)
    assert (ended.status, ended.tally()) == (5, (1, 1, 0, 0))
    assert world.records("success")[0].endswith(b"(strong)")


async def test_an_upload_begun_twice_leaves_none_open(world: World) -> None:
    world.source.put("from", b"large", LARGE)
    world.destination.faults.add(op="initiate", key="large", times=1, lost_answer=True)
    ended = await world.migrate()
    assert (ended.status, ended.tally()) == (5, (1, 1, 0, 0))
    assert world.destination.uploads("into") == []


@pytest.mark.parametrize(
    "fault",
    [
        {"op": "upload_part", "status": 404, "code": "NoSuchUpload"},
        {"op": "complete", "status": 400, "code": "InvalidPart"},
    ],
    ids=["upload", "part"],
)
async def test_an_upload_that_vanishes_is_begun_again(world: World, fault: dict[str, Any]) -> None:
    world.source.put("from", b"large", LARGE)
    world.destination.faults.add(key="large", times=1, **fault)
    ended = await world.migrate()
    assert (ended.status, ended.tally()) == (5, (1, 1, 0, 0)), ended.outcomes
    assert world.destination.get("into", b"large") == LARGE
    assert world.destination.uploads("into") == []


async def test_a_large_object_completed_before_a_crash_is_not_sent_again(world: World) -> None:
    world.source.put("from", b"large", LARGE)
    watched(world).before_checkpoint = once(fail)
    ended = await world.migrate()
    assert (ended.status, ended.tally()) == (5, (1, 1, 0, 0)), ended.outcomes
    assert world.destination.counters().requests("upload_part", prefix="") == 3
    assert world.destination.uploads("into") == []
    assert await world.pool.fetch_all("SELECT 1 FROM upload WHERE state <> 'closed'") == []


@pytest.mark.parametrize(
    ("flip", "sent"), [({}, 3), ({"times": 1, "flip": 777}, 6)], ids=["whole", "flipped"]
)
async def test_a_part_that_an_owner_before_us_sent_is_read_back_in_the_end(
    world: World, flip: dict[str, Any], sent: int
) -> None:
    world.source.put("from", b"large", LARGE)
    world.limits = Limits(parts=1)
    if flip:
        world.source.faults.add(op="get", key="large", **flip)
    numbers: list[int] = []

    def die_at_the_second(part: StoredPart) -> None:
        numbers.append(part.number)
        if len(numbers) == 2:
            raise RuntimeError

    watched(world).on_part = die_at_the_second
    ended = await world.migrate()
    assert (ended.status, ended.tally()) == (5, (1, 1, 0, 0)), ended.outcomes
    assert world.destination.get("into", b"large") == LARGE
    assert [line.split(b"\t")[4] for line in world.records("success")] == [b"e2e"]
    assert world.destination.counters().requests("upload_part", prefix="") == sent
    assert world.destination.counters().requests("get", prefix="") == 3
    assert world.destination.uploads("into") == []
    assert await world.pool.fetch_all("SELECT 1 FROM upload WHERE state <> 'closed'") == []


async def test_the_first_part_leaves_the_memory_when_it_is_sent(world: World) -> None:
    world.source.put("from", b"large", LARGE)
    world.limits = Limits(parts=1)
    gc.collect()
    held: list[int] = []

    def count(part: StoredPart) -> None:
        held.append(sum(type(one) is Block and len(one) > MIB for one in gc.get_objects()))

    watched(world).on_part = count
    assert (await world.migrate()).status == 5
    assert held[1:] == [0, 0]


@pytest.mark.parametrize("fault", [{"delay_ms": 20_000}, {"status": 503, "code": "SlowDown"}], ids=str)
async def test_a_listing_that_hangs_does_not_keep_a_task_from_pausing(
    world: World, fault: dict[str, Any]
) -> None:
    world.source.put("from", b"a", b"x")
    hangs = asyncio.Event()

    def hang() -> None:
        world.source.faults.add(op="list", **fault)
        hangs.set()

    watched(world).on_claimed_range = hang
    task_id = await world.task()
    running = asyncio.create_task(world.run(seconds=10))
    await asyncio.wait_for(hangs.wait(), 10)
    await asyncio.sleep(0.5)
    await world.pool.execute("UPDATE task SET status = 7, desired = 'pause' WHERE id = %s", [task_id])
    paused = await reached(world, task_id, 3, 3.0)
    await running
    assert paused


async def test_a_worker_that_stops_gives_back_what_hangs(world: World) -> None:
    world.source.faults.add(delay_ms=20_000)
    await world.task()
    one = world.worker()
    slice_ = asyncio.create_task(one.run_slice(30))
    await until(lambda: one.leases > 0)
    began = time.monotonic()
    await one.stop()
    assert time.monotonic() - began < 3
    await slice_
    row = await world.pool.fetch_one("SELECT lease_until <= clock_timestamp() AS free FROM run")
    assert row == {"free": True}


async def test_records_are_written_under_the_limit(world: World) -> None:
    for n in range(10):
        world.source.put("from", b"%d" % n, b"x" * 100)
    task_id = await world.task(bandwidth=LIMITED)
    await world.run()
    assert (await world.ended(task_id)).status == 5
    lines = sum(len(line) + 1 for line in world.records("success"))
    assert sum(n for bucket, _, n in world.throttle.taken if bucket == "write") == 10 * 100 + lines


class Stingy(NoLimit):
    """Grants nothing to one task until told to."""

    def __init__(self, task_id: TaskId) -> None:
        super().__init__()
        self.task_id = task_id
        self.open = asyncio.Event()

    async def take(self, task_id: int, bucket: str, rate: int, n: int) -> None:
        if task_id == self.task_id and rate:
            await self.open.wait()


async def test_a_task_that_waits_for_its_limit_holds_up_no_other(world: World) -> None:
    for n in range(5_000):
        world.source.put("from", b"a/%04d" % n, b"x" * 1000)
    world.source.put("from", b"b/1", b"x")
    world.limits = Limits(units=2, bytes_in_flight=2 * MIB)
    slow = await world.task(
        replace(SPEC, source=replace(SPEC.source, object_keys=("a/",))), bandwidth=LIMITED
    )
    throttle = Stingy(slow)
    world.throttle = throttle
    running = asyncio.create_task(world.run(seconds=40))
    ledger = watched(world)
    await until(lambda: ledger.units_claimed >= 2)
    await asyncio.sleep(0.5)
    quick = await world.task(replace(SPEC, source=replace(SPEC.source, object_keys=("b/",))))
    done = await reached(world, quick, 5, 8.0)
    throttle.open.set()
    await running
    assert done
    assert await status(world, slow) == 5


async def test_pauses_are_no_failed_attempts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "AGAIN_AFTER", 0.05)
    world.source.put("from", b"a", b"x")
    ledger = watched(world)

    async def as_after_pauses() -> None:
        await world.pool.execute("UPDATE unit SET attempts = 20")
        ledger.before_checkpoint = once(fail)
        if ledger.units_claimed > 1:
            ledger.on_claimed_unit = None

    ledger.on_claimed_unit = as_after_pauses
    ended = await world.migrate()
    assert (ended.status, ended.tally(), ledger.units_claimed) == (5, (1, 1, 0, 0), 3), ended.row


async def test_a_list_with_thousands_of_equal_lines_is_counted_line_by_line(world: World) -> None:
    world.source.put("from", b"a", b"x")
    world.source.put("from", b"b", b"x")
    world.destination.create_bucket("lists")
    world.destination.put(
        "lists", b"l.txt", b"b\n" * 2500 + b"a\n" * 1500, headers={"content-type": "text/plain"}
    )
    spec = replace(
        SPEC,
        task_type=TaskType.LIST,
        source=replace(SPEC.source, object_keys=(), list_file=ListFile("lists", "l.txt")),
    )
    ended = await world.migrate(spec)
    assert (ended.status, ended.tally()) == (5, (4000, 2, 3998, 0)), ended.row


async def test_small_objects_do_not_wait_behind_large_ones(world: World) -> None:
    for n in range(3):
        world.source.put("from", b"large-%d" % n, LARGE[: 17 * MIB])
    world.source.put("from", b"small", b"x")
    world.destination.faults.add(op="upload_part", delay_ms=700)
    world.limits = Limits(large=1)
    arrived: list[bool] = []
    watched(world).on_part = lambda _: arrived.append(b"small" in world.data_keys())
    assert (await world.migrate()).status == 5
    assert arrived[-3:] == [True] * 3


async def test_an_unconditional_write_is_called_weak(world: World) -> None:
    world.source.put("from", b"a", b"x")
    ended = await world.migrate(replace(SPEC, overwrite=OverwriteMode.FULL_OVERWRITE))
    assert ended.status == 5
    assert world.records("success")[0].endswith(b"(weak)")
