"""One task: its counters, its lists, and what each object of it holds at the destination."""

from __future__ import annotations

from collections import Counter
from typing import Any, TypeAlias

import psycopg

from tests.chaos.contents import Contents
from tests.chaos.findings import Findings, Line, lines_of
from tests.chaos.plan import Asked, History

Rows: TypeAlias = list[dict[str, Any]]
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


class TaskChecks:
    """Shared by tasks and by the tasks of groups."""

    def __init__(self, contents: Contents, history: History, found: Findings) -> None:
        self._contents = contents
        self._history = history
        self._found = found

    def account(
        self, connection: psycopg.Connection[dict[str, Any]], asked: Asked
    ) -> tuple[set[bytes], Rows]:
        """The keys that its lists tell to be there, and the figures of its runs; none when it is not there."""
        self._found.tasks += 1
        runs = connection.execute(COUNTERS, [asked.id]).fetchall()
        if not runs:
            self._found.lost.append(f"task {asked.id} is not in the database")
            return set(), []
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
        return accounted, runs

    def check_object(self, where: str, there: bytes, key: bytes, since: float) -> None:
        """It holds what its source held at some time after `since`."""
        self._found.objects += 1
        if there not in self._contents.hashes:
            self._found.lost.append(f"{where}: {there!r} counts as there and is not")
        elif not self.whole(there, key, since):
            self._found.wrong.append(f"{where}: {there!r} holds other bytes than its source ever did")

    def whole_or_absent(self, there: bytes, key: bytes, since: float) -> bool:
        """What something that was deleted may leave."""
        return there not in self._contents.hashes or self.whole(there, key, since)

    def whole(self, there: bytes, key: bytes, since: float) -> bool:
        """Whether these are the bytes of a version that the source had at any time after `since`."""
        history = self._history[key.hex()]
        ends = [at for at, _ in history[1:]] + [float("inf")]
        versions = {
            sha256 for (_, sha256), end in zip(history, ends, strict=True) if end >= since - SLACK_SECONDS
        }
        return self._contents.hashes[there] in versions

    def _kept_keys(self, asked: Asked, recorded: set[str]) -> set[bytes]:
        """What the lists of runs tell that the database has forgotten: the objects that a second retry left alone."""
        return {
            line.key
            for kind in ("success", "skip")
            for key in self._contents.below(asked.list_folder(kind))
            if key.decode() not in recorded
            for line in lines_of(self._contents.body(key), kind)
        }

    def _lines(self, asked: Asked, record: dict[str, Any]) -> list[Line]:
        found, key = self._found, record["object_key"].encode()
        found.lists += 1
        if key not in self._contents.hashes:
            found.lost.append(f"task {asked.id}: the list {record['object_key']} is not there")
            return []
        if record["sha256"] is None or self._contents.hashes[key] != record["sha256"].hex():
            found.wrong.append(f"task {asked.id}: the list {record['object_key']} is not what was recorded")
        lines = lines_of(self._contents.body(key), record["kind"])
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
