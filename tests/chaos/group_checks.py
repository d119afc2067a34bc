"""Groups: each object belongs to one task, all of them make up the source, and figures are sums."""

from __future__ import annotations

from collections import Counter
from typing import Any

import psycopg

from tests.chaos.findings import Findings
from tests.chaos.plan import Asked, AskedGroup
from tests.chaos.task_checks import TaskChecks

MEMBERS = "SELECT id, name FROM task WHERE group_id = %s::uuid AND NOT scanner ORDER BY id"
# Once a group has ended, what it listed belongs to its tasks.
LEFT_BEHIND = """
SELECT (SELECT count(*) FROM unit u WHERE u.task_id = t.id) AS units,
       (SELECT count(*) FROM segment s WHERE s.task_id = t.id) AS segments,
       (SELECT coalesce(sum(listed + ok + skip + fail), 0) FROM counter c WHERE c.task_id = t.id) AS counted
  FROM task t WHERE t.group_id = %s::uuid AND t.scanner"""
REMAINS = """
SELECT (SELECT count(*) FROM task WHERE group_id = %(id)s::uuid) AS tasks,
       (SELECT count(*) FROM task_group WHERE id = %(id)s::uuid) AS groups"""
# A figure of the group and the figure of its tasks that it is the sum of.
SUMS = {
    "total_num": "total_num",
    "create_complete_num": "total_num",
    "success_num": "successful_num",
    "skip_num": "skipped_num",
    "fail_num": "failed_num",
    "total_size": "total_size",
    "create_complete_size": "total_size",
}
COMPLETE, SUCCEEDED = 6, 5


class GroupChecks:
    """Looks at groups that have ended or are gone."""

    def __init__(
        self, connection: psycopg.Connection[dict[str, Any]], tasks: TaskChecks, found: Findings
    ) -> None:
        self._connection = connection
        self._tasks = tasks
        self._found = found

    def check(self, asked: AskedGroup) -> None:
        """One group with all its tasks."""
        self._found.groups += 1
        if asked.deleted:
            self._check_deleted(asked)
            return
        owners: Counter[bytes] = Counter()
        listed = successful = skipped = 0
        for row in self._connection.execute(MEMBERS, [asked.id]).fetchall():
            keys, runs = self._tasks.account(self._connection, self._member(asked, row))
            owners.update(keys)
            if runs:
                listed += runs[-1]["base_listed"] + runs[-1]["listed"]
                successful += runs[-1]["base_ok"] + runs[-1]["ok"]
                skipped += runs[-1]["base_skip"] + runs[-1]["skip"]
        self._check_keys(asked, owners)
        self._check_figures(asked, {"total_num": listed, "success_num": successful, "skip_num": skipped})
        self._check_scanner(asked)

    def _member(self, asked: AskedGroup, row: dict[str, Any]) -> Asked:
        folder = f"oms/task_group/{asked.id}/{{kind}}_object_lists/{row['name']}/"
        return Asked(row["id"], row["name"], asked.save_prefix, [], asked.created_at, folder=folder)

    def _check_keys(self, asked: AskedGroup, owners: Counter[bytes]) -> None:
        found, where = self._found, f"group {asked.id}"
        wanted = {bytes.fromhex(key) for key in asked.keys}
        for key, number in owners.items():
            if number > 1:
                found.doubled.append(f"{where}: {key!r} belongs to {number} tasks")
        for key in sorted(wanted - owners.keys()):
            found.lost.append(f"{where}: {key!r} belongs to no task")
        for key in sorted(owners.keys() - wanted):
            found.wrong.append(f"{where}: {key!r} is listed and was not asked for")
        for key in sorted(wanted):
            self._tasks.check_object(where, asked.save_prefix.encode() + key, key, asked.created_at)

    def _check_figures(self, asked: AskedGroup, recounted: dict[str, int]) -> None:
        """What the API tells of the group, of its tasks, and what the lists hold is the same."""
        told, where = asked.shown, f"group {asked.id}"
        wrong = [f"{name} {told[name]}, recounted {n}" for name, n in recounted.items() if told[name] != n]
        for name, of_task in SUMS.items():
            total = sum(member[of_task] for member in asked.members)
            wrong += [] if told[name] == total else [f"{name} {told[name]}, its tasks {total}"]
        number = len(asked.members)
        expected = {
            "status": COMPLETE, "total_num": len(asked.keys), "fail_num": 0, "total_task_num": number,
            "create_task_num": number, "complete_task_num": number, "failed_task_num": 0, "paused_task_num": 0,
            "executing_task_num": 0, "waiting_task_num": 0,
        }  # fmt: skip
        wrong += [f"{name} {told[name]}, not {n}" for name, n in expected.items() if told[name] != n]
        wrong += [
            f"task {one['id']} in {one['status']}" for one in asked.members if one["status"] != SUCCEEDED
        ]
        self._found.miscounted += [f"{where}: {one}" for one in wrong]

    def _check_scanner(self, asked: AskedGroup) -> None:
        for row in self._connection.execute(LEFT_BEHIND, [asked.id]).fetchall():
            if any(row.values()):
                self._found.lost.append(f"group {asked.id}: belongs to no task: {row}")

    def _check_deleted(self, asked: AskedGroup) -> None:
        """Nothing of it is left in the ledger, and what it left at the destination is whole."""
        row = self._connection.execute(REMAINS, {"id": asked.id}).fetchone()
        if row is None or any(row.values()):
            self._found.wrong.append(f"deleted group {asked.id} is still there: {row}")
        for key in map(bytes.fromhex, asked.keys):
            there = asked.save_prefix.encode() + key
            if not self._tasks.whole_or_absent(there, key, asked.created_at):
                self._found.wrong.append(
                    f"deleted group {asked.id}: {there!r} holds other bytes than its source"
                )
