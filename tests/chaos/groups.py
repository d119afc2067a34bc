"""Groups over several folders, stopped, started, tried again and deleted while faults act."""

from __future__ import annotations

import time
from random import Random
from typing import Any

from tests.chaos.client import Client
from tests.chaos.installation import AK, KEYS, SK
from tests.chaos.plan import AskedGroup, Plan

AT_ONCE = 2
REGIONS = ("us-east-1", "cn-north-4")
WAITING, CREATING, MONITORING, PAUSED, CREATION_FAILED, FAILED, COMPLETE, _, TO_BE_DELETED, DELETING = range(
    10
)
PAGE = 100


class Groups:
    """Keeps two groups going."""

    def __init__(self, client: Client, plan: Plan, folders: dict[str, list[bytes]], rng: Random) -> None:
        self._client = client
        self._plan = plan
        self._folders = folders
        self._rng = rng
        self._paused: dict[str, float] = {}
        self._serial = 0

    def turn(self) -> None:
        """One look at all groups, and what chance makes of it."""
        going = [(one, self._status(one)) for one in self._plan.groups if not (one.deleted or one.ended)]
        for asked, status in going:
            self._treat(asked, status)
        if len(going) < AT_ONCE:
            self.create()

    def finish(self) -> list[str]:
        """Without faults: what was paused or failed is started; who has not come to the end yet."""
        left = []
        for asked in self._plan.groups:
            if asked.deleted and not self._client.gone(f"/taskgroups/{asked.id}"):
                left.append(f"group {asked.id}, which was deleted,")
            elif not (asked.deleted or asked.ended):
                self._push(asked, self._status(asked))
                left += [] if asked.ended else [f"group {asked.id}"]
        return left

    def look(self) -> None:
        """What the API tells of each group and of its tasks."""
        for asked in self._plan.groups:
            if not asked.deleted:
                asked.shown = self._client.call("GET", f"/taskgroups/{asked.id}")
                asked.members = self._members(asked)

    def create(self) -> None:
        """One more group: a few folders by name, or all that begin alike."""
        self._serial += 1
        chosen = self._rng.sample(sorted(self._folders), self._rng.randint(3, 5))
        if self._rng.random() < 0.3:
            chosen = ["small-"]
        save_prefix = f"g{self._serial:05}/"
        keys = [
            key for name, folder in self._folders.items() if name.startswith(tuple(chosen)) for key in folder
        ]
        body = {
            "task_type": "PREFIX",
            "src_node": {
                "cloud_type": "AWS", "region": REGIONS[0], "ak": AK, "sk": SK, "bucket": "from", "object_key": chosen,
            },
            "dst_node": {
                "region": REGIONS[1], "ak": AK, "sk": SK, "bucket": "into", "save_prefix": save_prefix,
            },
        }  # fmt: skip
        made_at = time.time()
        made = self._client.call("POST", "/taskgroups", body, key=f"chaos-group-{self._serial}")
        hexed = [key.hex() for key in keys]
        self._plan.groups.append(AskedGroup(made["group_id"], save_prefix, hexed, made_at))
        self._client.count("create group")

    def _treat(self, asked: AskedGroup, status: int) -> None:
        chance = self._rng.random()
        if status in (CREATING, MONITORING) and chance < 0.06:
            if self._do("stop group", "PUT", asked, "/stop"):
                self._paused[asked.id] = time.monotonic() + self._rng.uniform(0.5, 4)
        elif status in (PAUSED, CREATION_FAILED, FAILED) and chance < 0.05:
            # Refused, and on its way out: an earlier try has arrived although its answer was lost.
            asked.deleted = self._do("delete group", "DELETE", asked) or self._leaves(asked)
        elif status == MONITORING and chance < 0.12:
            self._stop_member(asked)
        elif time.monotonic() > self._paused.get(asked.id, 0.0):
            self._push(asked, status)

    def _push(self, asked: AskedGroup, status: int) -> None:
        """Whatever leads on from where it is."""
        if status == COMPLETE:
            asked.ended = True
        elif status == PAUSED:
            self._do("start group", "PUT", asked, "/start", KEYS)
        elif status in (CREATION_FAILED, FAILED):
            failed_only = {"migrate_failed_object": self._rng.random() < 0.5}
            self._do("retry group", "PUT", asked, "/retry", KEYS | failed_only)
        elif status == MONITORING:
            self._start_members(asked)

    def _stop_member(self, asked: AskedGroup) -> None:
        """A single task of a group may be stopped too; its group waits for it."""
        running = [member["id"] for member in self._members(asked) if member["status"] == 2]
        if running:
            task_id = self._rng.choice(running)
            self._client.attempt("stop task of group", "POST", f"/tasks/{task_id}/stop")

    def _start_members(self, asked: AskedGroup) -> None:
        for member in self._members(asked):
            if member["status"] == 3:
                self._client.attempt("start task of group", "POST", f"/tasks/{member['id']}/start", KEYS)

    def _members(self, asked: AskedGroup) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            path = f"/tasks?group_id={asked.id}&limit={PAGE}&offset={len(found)}"
            page = self._client.call("GET", path)["tasks"]
            found += page
            if len(page) < PAGE:
                return found

    def _do(
        self, what: str, method: str, asked: AskedGroup, rest: str = "", body: dict[str, Any] | None = None
    ) -> bool:
        return self._client.attempt(what, method, f"/taskgroups/{asked.id}{rest}", body)

    def _status(self, asked: AskedGroup) -> int:
        return int(self._client.call("GET", f"/taskgroups/{asked.id}")["status"])

    def _leaves(self, asked: AskedGroup) -> bool:
        path = f"/taskgroups/{asked.id}"
        return self._client.gone(path) or self._status(asked) in (TO_BE_DELETED, DELETING)
