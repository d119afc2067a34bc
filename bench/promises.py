"""What is promised beside speed: L a bandwidth limit, S a storm of refusals, P from a call to the first byte."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median

from bench import clients
from bench.clients import Client, Order, Product, Work
from bench.measure import Run, Usage
from bench.stage import KIB, LOOK_SECONDS, MIB, Bench, Stage, contents, staged, until
from bench.store import Objects
from bench.stores import FROM, INTO, Pair, opened

LIMIT = 8 * MIB
_WORKERS = (1, 4, 16)
# Of a task under a limit, what goes before is not looked at.
_SETTLING = 3.0
_IDLE_SECONDS = 2.0
_FEW = 20


def limit(bench: Bench) -> None:
    """L: bytes that left the source under a limit, with one, four and sixteen workers."""
    seconds = bench.sizes.limit_seconds
    size = 256 * KIB
    count = int((seconds + 10) * LIMIT / size)
    source = contents(objects={FROM: Objects(count, size)})
    for workers in _WORKERS:
        root = bench.root / str(workers)
        root.mkdir(parents=True, exist_ok=True)
        with (
            opened(source, contents(empty=(INTO,))) as pair,
            clients.running(root, pair, workers=workers) as product,
        ):
            found = _limited(product, pair, seconds)
            bench.note(_told(f"L{workers}", found | {"workers": workers}))


def _limited(product: Product, pair: Pair, seconds: float) -> dict[str, float]:
    pair.forget()
    window = {"start": "00:00", "end": "23:59", "max_bandwidth": LIMIT}
    task_id = product.create(Order(Work.COPY, 0), bandwidth_policy=[window])
    until(lambda: _sent(pair) > 0)
    time.sleep(_SETTLING)
    sent, began = _sent(pair), time.monotonic()
    time.sleep(seconds)
    rate = (_sent(pair) - sent) / (time.monotonic() - began)
    product.stop(task_id)
    return {"seconds": seconds, "rate": round(rate), "error": round(rate / LIMIT - 1, 4)}


def _sent(pair: Pair) -> int:
    return pair.source.counters().bytes_out("get", prefix="")


def storm(bench: Bench) -> None:
    """S: the destination refuses everything with 503 for a while; what that costs of the time after it."""
    sizes = bench.sizes
    source = contents(objects={FROM: Objects(sizes.storm_objects, 4 * KIB)}, latency_ms=sizes.storm_ms)
    for stage in staged(bench, source, contents(empty=(INTO,), latency_ms=sizes.storm_ms)):
        bench.note(_told("S", _stormy(stage)))


def _stormy(stage: Stage) -> dict[str, float]:
    """The rate after the storm beside the rate before it; the time of the storm itself is not counted."""
    sizes, product, store = stage.bench.sizes, stage.product, stage.pair.destination
    task_id = product.create(Order(Work.COPY, 0))
    until(lambda: _stored(stage) > 0)
    time.sleep(sizes.storm_warm_seconds)
    usual = _rate(stage, sizes.storm_warm_seconds)
    fault = store.faults.add(status=503, code="SlowDown")
    time.sleep(sizes.storm_seconds)
    store.faults.remove(fault)
    rate = _rate(stage, sizes.storm_after_seconds)
    failed = product.failed(task_id)
    left = sizes.storm_objects - _stored(stage)
    if left <= 0:
        raise RuntimeError(
            "all was copied before the time after the storm was over: give more --storm-objects"
        )
    product.stop(task_id)
    return {"seconds": sizes.storm_after_seconds, "usual_rate": round(usual), "rate_after": round(rate),
            "cost": round(1 - rate / usual, 4), "failed": failed, "left": left}  # fmt: skip


def _stored(stage: Stage) -> int:
    counters = stage.pair.destination.counters()
    return counters.requests("put", prefix="") - counters.errors("put", prefix="")


def _rate(stage: Stage, seconds: float) -> float:
    before, began = _stored(stage), time.monotonic()
    time.sleep(seconds)
    return (_stored(stage) - before) / (time.monotonic() - began)


def prompt(bench: Bench) -> None:
    """P: from the call that creates a task to the first read, on an engine that has nothing to do."""
    source = contents(objects={FROM: Objects(_FEW, 4 * KIB)})
    for stage in staged(bench, source, contents(empty=(INTO,))):
        waits = [_first_byte(stage) for _ in range(bench.sizes.prompts)]
        found = {
            "first_byte_seconds": round(median(waits), 3),
            "first_byte_seconds_worst": round(max(waits), 3),
        }
        bench.note(_told("P", {"seconds": sum(waits)} | found))


def _first_byte(stage: Stage) -> float:
    stage.pair.empty()
    stage.pair.forget()
    time.sleep(_IDLE_SECONDS)
    began = time.monotonic()
    task_id = stage.product.create(Order(Work.COPY, _FEW))
    while not stage.pair.source.counters().requests("get", prefix=""):
        time.sleep(LOOK_SECONDS / 4)
    took = time.monotonic() - began
    stage.product.wait(task_id, _FEW)
    return took


def _told(scenario: str, found: Mapping[str, float]) -> Run:
    usage = Usage(found["seconds"], {}, 0, 0)
    figures = {name: value for name, value in found.items() if name != "seconds"}
    return Run(scenario, Client.PRODUCT, 0, 0, 0, usage, {}, 0, 0.0, more=figures)


PROMISES: Mapping[str, Callable[[Bench], None]] = {"L": limit, "S": storm, "P": prompt}
