"""A stream of tasks that are created, paused, started and deleted while faults act."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from random import Random
from typing import Any
from urllib.parse import quote

from tests.chaos.client import Client, Refused
from tests.chaos.groups import Groups
from tests.chaos.installation import AK, KEYS, SK, Installation
from tests.chaos.plan import Asked, Plan, remember
from tests.chaos.syncs import Syncs

FOLDERS, IN_FOLDER = 12, 150
LARGE_FOLDERS = 3
LARGE = (17 << 20, 20 << 20, (33 << 20) + 1)
AT_ONCE = 7
KINDS = ("prefix", "prefix", "prefix", "object", "list", "large")
REGIONS = ("us-east-1", "cn-north-4")


class Workload:
    """Keeps a number of tasks going."""

    def __init__(self, site: Installation, seed: int) -> None:
        self.plan = Plan()
        self.client = Client(site)
        self._site = site
        self._rng = Random(seed)
        self._paused: dict[int, float] = {}
        self._serial = 0
        self._folders: dict[str, list[bytes]] = {}
        self.groups = Groups(self.client, self.plan, self._folders, Random(seed + 1))
        self.syncs = Syncs(site, self.client, self.plan, Random(seed + 2))

    def fill(self) -> None:
        """Objects at the source: folders of small ones, from none to 64 KiB, and folders with a few large ones."""
        for folder in range(FOLDERS):
            self._folder(f"small-{folder:02}/", [self._small() for _ in range(IN_FOLDER)])
        for folder in range(LARGE_FOLDERS):
            self._folder(f"large-{folder:02}/", [LARGE[folder], *[self._small() for _ in range(20)]])

    def turn(self) -> None:
        """One look at all tasks, and what chance makes of it."""
        shown = {one.id: self._status(one) for one in self.plan.tasks if not (one.deleted or one.ended_at)}
        for task_id, status in shown.items():
            self._treat(self._asked(task_id), status)
        if sum(status in (0, 1, 2, 7) for status in shown.values()) < AT_ONCE:
            self.create()
        self.groups.turn()
        self.syncs.turn()

    def finish(self, seconds: float) -> list[str]:
        """Without faults: everything that was paused or failed is started until all has ended well; what has not."""
        deadline, left = time.monotonic() + seconds, [""]
        while left and time.monotonic() < deadline:
            left = [*self._finish_tasks(), *self.groups.finish(), *self.syncs.finish()]
            if left:
                time.sleep(0.5)
        return left

    def _finish_tasks(self) -> list[str]:
        left = []
        for asked in self.plan.tasks:
            if asked.deleted or asked.ended_at:
                continue
            status = self._status(asked)
            if status == 5:
                asked.ended_at = time.time()
                continue
            left.append(f"task {asked.id}")
            if status in (3, 4):
                self._start(asked.id)
        return left

    def mutate(self) -> None:
        """An object at the source gets other contents; what it held is remembered."""
        key = self._rng.choice(
            self._folders[self._rng.choice([f for f in self._folders if f.startswith("small")])]
        )
        if not self._site.source.get("from", key):
            return
        self._site.source.mutate("from", key)
        remember(self.plan.history, key, self._site.source.get("from", key))
        self.client.count("source object overwritten")

    def last_word(self) -> None:
        """One more task into the same bucket, for what deleted ones left behind; what events failed to bring, again."""
        self.create("object")
        self.syncs.report_late()

    def _treat(self, asked: Asked, status: int) -> None:
        chance = self._rng.random()
        if status == 5:
            asked.ended_at = time.time()
        elif status == 2 and chance < 0.04:
            if self.client.attempt("stop", "POST", f"/tasks/{asked.id}/stop"):
                self._paused[asked.id] = time.monotonic() + self._rng.uniform(0.5, 4)
        elif status in (3, 4) and chance < 0.05:
            path = f"/tasks/{asked.id}"
            # Refused, and gone: an earlier try has arrived although its answer was lost.
            asked.deleted = self.client.attempt("delete", "DELETE", path) or self.client.gone(path)
        elif status in (3, 4) and time.monotonic() > self._paused.get(asked.id, 0.0):
            self._start(asked.id)

    def _start(self, task_id: int) -> None:
        more = {"migrate_failed_object": True} if self._rng.random() < 0.5 else {}
        if not self.client.attempt("start", "POST", f"/tasks/{task_id}/start", KEYS | more) and more:
            self.client.attempt("start", "POST", f"/tasks/{task_id}/start", KEYS)

    def _status(self, asked: Asked) -> int:
        try:
            return int(self.client.call("GET", f"/tasks/{asked.id}")["status"])
        except Refused:
            return 0

    def create(self, kind: str = "") -> int:
        """One more task, of this kind or one that chance picks; its id."""
        self._serial += 1
        number, kind = self._serial, kind or self._rng.choice(KINDS)
        folder = self._rng.choice([f for f in self._folders if f.startswith("large") == (kind == "large")])
        keys, save_prefix = self._folders[folder], f"t{number:05}/"
        source: dict[str, Any] = {
            "cloud_type": "AWS",
            "region": REGIONS[0],
            "ak": AK,
            "sk": SK,
            "bucket": "from",
        }
        if kind == "object":
            keys = self._rng.sample(keys, 20)
            source["object_key"] = [key.decode() for key in keys]
        elif kind == "list":
            name = f"list-{number}.txt"
            lines = "".join(f"{quote(key)}\n" for key in keys).encode()
            self._site.destination.put("lists", name.encode(), lines, "text/plain")
            source["list_file"] = {"obs_bucket": "lists", "list_file_key": name}
        else:
            source["object_key"] = [folder]
        body = {
            "task_type": {"large": "prefix"}.get(kind, kind),
            "src_node": source,
            "dst_node": {
                "region": REGIONS[1],
                "ak": AK,
                "sk": SK,
                "bucket": "into",
                "save_prefix": save_prefix,
            },
        }
        made_at = time.time()
        made = self.client.call("POST", "/tasks", body, key=f"chaos-{number}")
        hexed = [key.hex() for key in keys]
        self.plan.tasks.append(Asked(int(made["id"]), made["task_name"], save_prefix, hexed, made_at))
        self.client.count(f"create {kind}")
        return int(made["id"])

    def _asked(self, task_id: int) -> Asked:
        return next(one for one in self.plan.tasks if one.id == task_id)

    def _small(self) -> int:
        return self._rng.choice((0, 1, 100, 1000, 4000, 4096, 10_000, self._rng.randrange(65_536)))

    def _folder(self, folder: str, sizes: list[int]) -> None:
        keys = list(_names(folder, len(sizes)))
        self._folders[folder] = keys
        for key, size in zip(keys, sizes, strict=True):
            body = hashlib.shake_128(key).digest(size)
            self._site.source.put("from", key, body)
            remember(self.plan.history, key, body)


def _names(folder: str, count: int) -> Iterator[bytes]:
    for n in range(count):
        yield f"{folder}{n:03} {'ä+%' if n % 10 == 0 else 'x'}".encode()
