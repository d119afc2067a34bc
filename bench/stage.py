"""What all scenarios share: sizes, stores with a product on them, and runs with everything counted."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench import clients
from bench.clients import Client, Order, Product, Work
from bench.measure import Run, Usage
from bench.store import Contents
from bench.stores import ACCESS_KEY, SECRET_KEY, Pair, opened

FEW = "few"
FAR_MS = 20
KIB = 1 << 10
MIB = 1 << 20
LOOK_SECONDS = 0.02
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of each. `few` objects stand for `far` where a client would take minutes; times in seconds.

    Scenarios that take long in any size are repeated once less than the others.
    """

    small: int = 20_000
    far: int = 12_000
    few: int = 300
    unchanged: int = 1_000_000
    flat: int = 1_000_000
    large: int = 8
    large_mib: int = 256
    killed: int = 20_000
    repetitions: int = 3
    limit_seconds: int = 15
    storm_objects: int = 250_000
    storm_ms: int = 200
    storm_warm_seconds: int = 10
    storm_seconds: int = 30
    storm_after_seconds: int = 30
    prompts: int = 5


QUICK = Sizes(
    small=3_000, far=2_000, few=100, unchanged=100_000, flat=100_000, large=2, large_mib=256, killed=4_000,
    repetitions=2, limit_seconds=6, storm_objects=80_000, storm_seconds=8, storm_warm_seconds=6,
    storm_after_seconds=12, prompts=3,
)  # fmt: skip
FULL = Sizes(small=60_000, far=40_000, limit_seconds=60, storm_objects=1_000_000, storm_after_seconds=300)


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
        if not run.objects:
            self.say(f"{run.scenario} {run.repetition} {run.client:13} {run.usage.seconds:7.2f} s {run.more}")
            return
        rate = f"{run.objects / run.usage.seconds:9,.0f} objects/s {run.bytes / run.usage.seconds / 1e6:7,.0f} MB/s"
        cpu = f"{run.cpu / max(run.objects, 1) * 1000:8.3f} CPU-ms/object"
        self.say(
            f"{run.scenario} {run.repetition} {run.client:13} {run.usage.seconds:7.2f} s {rate} {cpu} {run.more}"
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
        if client is not Client.PRODUCT:
            before = self.pair.cpu_seconds()
            usage = self._use(client, order)
            return self.counted(scenario, client, repetition, order, size, usage, before)
        self.product.vacuum()
        before = self.pair.cpu_seconds()
        with self.product.watched() as held:
            usage = self._use(client, order)
        run = self.counted(scenario, client, repetition, order, size, usage, before)
        self.product.vacuum()
        run.more["ranges"], run.more["pages"] = self.product.ranges(self.product.latest)
        run.more["ledger_after_bytes"] = self.product.database_bytes() - held[0]
        return replace(run, ledger_bytes=max(held) - held[0])

    def counted(
        self, scenario: str, client: Client, repetition: int, order: Order, size: int, usage: Usage,
        before: float,
    ) -> Run:  # fmt: skip
        """The run as the stores have seen it; `before` is their CPU time at its start."""
        requests: Counter[str] = Counter()
        records = 0
        for counters in self.pair.counters():
            for row in counters.rows:
                if row.prefix:
                    records += row.requests
                else:
                    requests[row.op] += row.requests
        run = Run(
            scenario, client, repetition, order.objects, order.objects * size, usage, dict(requests), records,
            self.pair.cpu_seconds() - before,
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
            case Client.BARE_SIDE_BY_SIDE:
                return clients.bare(self.bench.root, order, processes=clients.worker_processes())
            case Client.AIOHTTP:
                return clients.aiohttp_loop(self.pair, order)
            case Client.RCLONE | Client.RCLONE_64:
                return clients.rclone(self.pair, order, many=client is Client.RCLONE_64)
            case Client.S5CMD:
                return clients.s5cmd(self.pair, order)


def _busy_seconds(pair: Pair) -> float:
    """From the first tenth of a second in which the source sent something to the last."""
    seen = pair.source.bandwidth()
    ticks = [at for at, _, went in seen["rows"] if went]
    return round(ticks[-1] - ticks[0] + seen["resolution"], 1) if ticks else 0.0


def staged(bench: Bench, source: Contents, destination: Contents, *, workers: int = 0) -> Iterator[Stage]:
    """Stores with these contents and the product on them, with so many workers (0: one a core, at least two)."""
    bench.root.mkdir(parents=True, exist_ok=True)
    with opened(source, destination) as pair, clients.running(bench.root, pair, workers=workers) as product:
        yield Stage(bench, pair, product)


def contents(**more: Any) -> Contents:
    """Of a store, with the keys of the measurement."""
    return Contents(ACCESS_KEY, SECRET_KEY, **more)


ALL = tuple(one for one in Client if one not in (Client.BARE_SIDE_BY_SIDE, Client.AIOHTTP))


def turns(
    bench: Bench, order: Sequence[Client] = ALL, *, fewer: bool = False
) -> Iterator[tuple[int, Client]]:
    """Interleaved, and another one first each time; `fewer` is once less than asked for."""
    for repetition in range(max(1, bench.sizes.repetitions - fewer)):
        first = repetition % len(order)
        for client in (*order[first:], *order[:first]):
            yield repetition, client


def until(happened: Callable[[], bool]) -> None:
    """Return when it has."""
    while not happened():
        time.sleep(LOOK_SECONDS)
