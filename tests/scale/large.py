"""One object of very many parts, whose workers are killed: the one that has it again and again, or one that helps."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path

import psutil

from tests.e2e.site import Site, until
from tests.scale.pattern import Pattern
from tests.scale.place import MIB, Figure, Memory, judged, placed, told, workers
from tests.scale.store import LARGE_KEY
from workers.transfer.limits import Limits

PATIENCE_SECONDS = 1800
_MOST_MEMORY = 320 * MIB
_HOLDER = "SELECT worker FROM unit WHERE task_id = %s AND state = 'leased'"
# Who has sent parts of an object that another worker has.
_HELPER = """
SELECT s.worker, u.worker AS owner FROM part_span s JOIN unit u ON u.id = s.unit_id
 WHERE s.task_id = %s AND s.state = 'leased' AND u.state = 'leased' AND s.worker <> u.worker
   AND EXISTS (SELECT FROM upload_part p WHERE p.upload = s.upload AND p.number BETWEEN s.first AND s.last)"""
_SPANS = "SELECT count(*) AS n FROM part_span WHERE worker = %s AND state = 'leased'"
_LEFT = """
SELECT (SELECT count(*) FROM upload_part) + (SELECT count(*) FROM part_span) AS parts,
       pg_total_relation_size('upload_part') AS size"""


@dataclass(frozen=True, slots=True)
class Kill:
    """How many parts had been begun a second time by then, and how many spans were held by who was killed."""

    again: int
    spans: int


def large_object(root: Path, size: int, kills: int, seed: int = 2027) -> list[Figure]:
    """Migrated under `kills` times kill -9 of whoever moves it; what that cost, and whether it is all there."""
    pattern = Pattern(size)
    with placed(root, large=size, etag=pattern.etag()) as site, Memory(site) as memory:
        began = time.monotonic()
        task_id = site.create()
        made = _killed(site, task_id, pattern.parts, kills, random.Random(seed), memory)
        while (task := site.task(task_id))["status"] not in (4, 5):
            memory.progress = told(site)["numbers"] / pattern.parts
            time.sleep(0.2)
        took = time.monotonic() - began
        site.assert_adds_up(task_id)
        return [
            _whole(site, pattern, task),
            Figure("seconds", f"{took:.0f}, {size / took / 1e6:.0f} MB/s"),
            _again(made, told(site)["again"], shared=size >= Limits().shared_bytes),
            memory.figure(_MOST_MEMORY),
            _forgotten(site),
        ]


def shared_object(root: Path, size: int) -> list[Figure]:
    """Two workers send its parts, and the one that only helps is killed with -9 in the middle of it."""
    pattern = Pattern(size)
    with placed(root, large=size, etag=pattern.etag()) as site:
        task_id = site.create()
        spans = _kill(site, _HELPER, task_id).spans
        task = site.wait(task_id, seconds=PATIENCE_SECONDS)
        site.assert_adds_up(task_id)
        again, most = told(site)["again"], Limits().parts * spans
        return [
            _whole(site, pattern, task),
            judged("parts sent again", str(again), f"<= {most} in flight", held=again <= most),
            _forgotten(site),
        ]


def _killed(
    site: Site, task_id: int, parts: int, kills: int, rng: random.Random, memory: Memory
) -> list[Kill]:
    made, seen = list[Kill](), 0
    for kill in range(kills):
        wanted = max(int(parts * (kill + rng.uniform(0.5, 1.4)) / (kills + 1)), seen + 1)
        while (seen := told(site)["numbers"]) < wanted:
            memory.progress = seen / parts
            time.sleep(0.05)
        made.append(_kill(site, _HOLDER, task_id))
    return made


def _kill(site: Site, named: str, task_id: int) -> Kill:
    """The end of the worker that a query names, as soon as there is one."""
    found = until(lambda: _process(site, named, task_id), bool, PATIENCE_SECONDS)
    assert found is not None
    name, process = found
    # It neither begins nor ends anything while that is counted.
    process.suspend()
    (held,) = site.rows(_SPANS, name)
    made = Kill(told(site)["again"], held["n"])
    process.kill()
    return made


def _process(site: Site, named: str, task_id: int) -> tuple[str, psutil.Process] | None:
    """The worker that a query names, with its name."""
    names = [str(row["worker"]) for row in site.rows(named, task_id)]
    pairs = ((name, one) for one in workers(site) for name in names)
    return next(((name, one) for name, one in pairs if f"--name {name}" in " ".join(one.cmdline())), None)


def _again(kills: list[Kill], at_end: int, *, shared: bool) -> Figure:
    """Only what was in flight when its worker was killed is sent again: no more parts than the worker had lanes.

    Those are the lanes of the object that it had, and as many for each span of it: it holds none, unless it helped
    before it had the object. Parts of an object that is shared come again when somebody claims their span, maybe after
    the next kill, so there the sums are compared.
    """
    each = [after - before for before, after in pairwise([*(kill.again for kill in kills), at_end])]
    most = [Limits().parts * (1 + kill.spans) for kill in kills]
    compared = (accumulate(each), accumulate(most)) if shared else (each, most)
    held = all(again <= flying for again, flying in zip(*compared, strict=True))
    return judged(
        f"parts sent again after each of {len(each)} kills", f"{each}, {at_end} in all",
        f"<= {most} in flight{', added up' if shared else ''}, none before",
        held=held and at_end == sum(each),
    )  # fmt: skip


def _whole(site: Site, pattern: Pattern, task: dict[str, object]) -> Figure:
    seen = told(site)
    numbers = range(1, pattern.parts + 1)
    wanted = [[number, pattern.length(number), pattern.md5(number)] for number in numbers]
    stored = site.destination.info("into", LARGE_KEY)
    held = (task["status"], task["failed_num"], seen["unhashed"], seen["landed"] == wanted) == (5, 0, 0, True)
    held = held and (stored["size"], stored["etag"]) == (pattern.size, pattern.etag())
    found = f"status {task['status']}, {len(seen['landed'])} parts of {pattern.parts}, {stored['size']} bytes"
    bar = "every part with the size and MD5 of its range, each sent with its Content-MD5, the same ETag"
    return judged("object", found, bar, held=held)


def _forgotten(site: Site) -> Figure:
    (left,) = site.rows(_LEFT)
    found = f"{left['parts']} rows, {left['size']} bytes"
    return judged("parts left in the ledger", found, "0 rows", held=not left["parts"])
