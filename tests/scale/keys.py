"""Very many keys that are there already: what they cost in memory, in the ledger and at the end."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import psycopg

from engine.records import LINES_PER_FILE
from tests.e2e.site import Site, until
from tests.scale.place import MIB, Figure, Memory, judged, placed, told

_MOST_MEMORY = 256 * MIB
_MILLION = 1_000_000
# Tables have a size of their own, which counts for nothing in a run of millions.
_LEAST = 250_000
_VACUUMS = 10
_DECIDED = "SELECT coalesce(sum(skip), 0)::bigint FROM counter WHERE task_id = %s"
_STATUS = "SELECT status FROM task WHERE id = %s"
_TABLES = """SELECT relname, pg_total_relation_size(oid) FROM pg_class
 WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 2 DESC"""
# Outcomes are stored in chunks out of line. Reading one fetches its chunks, and so does deleting it.
_CHUNKS = """SELECT n_tup_ins, n_tup_del, idx_tup_fetch - n_tup_del FROM pg_stat_all_tables
 WHERE relid = (SELECT reltoastrelid FROM pg_class WHERE oid = 'segment'::regclass)"""


def unchanged_keys(root: Path, keys: int) -> list[Figure]:
    """A run over keys that both sides have, equal in size and ETag."""
    with (
        placed(root, source_keys=keys) as site,
        psycopg.connect(site.database_url, autocommit=True) as ledger,
    ):
        began = time.monotonic()
        with Memory(site) as memory:
            task_id = site.create()
            peak = _followed(ledger, task_id, keys, memory)
        took = time.monotonic() - began
        task = site.task(task_id)
        after = _tables(ledger)
        _vacuum(ledger, keys)
        site.assert_adds_up(task_id)
        return [
            judged("keys", f"status {task['status']}, {task['skipped_num']} skipped", f"5, {keys}",
                   held=(task["status"], task["skipped_num"]) == (5, keys)),
            Figure("seconds", f"{took:.0f}, {keys / took:,.0f} keys/s"),
            memory.figure(_MOST_MEMORY),
            Figure("tables while it ran", _largest(peak)),
            Figure("tables at the end", _largest(after)),
            _small(_tables(ledger), keys),
            _lists(site, ledger, keys),
            _read_once(ledger),
        ]  # fmt: skip


def _followed(ledger: psycopg.Connection[Any], task_id: int, keys: int, memory: Memory) -> dict[str, int]:
    """The largest that each table was."""
    peak: dict[str, int] = {}
    while True:
        (decided,) = ledger.execute(_DECIDED, [task_id]).fetchone() or (0,)
        memory.progress = decided / keys
        for name, size in _tables(ledger).items():
            peak[name] = max(peak.get(name, 0), size)
        (status,) = ledger.execute(_STATUS, [task_id]).fetchone() or (0,)
        if status in (4, 5):
            return peak
        time.sleep(0.5)


def _vacuum(ledger: psycopg.Connection[Any], keys: int) -> None:
    """As autovacuum does; what an old snapshot still sees is left to the next."""
    for _ in range(_VACUUMS):
        ledger.execute("VACUUM")
        if not _small(_tables(ledger), keys).missed:
            return
        time.sleep(1)


def _tables(ledger: psycopg.Connection[Any]) -> dict[str, int]:
    return dict(ledger.execute(_TABLES).fetchall())


def _largest(sizes: dict[str, int]) -> str:
    first = sorted(sizes.items(), key=lambda one: -one[1])[:4]
    return ", ".join(f"{name} {size / 1e6:.2f} MB" for name, size in first)


def _small(sizes: dict[str, int], keys: int) -> Figure:
    most = 2e6 * max(keys, _LEAST) / _MILLION
    bar = f"each <= {most / 1e6:.1f} MB"
    return judged("tables after a vacuum", _largest(sizes), bar, held=max(sizes.values()) <= most)


def _lists(site: Site, ledger: psycopg.Connection[Any], keys: int) -> Figure:
    seen = told(site)["lists"]
    records = dict(ledger.execute("SELECT object_key, lines FROM record").fetchall())
    stored = {key: site.destination.info("into", key.encode())["size"] for key in seen}
    once = {key: found["bytes"] for key, found in seen.items()} == stored
    lines = {key: found["lines"] for key, found in seen.items()}
    requests = sum(found["requests"] for found in seen.values())
    found = (
        f"{len(seen)} lists, {sum(lines.values())} lines, {sum(stored.values())} bytes in {requests} requests"
    )
    least = -(-keys // LINES_PER_FILE)
    bar = f"bytes sent = bytes stored, lines of the ledger, at least {least} lists"
    held = once and lines == records and sum(lines.values()) == keys and len(seen) >= least
    return judged("lists", found, bar, held=held)


def _read_once(ledger: psycopg.Connection[Any]) -> Figure:
    """Each process tells Postgres some seconds later what it has read."""
    stored, dropped, read = until(
        lambda: ledger.execute(_CHUNKS).fetchone() or (0, 0, 0),
        lambda found: 0 < found[0] == found[1] and found[2] >= found[0],
        60,
    )
    found = f"{stored} chunks stored, {read} read, {dropped} dropped"
    return judged("outcomes until they were in a list", found, "each read once", held=read == stored)
