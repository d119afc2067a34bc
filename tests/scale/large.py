"""One object of very many parts, whose workers are killed: the one that has it again and again, or one that helps."""

from __future__ import annotations

import random
import time
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
_LEFT = """
SELECT (SELECT count(*) FROM upload_part) + (SELECT count(*) FROM part_span) AS parts,
       pg_total_relation_size('upload_part') AS size"""


def large_object(root: Path, size: int, kills: int, seed: int = 2027) -> list[Figure]:
    """Migrated under `kills` times kill -9 of whoever moves it; what that cost, and whether it is all there."""
    pattern = Pattern(size)
    with placed(root, large=size, etag=pattern.etag()) as site, Memory(site) as memory:
        began = time.monotonic()
        task_id = site.create()
        again = _killed(site, task_id, pattern.parts, kills, random.Random(seed), memory)
        while (task := site.task(task_id))["status"] not in (4, 5):
            memory.progress = told(site)["numbers"] / pattern.parts
            time.sleep(0.2)
        took = time.monotonic() - began
        site.assert_adds_up(task_id)
        return [
            _whole(site, pattern, task),
            Figure("seconds", f"{took:.0f}, {size / took / 1e6:.0f} MB/s"),
            _again(again, told(site)["again"]),
            memory.figure(_MOST_MEMORY),
            _forgotten(site),
        ]


def shared_object(root: Path, size: int) -> list[Figure]:
    """Two workers send its parts, and the one that only helps is killed with -9 in the middle of it."""
    pattern, limits = Pattern(size), Limits()
    with placed(root, large=size, etag=pattern.etag()) as site:
        task_id = site.create()
        helper = until(lambda: _process(site, _HELPER, task_id), bool, PATIENCE_SECONDS)
        assert helper is not None
        helper.kill()
        task = site.wait(task_id, seconds=PATIENCE_SECONDS)
        site.assert_adds_up(task_id)
        again, most = told(site)["again"], limits.parts * limits.spans
        return [
            _whole(site, pattern, task),
            judged("parts sent again", str(again), f"<= {most} in flight", held=again <= most),
            _forgotten(site),
        ]


def _killed(
    site: Site, task_id: int, parts: int, kills: int, rng: random.Random, memory: Memory
) -> list[int]:
    """How many parts had been begun a second time at each kill."""
    again, seen = [], 0
    for kill in range(kills):
        wanted = max(int(parts * (kill + rng.uniform(0.5, 1.4)) / (kills + 1)), seen + 1)
        while (now := told(site))["numbers"] < wanted:
            memory.progress = now["numbers"] / parts
            time.sleep(0.05)
        holder = until(lambda: _process(site, _HOLDER, task_id), bool, PATIENCE_SECONDS)
        assert holder is not None
        seen, before = now["numbers"], told(site)["again"]
        holder.kill()
        again.append(before)
    return again


def _process(site: Site, named: str, task_id: int) -> psutil.Process | None:
    """The worker that a query names."""
    names = {f"--name {row['worker']}" for row in site.rows(named, task_id)}
    return next(
        (one for one in workers(site) if any(name in " ".join(one.cmdline()) for name in names)), None
    )


def _again(at_kills: list[int], at_end: int) -> Figure:
    each = [after - before for before, after in zip(at_kills, [*at_kills[1:], at_end], strict=True)]
    # Who helped with it goes on with what it had when it has the whole.
    most = Limits().parts * (1 + Limits().spans)
    return judged(
        f"parts sent again after each of {len(each)} kills", f"{each}, {at_end} in all", f"<= {most} in flight",
        held=max(each, default=0) <= most and (not at_kills or at_kills[0] == 0),
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
