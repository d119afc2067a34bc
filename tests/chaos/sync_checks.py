"""Synchronisation tasks: no event is lost, the last bytes are there, and figures are what the lists hold."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Any
from urllib.parse import quote

import psycopg

from tests.chaos.contents import Contents
from tests.chaos.findings import Findings, Line, lines_of
from tests.chaos.plain import StorePages
from tests.chaos.plan import AskedSync, History
from tests.chaos.syncs import FROM, INTO

KINDS = {"success": "SUCCESS", "failed": "FAILURE", "skip": "SKIP"}
WAITING = """
SELECT (SELECT coalesce(sum(n), 0) FROM sync_event WHERE sync_id = %(id)s::uuid) AS events,
       (SELECT count(*) FROM task WHERE sync_id = %(id)s::uuid) AS batches"""
# The destination tells times in whole seconds.
SLACK_SECONDS = 1.0


class SyncChecks:
    """Looks when everything reported has been dealt with."""

    def __init__(
        self,
        source: StorePages,
        destination: StorePages,
        connection: psycopg.Connection[dict[str, Any]],
        history: History,
        found: Findings,
    ) -> None:
        self._source = source
        self._destination = destination
        self._connection = connection
        self._history = history
        self._found = found
        self._contents = Contents(destination, INTO)

    def check(self, syncs: list[AskedSync]) -> None:
        """All of them, and the bucket that they share."""
        self._check_source()
        for asked in syncs:
            self._check_task(asked)
        reported = {bytes.fromhex(key) for asked in syncs for key in asked.reported}
        folders = tuple(f"oms/sync_task/{asked.id}/".encode() for asked in syncs)
        for key in self._contents.hashes:
            if key not in reported and not key.startswith(folders or b"\n"):
                self._found.wrong.append(f"the destination has {key!r}, which no event named")

    def _check_source(self) -> None:
        for key in self._source.keys(FROM):
            if hashlib.sha256(self._source.get(FROM, key)).hexdigest() != self._last(key.hex()):
                self._found.wrong.append(f"the source's {key!r} has changed")

    def _check_task(self, asked: AskedSync) -> None:
        found, where = self._found, f"synchronisation task {asked.id}"
        found.tasks += 1
        found.events += asked.requests
        waiting = self._connection.execute(WAITING, {"id": asked.id}).fetchone()
        if waiting is None or any(waiting.values()):
            found.lost.append(f"{where}: still waiting: {waiting}")
        lines = {kind: self._lines(asked, kind) for kind in KINDS}
        self._check_figures(asked, lines)
        named = {line.key for of_kind in lines.values() for line in of_kind}
        reported = {bytes.fromhex(key) for key in asked.reported}
        for key in sorted(reported - named):
            found.lost.append(f"{where}: {key!r} was reported and is in no list")
        for key in sorted(named - reported):
            found.wrong.append(f"{where}: {key!r} is listed and was not reported")
        for key in sorted(reported):
            self._check_object(where, key)
        self._check_late(asked)

    def _check_object(self, where: str, key: bytes) -> None:
        last = self._last(key.hex())
        if last is None:
            if key in self._contents.hashes:
                self._found.wrong.append(
                    f"{where}: {key!r} was never at the source and is at the destination"
                )
            return
        self._found.objects += 1
        if key not in self._contents.hashes:
            self._found.lost.append(f"{where}: {key!r} was reported and is not there")
        elif self._contents.hashes[key] != last:
            self._found.wrong.append(f"{where}: {key!r} was reported and has not the source's last bytes")

    def _check_late(self, asked: AskedSync) -> None:
        """What was not there before it came again must be in a failed list that was written after its last report."""
        failed: dict[bytes, float] = {}
        for name in self._contents.below(self._folder(asked, "failed")):
            written_at = self._written_at(name)
            for line in lines_of(self._contents.body(name), "failed"):
                failed[line.key] = max(failed.get(line.key, 0.0), written_at)
        for hexed, reported_at in asked.late.items():
            key = bytes.fromhex(hexed)
            if failed.get(key, 0.0) < reported_at - SLACK_SECONDS:
                self._found.lost.append(
                    f"synchronisation task {asked.id}: {key!r} had not arrived, and no failed list says so"
                )

    def _check_figures(self, asked: AskedSync, lines: dict[str, list[Line]]) -> None:
        month, wrong = asked.month, []
        counted = Counter({KINDS[kind]: len(of_kind) for kind, of_kind in lines.items()})
        for name in ("SUCCESS", "FAILURE"):
            wrong += (
                [] if month[name] == counted[name] else [f"{month[name]} {name}, {counted[name]} in lists"]
            )
        # Events that an equal waiting one answers for are skipped without a line.
        if month["SKIP"] < counted["SKIP"]:
            wrong.append(f"{month['SKIP']} SKIP, {counted['SKIP']} in lists")
        size = sum(line.size for line in lines["success"])
        wrong += [] if month["SIZE"] == size else [f"{month['SIZE']} bytes, {size} in lists"]
        if month["REQUEST"] != asked.requests:
            wrong.append(f"{month['REQUEST']} REQUEST, {asked.requests} accepted")
        if asked.requests != month["SUCCESS"] + month["FAILURE"] + month["SKIP"]:
            wrong.append(f"does not add up: {month}")
        if {kind: asked.series.get(kind, 0) for kind in month} != month:
            wrong.append(f"{asked.series} by five minutes, {month} by the month")
        self._found.miscounted += [f"synchronisation task {asked.id}: {one}" for one in wrong]

    def _lines(self, asked: AskedSync, kind: str) -> list[Line]:
        names = self._contents.below(self._folder(asked, kind))
        self._found.lists += len(names)
        return [line for name in names for line in lines_of(self._contents.body(name), kind)]

    def _folder(self, asked: AskedSync, kind: str) -> bytes:
        return f"oms/sync_task/{asked.id}/{kind}_object_lists/".encode()

    def _written_at(self, name: bytes) -> float:
        told = json.loads(self._destination.ask("GET", f"info?bucket={INTO}&key={quote(name, safe='')}"))
        return float(told["modified"])

    def _last(self, hexed: str) -> str | None:
        history = self._history.get(hexed)
        return history[-1][1] if history else None
