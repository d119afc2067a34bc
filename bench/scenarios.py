"""What is measured: A small objects, B the same far away, C unchanged, D a long listing, E large objects, F a kill."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from bench import clients
from bench.clients import ONLY_COPY, Client, Order, Work
from bench.flat import Flat
from bench.measure import Run
from bench.stage import FAR_MS, FEW, KIB, LOOK_SECONDS, MIB, Bench, Stage, contents, staged, turns, until
from bench.store import Objects
from bench.stores import FROM, INTO

# Half a minute each for a million keys: once is enough.
_SLOW_LISTERS = (Client.RCLONE, Client.S5CMD)
_LISTERS = (Client.PRODUCT, Client.BARE, *_SLOW_LISTERS)


def small(bench: Bench) -> None:
    """A, and C1: the same again, with nothing to do."""
    count, size = bench.sizes.small, 4 * KIB
    source = contents(objects={FROM: Objects(count, size)})
    for stage in staged(bench, source, contents(empty=(INTO,))):
        for repetition, client in turns(bench, tuple(Client)):
            stage.pair.empty()
            bench.note(stage.run("A", client, repetition, Order(Work.COPY, count), size))
            if client in ONLY_COPY:
                continue
            again = Order(Work.COMPARE if client is Client.BARE else Work.COPY, count)
            # After its own copy, since rclone compares the times that it has stored itself.
            bench.note(stage.run("C1", client, repetition, again, 0))


def far(bench: Bench) -> None:
    """B: each request takes 20 ms. The product has one worker process: what it reaches is what each one adds."""
    count, few, size = bench.sizes.far, bench.sizes.few, 4 * KIB
    objects = {FROM: Objects(count, size), FEW: Objects(few, size)}
    there = contents(empty=(INTO,), latency_ms=FAR_MS)
    for stage in staged(bench, contents(objects=objects, latency_ms=FAR_MS), there, workers=1):
        for repetition, client in turns(bench):
            stage.pair.empty()
            slow = client is Client.RCLONE
            order = Order(Work.COPY, few if slow else count, FEW if slow else FROM, lanes=192)
            bench.note(stage.run("B", client, repetition, order, size))


def unchanged(bench: Bench) -> None:
    """C2: very many objects that are there already, under keys that do not compress. C1 shows what rclone takes."""
    same = Flat(bench.sizes.unchanged, random=True)
    source, there = contents(flat={FROM: same}), contents(flat={INTO: same})
    order = Order(Work.COMPARE, bench.sizes.unchanged)
    for stage in staged(bench, source, there):
        for repetition, client in turns(bench, (Client.PRODUCT, Client.BARE), fewer=True):
            bench.note(stage.run("C2", client, repetition, order, 0))


def flat(bench: Bench) -> None:
    """D: one level of very many keys, far away."""
    source = contents(flat={FROM: Flat(bench.sizes.flat)}, latency_ms=FAR_MS)
    order = Order(Work.LIST, bench.sizes.flat)
    for stage in staged(bench, source, contents(empty=(INTO,), latency_ms=FAR_MS)):
        for repetition, client in turns(bench, _LISTERS, fewer=True):
            if repetition == 0 or client not in _SLOW_LISTERS:
                bench.note(stage.run("D", client, repetition, order, 0))


def large(bench: Bench) -> None:
    """E: objects of many parts."""
    count, size = bench.sizes.large, bench.sizes.large_mib * MIB
    source = contents(objects={FROM: Objects(count, size, folders=1)})
    for stage in staged(bench, source, contents(empty=(INTO,))):
        for repetition, client in turns(bench):
            stage.pair.empty()
            bench.note(stage.run("E", client, repetition, Order(Work.COPY, count, lanes=4), size))


def killed(bench: Bench) -> None:
    """F: `kill -9` of all workers, or of rclone, when two fifths are there; then to the end."""
    count, size = bench.sizes.killed, 4 * KIB
    source = contents(objects={FROM: Objects(count, size)})
    for stage in staged(bench, source, contents(empty=(INTO,))):
        for repetition, client in turns(bench, (Client.PRODUCT, Client.RCLONE_64), fewer=True):
            stage.pair.empty()
            stage.pair.forget()
            order = Order(Work.COPY, count)
            bench.note(_killed(stage, client, repetition, order, size))


def _killed(stage: Stage, client: Client, repetition: int, order: Order, size: int) -> Run:
    pair = stage.pair
    before = pair.cpu_seconds()

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

    def listings() -> int:
        return pair.source.counters().requests("list", prefix="")

    began = time.monotonic()
    task_id = product.create(order)
    until(lambda: read() > 0)
    first = time.monotonic() - began
    until(half_done)
    product.kill_workers()
    died = time.monotonic()
    open_ranges, pages, lists = product.open_ranges(task_id), product.ranges(task_id)[1], listings()
    time.sleep(LOOK_SECONDS)
    seen = read()
    at_risk = seen - product.journalled(task_id)
    until(lambda: read() > seen)
    resumed = time.monotonic() - died
    product.wait(task_id, order.objects)
    return {"first_byte_seconds": round(first, 2), "first_byte_again_seconds": round(resumed, 2), "at_risk": at_risk,
            "open_ranges": open_ranges, "pages_to_come": product.ranges(task_id)[1] - pages,
            "listed_after": listings() - lists}  # fmt: skip


SCENARIOS: Mapping[str, Callable[[Bench], None]] = {
    "A": small, "B": far, "C": unchanged, "D": flat, "E": large, "F": killed,
}  # fmt: skip
