"""What is measured: A small objects, B the same far away, C unchanged, D a long listing, E large objects, F a kill."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench import clients
from bench.clients import Client, Order, Product, Work
from bench.flat import Flat
from bench.measure import Run, Usage
from bench.store import Contents, Objects
from bench.stores import ACCESS_KEY, FROM, INTO, SECRET_KEY, Pair, opened

FEW = "few"
FAR_MS = 20
_KIB = 1 << 10
_MIB = 1 << 20
_LOOK_SECONDS = 0.02
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of each. `few` objects stand for `far` where a client would take minutes."""

    small: int = 30_000
    far: int = 10_000
    few: int = 600
    unchanged: int = 1_000_000
    flat: int = 1_000_000
    large: int = 8
    large_mib: int = 256
    killed: int = 20_000
    repetitions: int = 3


QUICK = Sizes(
    small=3_000, far=2_000, few=100, unchanged=100_000, flat=100_000, large=2, large_mib=256, killed=4_000,
    repetitions=2,
)  # fmt: skip
FULL = Sizes(small=60_000, far=20_000)


@dataclass(slots=True)
class Bench:
    """Where scenarios run and what they have found so far."""

    root: Path
    sizes: Sizes
    say: Say
    runs: list[Run] = field(default_factory=list)

    def note(self, run: Run) -> None:
        """Keep a run, and tell of it."""
        self.runs.append(run)
        rate = f"{run.objects / run.usage.seconds:9,.0f} objects/s {run.bytes / run.usage.seconds / 1e6:7,.0f} MB/s"
        cpu = f"{run.cpu / max(run.objects, 1) * 1000:8.3f} CPU-ms/object"
        self.say(
            f"{run.scenario} {run.repetition} {run.client:10} {run.usage.seconds:7.2f} s {rate} {cpu} {run.more}"
        )


@dataclass(frozen=True, slots=True)
class Stage:
    """Stores and the product on them, for one scenario."""

    bench: Bench
    pair: Pair
    product: Product

    def run(self, scenario: str, client: Client, repetition: int, order: Order, size: int) -> Run:
        """One run with everything counted."""
        self.pair.forget()
        cpu, held = self.pair.cpu_seconds(), self.product.database_bytes()
        usage = self._use(client, order)
        return self.counted(scenario, client, repetition, order, size, usage, (cpu, held))

    def counted(
        self, scenario: str, client: Client, repetition: int, order: Order, size: int, usage: Usage,
        before: tuple[float, int],
    ) -> Run:  # fmt: skip
        """The run as the stores have seen it."""
        requests: Counter[str] = Counter()
        records = 0
        for counters in self.pair.counters():
            for row in counters.rows:
                if row.prefix:
                    records += row.requests
                else:
                    requests[row.op] += row.requests
        ledger = self.product.database_bytes() - before[1] if client is Client.PRODUCT else 0
        run = Run(
            scenario, client, repetition, order.objects, order.objects * size, usage, dict(requests), records,
            self.pair.cpu_seconds() - before[0], ledger,
        )  # fmt: skip
        if order.work is Work.LIST:
            run.more["listing_seconds"] = _busy_seconds(self.pair)
        return run

    def _use(self, client: Client, order: Order) -> Usage:
        match client:
            case Client.PRODUCT:
                return self.product.run(order)
            case Client.BARE:
                return clients.bare(self.bench.root, order)
            case Client.RCLONE | Client.RCLONE_64:
                return clients.rclone(self.pair, order, many=client is Client.RCLONE_64)


def _busy_seconds(pair: Pair) -> float:
    """From the first tenth of a second in which the source sent something to the last."""
    seen = pair.source.bandwidth()
    ticks = [at for at, _, went in seen["rows"] if went]
    return round(ticks[-1] - ticks[0] + seen["resolution"], 1) if ticks else 0.0


def _staged(bench: Bench, source: Contents, destination: Contents) -> Iterator[Stage]:
    bench.root.mkdir(parents=True, exist_ok=True)
    with opened(source, destination) as pair, clients.running(bench.root, pair) as product:
        yield Stage(bench, pair, product)


def _contents(**more: Any) -> Contents:
    return Contents(ACCESS_KEY, SECRET_KEY, **more)


def _turns(bench: Bench, order: Sequence[Client] = tuple(Client)) -> Iterator[tuple[int, Client]]:
    """Interleaved, and another one first each time."""
    for repetition in range(bench.sizes.repetitions):
        first = repetition % len(order)
        for client in (*order[first:], *order[:first]):
            yield repetition, client


def small(bench: Bench) -> None:
    """A, and C1: the same again, with nothing to do."""
    count, size = bench.sizes.small, 4 * _KIB
    source = _contents(objects={FROM: Objects(count, size)})
    for stage in _staged(bench, source, _contents(empty=(INTO,))):
        for repetition, client in _turns(bench):
            stage.pair.empty()
            bench.note(stage.run("A", client, repetition, Order(Work.COPY, count), size))
            again = Order(Work.COMPARE if client is Client.BARE else Work.COPY, count)
            # After its own copy, since rclone compares the times that it has stored itself.
            bench.note(stage.run("C1", client, repetition, again, 0))


def far(bench: Bench) -> None:
    """B: each request takes 20 ms."""
    count, few, size = bench.sizes.far, bench.sizes.few, 4 * _KIB
    objects = {FROM: Objects(count, size), FEW: Objects(few, size)}
    there = _contents(empty=(INTO,), latency_ms=FAR_MS)
    for stage in _staged(bench, _contents(objects=objects, latency_ms=FAR_MS), there):
        for repetition, client in _turns(bench):
            stage.pair.empty()
            slow = client is Client.RCLONE
            order = Order(Work.COPY, few if slow else count, FEW if slow else FROM, lanes=192)
            bench.note(stage.run("B", client, repetition, order, size))


def unchanged(bench: Bench) -> None:
    """C2: very many objects that are there already, under keys that do not compress."""
    same = Flat(bench.sizes.unchanged, random=True)
    source, there = _contents(flat={FROM: same}), _contents(flat={INTO: same})
    order = Order(Work.COMPARE, bench.sizes.unchanged)
    for stage in _staged(bench, source, there):
        for repetition, client in _turns(bench, (Client.PRODUCT, Client.BARE, Client.RCLONE)):
            bench.note(stage.run("C2", client, repetition, order, 0))


def flat(bench: Bench) -> None:
    """D: one level of very many keys, far away."""
    source = _contents(flat={FROM: Flat(bench.sizes.flat)}, latency_ms=FAR_MS)
    order = Order(Work.LIST, bench.sizes.flat)
    for stage in _staged(bench, source, _contents(empty=(INTO,), latency_ms=FAR_MS)):
        for repetition, client in _turns(bench, (Client.PRODUCT, Client.BARE, Client.RCLONE)):
            bench.note(stage.run("D", client, repetition, order, 0))


def large(bench: Bench) -> None:
    """E: objects of many parts."""
    count, size = bench.sizes.large, bench.sizes.large_mib * _MIB
    source = _contents(objects={FROM: Objects(count, size, folders=1)})
    for stage in _staged(bench, source, _contents(empty=(INTO,))):
        for repetition, client in _turns(bench):
            stage.pair.empty()
            bench.note(stage.run("E", client, repetition, Order(Work.COPY, count, lanes=4), size))


def killed(bench: Bench) -> None:
    """F: `kill -9` of all workers, or of rclone, when two fifths are there; then to the end."""
    count, size = bench.sizes.killed, 4 * _KIB
    source = _contents(objects={FROM: Objects(count, size)})
    for stage in _staged(bench, source, _contents(empty=(INTO,))):
        for repetition, client in _turns(bench, (Client.PRODUCT, Client.RCLONE_64)):
            stage.pair.empty()
            stage.pair.forget()
            order = Order(Work.COPY, count)
            bench.note(_killed(stage, client, repetition, order, size))


def _killed(stage: Stage, client: Client, repetition: int, order: Order, size: int) -> Run:
    pair = stage.pair
    before = pair.cpu_seconds(), stage.product.database_bytes()

    def half_done() -> bool:
        return pair.destination.counters().requests("put", prefix="") >= order.objects * 2 // 5

    if client is Client.PRODUCT:
        with stage.product.family() as family:
            more = _killed_product(stage, order, half_done)
        usage = family.usage
    else:
        clients.rclone_killed(pair, order, half_done)
        usage = clients.rclone(pair, order, many=True)
        more = {}
    run = stage.counted("F", client, repetition, order, size, usage, before)
    again = run.requests["get"] - order.objects, run.requests["put"] - order.objects
    return replace(run, more=more | {"read_again": again[0], "written_again": again[1]})


def _killed_product(stage: Stage, order: Order, half_done: Callable[[], bool]) -> dict[str, Any]:
    product, pair = stage.product, stage.pair

    def read() -> int:
        return pair.source.counters().requests("get", prefix="")

    began = time.monotonic()
    task_id = product.create(order)
    _until(lambda: read() > 0)
    first = time.monotonic() - began
    _until(half_done)
    product.kill_workers()
    died = time.monotonic()
    time.sleep(_LOOK_SECONDS)
    seen = read()
    _until(lambda: read() > seen)
    resumed = time.monotonic() - died
    product.wait(task_id, order.objects)
    return {"first_byte_seconds": round(first, 2), "first_byte_again_seconds": round(resumed, 2)}


def _until(happened: Callable[[], bool]) -> None:
    while not happened():
        time.sleep(_LOOK_SECONDS)


SCENARIOS: Mapping[str, Callable[[Bench], None]] = {
    "A": small, "B": far, "C": unchanged, "D": flat, "E": large, "F": killed,
}  # fmt: skip
