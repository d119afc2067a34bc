"""Recomputes everything from the two stores, the database and the lists that the engine wrote.

It shares no code with the engine: the standard library, psycopg and plain HTTP to the stores' admin pages.
"""

from __future__ import annotations

import hashlib
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests.chaos.contents import Contents
from tests.chaos.findings import Findings
from tests.chaos.group_checks import GroupChecks
from tests.chaos.plain import StorePages
from tests.chaos.plan import Asked, AskedGroup, Plan
from tests.chaos.snapshots import DRIFT, GROUP_DRIFT, SYNC_DRIFT
from tests.chaos.sync_checks import SyncChecks
from tests.chaos.syncs import INTO as SYNCED
from tests.chaos.task_checks import TaskChecks

BUCKET = "into"
OPEN_UPLOADS = "SELECT upload_id, task_id, state FROM upload WHERE state <> 'closed'"
TASKS = "SELECT id FROM task WHERE group_id IS NULL AND sync_id IS NULL"
GROUPS = "SELECT id::text AS id FROM task_group"
SYNCS = "SELECT id::text AS id FROM sync_task"


class Checker:
    """Looks once, when nothing moves any more."""

    def __init__(self, source: StorePages, destination: StorePages, database_url: str, plan: Plan) -> None:
        self._source = source
        self._destination = destination
        self._database_url = database_url
        self._plan = plan
        self._found = Findings()
        self._contents = Contents(destination, BUCKET)
        self._tasks = TaskChecks(self._contents, plan.history, self._found)

    def check(self) -> Findings:
        """Everything."""
        plan, found = self._plan, self._found
        self._check_source()
        with psycopg.connect(self._database_url, row_factory=dict_row) as connection:
            for sql in (DRIFT, SYNC_DRIFT, GROUP_DRIFT):
                for drift in connection.execute(sql).fetchall():
                    found.miscounted.append(f"counters differ from the journal: {drift}")
            for asked in plan.tasks:
                if asked.deleted:
                    self._check_deleted(asked)
                else:
                    self._check_task(connection, asked)
            groups = GroupChecks(connection, self._tasks, found)
            for group in plan.groups:
                groups.check(group)
            syncs = SyncChecks(self._source, self._destination, connection, plan.events, found)
            syncs.check(plan.syncs)
            self._check_uploads(connection)
            self._check_names(connection)
        self._check_strays()
        return found

    def _check_source(self) -> None:
        """The source still holds what was put there: the engine only reads it."""
        for key in self._source.keys("from"):
            known = self._plan.history.get(key.hex())
            if known is None:
                self._found.wrong.append(f"the source has {key!r}, which nobody put there")
            elif hashlib.sha256(self._source.get("from", key)).hexdigest() != known[-1][1]:
                self._found.wrong.append(f"the source's {key!r} has changed")

    def _check_task(self, connection: psycopg.Connection[dict[str, Any]], asked: Asked) -> None:
        found, where = self._found, f"task {asked.id}"
        accounted, runs = self._tasks.account(connection, asked)
        wanted = {bytes.fromhex(key) for key in asked.keys}
        if not runs:
            return
        for key in sorted(wanted - accounted):
            found.lost.append(f"{where}: {key!r} is in no list")
        for key in sorted(accounted - wanted):
            found.wrong.append(f"{where}: {key!r} is listed and was not asked for")
        for key in sorted(accounted & wanted):
            self._tasks.check_object(where, asked.save_prefix.encode() + key, key, asked.created_at)
        last = runs[-1]
        if last["base_listed"] + last["listed"] != len(wanted):
            found.miscounted.append(
                f"{where}: {last['base_listed']} + {last['listed']} listed of {len(wanted)}"
            )

    def _check_deleted(self, asked: Asked) -> None:
        """What a deleted task left is whole."""
        for key in map(bytes.fromhex, asked.keys):
            there = asked.save_prefix.encode() + key
            if not self._tasks.whole_or_absent(there, key, asked.created_at):
                self._found.wrong.append(
                    f"deleted task {asked.id}: {there!r} holds other bytes than its source"
                )

    def _check_uploads(self, connection: psycopg.Connection[dict[str, Any]]) -> None:
        known = {row["upload_id"]: row for row in connection.execute(OPEN_UPLOADS).fetchall()}
        for upload in (*self._destination.uploads(BUCKET), *self._destination.uploads(SYNCED)):
            row = known.get(upload["upload_id"])
            where = f"upload {upload['upload_id']} of {upload['key']}"
            if row is not None and row["state"] == "leaked":
                self._found.explained.append(f"{where}: left by the deleted task {row['task_id']}")
            else:
                self._found.orphans.append(f"{where} is open ({row['state'] if row else 'recorded nowhere'})")

    def _check_names(self, connection: psycopg.Connection[dict[str, Any]]) -> None:
        """One task, group or synchronisation task for each creation, however often it was sent."""
        plan = self._plan
        asked: tuple[tuple[str, str, set[Any]], ...] = (
            ("task", TASKS, {one.id for one in plan.tasks}),
            ("group", GROUPS, {one.id for one in plan.groups}),
            ("synchronisation task", SYNCS, {one.id for one in plan.syncs}),
        )
        for what, sql, ids in asked:
            made = {row["id"] for row in connection.execute(sql.encode()).fetchall()}
            self._found.doubled += [f"{what} {extra} was created by nobody" for extra in sorted(made - ids)]

    def _check_strays(self) -> None:
        asked: list[Asked | AskedGroup] = [*self._plan.tasks, *self._plan.groups]
        wanted = {one.save_prefix.encode() + bytes.fromhex(key) for one in asked for key in one.keys}
        for key in self._contents.hashes:
            if key not in wanted and not key.startswith(b"oms/"):
                self._found.wrong.append(f"the destination has {key!r}, which nobody asked for")
