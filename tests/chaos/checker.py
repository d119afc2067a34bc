"""Recomputes everything from the two stores, the database and the lists that the engine wrote.

It shares no code with the engine: the standard library, psycopg and plain HTTP to the stores' admin pages.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

import psycopg
from psycopg.rows import dict_row

from tests.chaos.plain import StorePages
from tests.chaos.workload import Asked, Plan

BUCKET = "into"
KINDS = ("ok", "skip", "fail")
# A version that was replaced this long before a task began may still be what it saw listed.
SLACK_SECONDS = 1.0

COUNTERS = """
SELECT r.run_no, r.failed_only, r.base_listed, r.base_ok, r.base_skip, r.base_ok_bytes,
       c.listed, c.ok, c.skip, c.fail, c.ok_bytes, c.skip_bytes, c.fail_bytes
  FROM run r JOIN (SELECT task_id, run_no, sum(listed)::bigint AS listed, sum(ok)::bigint AS ok,
                          sum(skip)::bigint AS skip, sum(fail)::bigint AS fail, sum(ok_bytes)::bigint AS ok_bytes,
                          sum(skip_bytes)::bigint AS skip_bytes, sum(fail_bytes)::bigint AS fail_bytes
                     FROM counter GROUP BY task_id, run_no) c USING (task_id, run_no)
 WHERE r.task_id = %s ORDER BY r.run_no"""
LISTS = (
    "SELECT run_no, kind, object_key, lines, bytes, sha256, state FROM record WHERE task_id = %s ORDER BY id"
)
OPEN_UPLOADS = "SELECT upload_id, task_id, state FROM upload WHERE state <> 'closed'"

# In any snapshot: counters are what segments and lists hold, and what units and ranges say is done.
DRIFT = """
SELECT c.task_id, c.run_no, c.kind, c.n AS counted, coalesce(j.n, 0) AS journalled
  FROM (SELECT task_id, run_no, kind, n FROM (
          SELECT task_id, run_no, sum(ok)::bigint AS ok, sum(skip)::bigint AS skip, sum(fail)::bigint AS fail
            FROM counter GROUP BY task_id, run_no) s
          CROSS JOIN LATERAL (VALUES ('ok', ok), ('skip', skip), ('fail', fail)) AS v(kind, n)) c
  LEFT JOIN (SELECT task_id, run_no, kind, sum(n)::bigint AS n FROM (
               SELECT task_id, run_no, kind, n FROM segment WHERE record_id IS NULL
               UNION ALL SELECT task_id, run_no, kind, lines FROM record) x GROUP BY task_id, run_no, kind) j
    USING (task_id, run_no, kind)
 WHERE c.n <> coalesce(j.n, 0)
UNION ALL
SELECT c.task_id, c.run_no, 'more than listed', c.done, c.listed
  FROM (SELECT task_id, run_no, sum(ok + skip + fail)::bigint AS done, sum(listed)::bigint AS listed
          FROM counter GROUP BY task_id, run_no) c
 WHERE c.done > c.listed"""


@dataclass(slots=True)
class Findings:
    """What is wrong, a sentence each, and how much was looked at."""

    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    miscounted: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    explained: list[str] = field(default_factory=list)
    objects: int = 0
    tasks: int = 0
    lists: int = 0

    @property
    def problems(self) -> list[str]:
        """All of it; orphans that deleted tasks explain are none."""
        return [*self.lost, *self.wrong, *self.doubled, *self.miscounted, *self.orphans]


@dataclass(slots=True)
class Line:
    """One line of a list."""

    key: bytes
    kind: str
    size: int


class Checker:
    """Looks once, when nothing moves any more."""

    def __init__(self, source: StorePages, destination: StorePages, database_url: str, plan: Plan) -> None:
        self._source = source
        self._destination = destination
        self._database_url = database_url
        self._plan = plan
        self._found = Findings()
        self._hashes: dict[bytes, str] = {}
        self._sizes: dict[bytes, int] = {}

    def check(self) -> Findings:
        """Everything."""
        self._read_destination()
        self._check_source()
        with psycopg.connect(self._database_url, row_factory=dict_row) as connection:
            for drift in connection.execute(DRIFT).fetchall():
                self._found.miscounted.append(f"counters differ from the journal: {drift}")
            for asked in self._plan.tasks:
                if asked.deleted:
                    self._check_deleted(asked)
                else:
                    self._check_task(connection, asked)
            self._check_uploads(connection)
            self._check_names(connection)
        self._check_strays()
        return self._found

    def _read_destination(self) -> None:
        keys = self._destination.keys(BUCKET)
        with ThreadPoolExecutor(4) as threads:
            for key, body in zip(keys, threads.map(self._body, keys), strict=True):
                self._hashes[key], self._sizes[key] = body

    def _body(self, key: bytes) -> tuple[str, int]:
        body = self._destination.get(BUCKET, key)
        return hashlib.sha256(body).hexdigest(), len(body)

    def _check_source(self) -> None:
        """The source still holds what was put there: the engine only reads it."""
        for key in self._source.keys("from"):
            known = self._plan.history.get(key.hex())
            if known is None:
                self._found.wrong.append(f"the source has {key!r}, which nobody put there")
            elif hashlib.sha256(self._source.get("from", key)).hexdigest() != known[-1][1]:
                self._found.wrong.append(f"the source's {key!r} has changed")

    def _check_task(self, connection: psycopg.Connection[dict[str, Any]], asked: Asked) -> None:
        found = self._found
        found.tasks += 1
        runs = connection.execute(COUNTERS, [asked.id]).fetchall()
        if not runs:
            found.lost.append(f"task {asked.id} is not in the database")
            return
        lists = connection.execute(LISTS, [asked.id]).fetchall()
        accounted: set[bytes] = set()
        for run in runs:
            lines = [
                line for one in lists if one["run_no"] == run["run_no"] for line in self._lines(asked, one)
            ]
            self._check_run(asked, run, lines)
            accounted |= {line.key for line in lines if line.kind != "fail"}
        if runs[0]["run_no"] > 1:
            accounted |= self._kept_keys(asked, {one["object_key"] for one in lists})
        wanted = {bytes.fromhex(key) for key in asked.keys}
        for key in sorted(wanted - accounted):
            found.lost.append(f"task {asked.id}: {key!r} is in no list")
        for key in sorted(accounted - wanted):
            found.wrong.append(f"task {asked.id}: {key!r} is listed and was not asked for")
        for key in sorted(accounted & wanted):
            self._check_object(asked, key)
        last = runs[-1]
        if last["base_listed"] + last["listed"] != len(wanted):
            found.miscounted.append(
                f"task {asked.id}: {last['base_listed']} + {last['listed']} listed of {len(wanted)}"
            )

    def _kept_keys(self, asked: Asked, recorded: set[str]) -> set[bytes]:
        """What the lists of runs tell that the database has forgotten: the objects that a second retry left alone."""
        lists = [
            (key, kind)
            for kind in ("success", "skip")
            for key in self._hashes
            if key.startswith(f"oms/task/{asked.name}/{kind}_object_lists/".encode())
        ]
        return {
            _line(text, kind).key
            for key, kind in lists
            if key.decode() not in recorded
            for text in self._destination.get(BUCKET, key).split(b"\n")[:-1]
        }

    def _lines(self, asked: Asked, record: dict[str, Any]) -> list[Line]:
        found, key = self._found, record["object_key"].encode()
        found.lists += 1
        if key not in self._hashes:
            found.lost.append(f"task {asked.id}: the list {record['object_key']} is not there")
            return []
        if record["sha256"] is None or self._hashes[key] != record["sha256"].hex():
            found.wrong.append(f"task {asked.id}: the list {record['object_key']} is not what was recorded")
        text = self._destination.get(BUCKET, key)
        lines = [_line(one, record["kind"]) for one in text.split(b"\n")[:-1]]
        if len(lines) != record["lines"]:
            found.miscounted.append(f"{record['object_key']}: {len(lines)} lines, {record['lines']} recorded")
        return lines

    def _check_run(self, asked: Asked, run: dict[str, Any], lines: list[Line]) -> None:
        found, where = self._found, f"task {asked.id} run {run['run_no']}"
        for key, times in Counter(line.key for line in lines).items():
            if times > 1:
                found.doubled.append(f"{where}: {key!r} has {times} lines")
        for kind in KINDS:
            listed = sum(line.kind == kind for line in lines)
            if listed != run[kind]:
                problems = found.doubled if listed < run[kind] else found.lost
                problems.append(f"{where}: {run[kind]} {kind} counted, {listed} in the lists")
        if run["listed"] != run["ok"] + run["skip"] + run["fail"]:
            found.miscounted.append(
                f"{where}: {run['listed']} listed, {run['ok']}+{run['skip']}+{run['fail']} decided"
            )
        size = sum(line.size for line in lines if line.kind == "ok")
        if size != run["ok_bytes"]:
            found.miscounted.append(f"{where}: {run['ok_bytes']} bytes counted, {size} in the lists")

    def _check_object(self, asked: Asked, key: bytes) -> None:
        there = asked.save_prefix.encode() + key
        self._found.objects += 1
        if there not in self._hashes:
            self._found.lost.append(f"task {asked.id}: {there!r} counts as there and is not")
        elif self._hashes[there] not in self._versions(asked, key):
            self._found.wrong.append(f"task {asked.id}: {there!r} holds other bytes than its source ever did")

    def _versions(self, asked: Asked, key: bytes) -> set[str]:
        """SHA-256 of what the source held at any time while the task was there."""
        history = self._plan.history[key.hex()]
        ends = [since for since, _ in history[1:]] + [float("inf")]
        begins_at = asked.created_at - SLACK_SECONDS
        return {sha256 for (_, sha256), end in zip(history, ends, strict=True) if end >= begins_at}

    def _check_deleted(self, asked: Asked) -> None:
        """What a deleted task left is whole."""
        for key in map(bytes.fromhex, asked.keys):
            there = asked.save_prefix.encode() + key
            if there in self._hashes and self._hashes[there] not in self._versions(asked, key):
                self._found.wrong.append(
                    f"deleted task {asked.id}: {there!r} holds other bytes than its source"
                )

    def _check_uploads(self, connection: psycopg.Connection[dict[str, Any]]) -> None:
        known = {row["upload_id"]: row for row in connection.execute(OPEN_UPLOADS).fetchall()}
        for upload in self._destination.uploads(BUCKET):
            row = known.get(upload["upload_id"])
            where = f"upload {upload['upload_id']} of {upload['key']}"
            if row is not None and row["state"] == "leaked":
                self._found.explained.append(f"{where}: left by the deleted task {row['task_id']}")
            else:
                self._found.orphans.append(f"{where} is open ({row['state'] if row else 'recorded nowhere'})")

    def _check_names(self, connection: psycopg.Connection[dict[str, Any]]) -> None:
        """One task for each creation, however often it was sent."""
        made = {row["id"] for row in connection.execute("SELECT id FROM task WHERE NOT scanner").fetchall()}
        for extra in sorted(made - {asked.id for asked in self._plan.tasks}):
            self._found.doubled.append(f"task {extra} was created by nobody")

    def _check_strays(self) -> None:
        wanted = {
            one.save_prefix.encode() + bytes.fromhex(key) for one in self._plan.tasks for key in one.keys
        }
        for key in self._hashes:
            if key not in wanted and not key.startswith(b"oms/"):
                self._found.wrong.append(f"the destination has {key!r}, which nobody asked for")


def _line(text: bytes, kind: str) -> Line:
    columns = text.decode("utf-8", "surrogateescape").split("\t")
    if kind == "fail":
        return Line(unquote_to_bytes(columns[2]), kind, 0)
    return Line(unquote_to_bytes(columns[1]), kind, int(columns[3]))
