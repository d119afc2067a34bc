"""What the simulator has found, each as the small world that shows it."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any
from uuid import UUID

import pytest

from connectors.memory import MemoryStore
from connectors.objects import WriteOptions, Written
from engine.failures import Operation
from engine.spec import ConsistencyCheck, ListFile, OverwriteMode, TaskSpec, TaskType
from engine.states import TaskStatus
from ledger.values import Fence, Leased, TaskId
from tests.sim.checks import Checks
from tests.sim.draws import Plan, drawn
from tests.sim.loop import VirtualLoop, pause
from tests.sim.sizes import SINGLE, shrink
from tests.sim.weather import KINDS, Weather
from tests.sim.world import World
from workers.transfer.leases import LeaseKeeper

TASK = TaskId(100)
Happening = Callable[[World], object]


class Told(Weather):
    """Clear, but for what the test wants: `strike` is asked with the kinds that a request may meet."""

    strike: Callable[[tuple[str, ...]], str] = staticmethod(lambda kinds: "")

    def store(self, *kinds: str) -> str:
        found = self.strike(kinds)
        self.seen.update([found] if found else [])
        return found

    def ledger(self) -> str:
        return self.strike(("ledger",))


def once(kind: str) -> Callable[[tuple[str, ...]], str]:
    """The first request that may meet it does."""
    left = [kind]
    return lambda kinds: left.pop() if left and kinds == (kind,) else ""


def plan(*keys: bytes, lease: float = 3.0, **spec: object) -> Plan:
    """A bucket of a few keys, one worker, stores that tell all."""
    made = drawn(Random(1))
    wanted: TaskSpec = replace(
        made.spec,
        task_type=TaskType.PREFIX,
        source=replace(made.spec.source, object_keys=("",), list_file=None),
        destination=replace(made.spec.destination, save_prefix=""),
        migrate_since_s=0,
        record_failures=True,
        overwrite=OverwriteMode.FULL_OVERWRITE,
        consistency=ConsistencyCheck.SIZE_LAST_MODIFIED,
    )
    return replace(
        made,
        kind="prefix",
        spec=replace(wanted, **spec),  # type: ignore[arg-type]  # each by its name
        source=replace(made.source, etag_is_md5=False, ordered=True, window_max=6),
        destination=replace(
            made.destination, etag_is_md5=True, conditional_put=True, md5_enforced=True, window_max=6
        ),
        filled=0.25,
        opaque_source=True,
        opaque_destination=False,
        crc_source=True,
        crc_destination=True,
        workers=1,
        storm=20.0,
        lease_seconds=lease,
        limited=0,
        denied=frozenset(),
        poison=frozenset(),
        no_records=False,
        lists={},
        keys=keys,
        events=(),
    )


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulator's sizes, for this test only."""
    shrink(monkeypatch.setattr)


def seen(
    made: Plan,
    *happenings: tuple[float, Happening],
    strike: Callable[[tuple[str, ...]], str] | None = None,
    size: int = 3 * SINGLE,
    seed: int = 1,
    ledger_seconds: float = 0.002,
) -> World:
    """The world after its end; no promise is broken in it."""
    loop = VirtualLoop()
    weather = Told(Random(1), dict.fromkeys(KINDS, 0))
    weather.strike = strike or Told.strike  # type: ignore[method-assign]  # as it is meant
    world = World(seed, loop, plan=made, weather=weather)
    world.script = [(at, lambda happen=happen: happen(world)) for at, happen in happenings]  # type: ignore[misc]
    world.sizes, world.ledger_seconds = (size,), ledger_seconds
    try:
        loop.run_until_complete(asyncio.wait_for(world.run(), 10_000))
    finally:
        loop.close()
    assert world.checks.violations == []
    return world


def dies_after(monkeypatch: pytest.MonkeyPatch, operation: Operation) -> list[Operation]:
    """The first worker is killed once, when a request of this kind has landed; when that was is in the list."""
    landed, deaths = Checks.landed, list[Operation]()

    def dies(self: Checks, *given: object, **more: object) -> None:
        landed(self, *given, **more)  # type: ignore[arg-type]  # as it came
        if given[2] is operation and not deaths:
            deaths.append(operation)
            self._world.processes[0].kill()

    monkeypatch.setattr(Checks, "landed", dies)
    return deaths


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("seed", [2, 3, 9, 14, 18, 24])
def test_a_write_that_is_tried_again_ends_with_its_lease(seed: int) -> None:
    def cut(world: World) -> None:
        world.outages[world.destination.name] = world.loop.time() + 15
        world.processes[0].cut_until = world.loop.time() + 15

    world = seen(plan(b"a"), (0.3, cut), size=9, seed=seed)
    assert world.model.tasks[TASK].status is TaskStatus.SUCCEEDED


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("seed", range(8))
def test_a_completion_that_is_tried_again_ends_with_its_lease(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    begins, cut = Checks.begins, []

    def cuts(self: Checks, *given: Any) -> None:
        begins(self, *given)
        if given[3] is Operation.COMPLETE_UPLOAD and not cut:
            cut.append(given[0])
            given[0].cut_until = self._world.loop.time() + 15
            self._world.outages[given[1].name] = self._world.loop.time() + 15

    monkeypatch.setattr(Checks, "begins", cuts)
    world = seen(plan(b"large"), seed=seed)
    assert cut
    assert world.model.tasks[TASK].status is TaskStatus.SUCCEEDED


@pytest.mark.usefixtures("small")
def test_a_stop_leaves_nothing_to_owners_who_come_back() -> None:
    stopped: list[TaskStatus] = []
    world = seen(
        plan(b"a", b"b"),
        (0.2, lambda world: world.processes[0].freeze(6.0)),
        (5.0, lambda world: stopped.append(world.model.stop(TASK))),
    )
    assert stopped == [TaskStatus.PAUSED]
    assert world.model.tasks[TASK].status is TaskStatus.SUCCEEDED


@pytest.mark.usefixtures("small")
def test_an_upload_that_a_dead_worker_completed_is_held_against_its_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deaths = dies_after(monkeypatch, Operation.COMPLETE_UPLOAD)
    world = seen(plan(b"large"), strike=once("flipped"))
    assert deaths
    assert world.destination.at(b"large")[1] == world.source.at(b"large")[1]  # type: ignore[index]


@pytest.mark.usefixtures("small")
def test_an_upload_whose_parts_landed_by_another_is_aborted(monkeypatch: pytest.MonkeyPatch) -> None:
    complete = MemoryStore.complete_upload

    async def outrun(self: MemoryStore, key: bytes, *rest: Any) -> Written:
        if self._objects.get(key) is None:
            data = b"".join(sent for _, (_, sent) in sorted(self._uploads[rest[0]].parts.items()))
            md5s = b"".join(bytes.fromhex(part.etag) for part in rest[1])
            etag = f"{hashlib.md5(md5s, usedforsecurity=False).hexdigest()}-{len(rest[1])}"
            self._store(key, data, etag, WriteOptions(), "another")
        return await complete(self, key, *rest)

    monkeypatch.setattr(MemoryStore, "complete_upload", outrun)
    made = plan(b"large", overwrite=OverwriteMode.NO_OVERWRITE)
    made.opaque_destination = False
    made.destination = replace(
        made.destination, etag_is_md5=True, conditional_put=True, conditional_complete=True
    )
    world = seen(made)
    assert world.destination.at(b"large")[0].upload_id == "another"  # type: ignore[index]
    assert world.destination.open_uploads == {}


@pytest.mark.usefixtures("small")
def test_a_part_that_a_careless_store_has_damaged_is_not_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    deaths = dies_after(monkeypatch, Operation.PUT_PART)
    made = plan(b"large")
    made.crc_source = made.crc_destination = False
    made.destination = replace(made.destination, md5_enforced=False)
    world = seen(made, strike=once("flipped"))
    assert deaths
    assert world.destination.at(b"large")[1] == world.source.at(b"large")[1]  # type: ignore[index]


@pytest.mark.usefixtures("small")
def test_a_part_that_a_dead_worker_misread_is_not_taken_over_unproven(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deaths = dies_after(monkeypatch, Operation.PUT_PART)
    made = plan(b"large")
    made.crc_destination = False
    world = seen(made, strike=once("flipped"))
    assert deaths
    assert world.destination.at(b"large")[1] == world.source.at(b"large")[1]  # type: ignore[index]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("dies_at", [0, 3])
def test_a_misread_part_is_found_by_the_md5_of_the_whole(
    monkeypatch: pytest.MonkeyPatch, dies_at: int
) -> None:
    landed, parts = Checks.landed, []

    def dies(self: Checks, *given: object, **more: object) -> None:
        landed(self, *given, **more)  # type: ignore[arg-type]  # as it came
        if given[2] is Operation.PUT_PART:
            parts.append(given[3])
            if len(parts) == dies_at:
                self._world.processes[0].kill()

    monkeypatch.setattr(Checks, "landed", dies)
    made = plan(b"large")
    made.opaque_source = made.crc_source = False
    made.source = replace(made.source, etag_is_md5=True)
    world = seen(made, strike=once("flipped"))
    assert world.weather.seen["flipped"] == 1
    assert len(parts) > dies_at
    assert world.destination.at(b"large")[1] == world.source.at(b"large")[1]  # type: ignore[index]


@pytest.mark.usefixtures("small")
def test_a_list_that_the_store_has_damaged_is_written_again() -> None:
    made = plan(b"a", overwrite=OverwriteMode.NO_OVERWRITE)
    made.destination = replace(made.destination, md5_enforced=False)
    world = seen(made, (0.0, lambda world: world.destination.set(b"a", b"as before")), strike=once("flipped"))
    assert world.destination.at(b"a")[1] == b"as before"  # type: ignore[index]
    assert world.model.tasks[TASK].status is TaskStatus.SUCCEEDED


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("seed", [15, 16, 17])
def test_a_worker_that_stops_waits_for_what_it_is_claiming(seed: int) -> None:
    seen(
        plan(b"a", lease=20.0),
        (seed / 20, lambda world: world.happenings.stop_worker()),
        size=9,
        seed=seed,
        ledger_seconds=0.4,
    )


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("hundredths", [2, 8, 14])
def test_a_group_that_is_stopped_while_its_lists_are_read_pauses_at_once(hundredths: int) -> None:
    listed = ListFile("lists", "folder/")
    made = plan(b"a", lease=20.0, task_type=TaskType.LIST)
    source = replace(made.spec.source, object_keys=(), list_file=listed)
    made = replace(made, kind="list_group", spec=replace(made.spec, source=source))
    made.lists = {"folder/0.txt": b"a\n"}

    def stop(world: World) -> None:
        if world.model.tasks[TASK].running:
            world.model.stop(TASK)

    seen(made, (hundredths / 100, stop), size=9)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("seed", range(1, 7))
def test_a_pause_ends_the_asking_for_an_upload_that_goes_on_by_itself(seed: int) -> None:
    def unreachable(world: World) -> None:
        world.patient = False
        world.outages[world.destination.name] = world.loop.time() + 6

    def stop(world: World) -> None:
        if world.model.tasks[TASK].running:
            world.model.stop(TASK)

    world = seen(plan(b"large", lease=20.0), (0.1, unreachable), (1.5, stop), seed=seed)
    assert world.model.tasks[TASK].status is TaskStatus.SUCCEEDED


def test_a_lease_that_is_given_up_is_left_to_others() -> None:
    loop, renewed = VirtualLoop(), list[tuple[Fence, ...]]()

    class Ledger:
        lease_seconds = 3.0

        async def renew(self, fences: tuple[Fence, ...]) -> frozenset[Fence]:
            renewed.append(fences)
            return frozenset(fences)

    class Clock:
        def monotonic(self) -> float:
            return loop.time()

        async def sleep(self, seconds: float) -> None:
            await pause(seconds)

    keeper = LeaseKeeper(Ledger(), Clock())  # type: ignore[arg-type]  # all that it asks for
    kept, lost = (
        keeper.hold(Fence(Leased.UNIT, TASK, 1, row, 1, UUID(int=row)), loop.time()) for row in (1, 2)
    )
    lost.gone.set()

    async def run() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(keeper.run(), 10)

    loop.run_until_complete(run())
    loop.close()
    assert len(renewed) > 5
    assert set(renewed) == {(kept.fence,)}


@pytest.mark.usefixtures("small")
def test_a_completion_whose_answer_is_lost_is_no_object_of_somebody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begins, left = Checks.begins, ["lost"]
    asked: list[Operation] = []

    def notes(self: Checks, *given: Any) -> None:
        begins(self, *given)
        asked.append(given[3])

    def strike(kinds: tuple[str, ...]) -> str:
        completing = asked[-1:] == [Operation.COMPLETE_UPLOAD] and "lost" in kinds
        return left.pop() if completing and left else ""

    monkeypatch.setattr(Checks, "begins", notes)
    world = seen(plan(b"large", overwrite=OverwriteMode.NO_OVERWRITE), strike=strike)
    assert not left
    assert world.model.counters[TASK, 1]["ok"] == 1


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("conditional", [True, False])
def test_what_comes_between_the_look_and_the_write_is_not_overwritten(
    monkeypatch: pytest.MonkeyPatch, *, conditional: bool
) -> None:
    begins, reads, intruded = Checks.begins, Checks.read_begins, []

    def intrudes(world: World, key: bytes) -> None:
        if not intruded:
            intruded.append(key)
            world.destination.set(key, b"theirs", "intruder")

    def at_the_write(self: Checks, *given: Any) -> None:
        begins(self, *given)
        if conditional and given[3] is Operation.PUT and given[4] == b"a":
            intrudes(self._world, given[4])

    def at_the_read(self: Checks, *given: Any) -> None:
        reads(self, *given)
        if not conditional:
            intrudes(self._world, given[2])

    monkeypatch.setattr(Checks, "begins", at_the_write)
    monkeypatch.setattr(Checks, "read_begins", at_the_read)
    made = plan(b"a", overwrite=OverwriteMode.NO_OVERWRITE)
    made.destination = replace(made.destination, conditional_put=conditional)
    world = seen(made, size=9)
    assert intruded
    assert world.destination.at(b"a")[1] == b"theirs"  # type: ignore[index]
    assert world.model.counters[TASK, 1]["skip"] == 1


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("frozen_at", [0.3, 0.45, 0.6, 0.75])
def test_who_stands_still_through_a_pause_and_a_start_goes_on_with_the_keys_of_the_start(
    frozen_at: float,
) -> None:
    def freeze(world: World) -> None:
        world.processes[0].freeze(8.0)

    def start(world: World) -> None:
        assert world.model.tasks[TASK].status is TaskStatus.PAUSED
        world.start(world.model.tasks[TASK])

    world = seen(
        plan(*(b"%d" % n for n in range(8))),
        (frozen_at, freeze),
        (frozen_at + 0.1, lambda world: world.model.stop(TASK)),
        (frozen_at + 6.0, start),
    )
    assert world.keys[TASK] == 1
    assert world.model.tasks[TASK].status is TaskStatus.SUCCEEDED
