"""A stream of tasks that are created, paused, started and deleted while faults act."""

from __future__ import annotations

import hashlib
import http.client
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import quote

from tests.chaos.installation import AK, KEYS, SK, Installation

FOLDERS, IN_FOLDER = 12, 150
LARGE_FOLDERS = 3
LARGE = (17 << 20, 20 << 20, (33 << 20) + 1)
AT_ONCE = 7
KINDS = ("prefix", "prefix", "prefix", "object", "list", "large")
REGIONS = ("us-east-1", "cn-north-4")
# What the store calls the versions of each object, by time: see `Plan.history`.
History = dict[str, list[tuple[float, str]]]


@dataclass(slots=True)
class Asked:
    """One task as it was asked for; `keys` are the source keys that it must account for, in hex."""

    id: int
    name: str
    save_prefix: str
    keys: list[str]
    created_at: float
    ended_at: float = 0.0
    deleted: bool = False


@dataclass(slots=True)
class Plan:
    """What the checker is told: the tasks, and each source object's SHA-256 since when."""

    tasks: list[Asked] = field(default_factory=list)
    history: History = field(default_factory=dict)


class Refused(Exception):
    """The API answered with an error."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status} {text}")
        self.status = status


class Client:
    """Speaks to both APIs in turn; a call that got no answer, or a 5xx, is made again."""

    def __init__(self, site: Installation) -> None:
        self._site = site
        self._turn = 0
        self.repeated = 0

    def call(self, method: str, path: str, body: dict[str, Any] | None = None, *, key: str = "") -> Any:
        """The JSON answer; raises Refused, TimeoutError."""
        deadline = time.monotonic() + 90
        while True:
            try:
                return self._once(method, path, body, key)
            except (OSError, http.client.HTTPException) as error:
                problem: Exception = error
            except Refused as refused:
                if refused.status < 500:
                    raise
                problem = refused
            self.repeated += 1
            if time.monotonic() > deadline:
                raise TimeoutError(f"{method} {path}: {problem!r}") from problem
            time.sleep(0.3)

    def _once(self, method: str, path: str, body: dict[str, Any] | None, key: str) -> Any:
        self._turn += 1
        engine = self._site.engine
        headers = {"X-Auth-Token": engine._token, "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        connection = http.client.HTTPConnection(self._site.addresses[self._turn % 2], timeout=20)
        try:
            payload = None if body is None else json.dumps(body)
            connection.request(method, f"/v2/{engine._project}{path}", payload, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise Refused(answer.status, content.decode())
        return json.loads(content) if content else None


class Workload:
    """Keeps a number of tasks going."""

    def __init__(self, site: Installation, seed: int) -> None:
        self.plan = Plan()
        self.client = Client(site)
        self.did: dict[str, int] = {}
        self._site = site
        self._rng = Random(seed)
        self._paused: dict[int, float] = {}
        self._serial = 0
        self._folders: dict[str, list[bytes]] = {}

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

    def finish(self, seconds: float) -> list[int]:
        """Without faults: everything that was paused or failed is started until all has succeeded; what has not."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            left = {one.id: self._status(one) for one in self.plan.tasks if not (one.deleted or one.ended_at)}
            for task_id, status in left.items():
                if status == 5:
                    self._asked(task_id).ended_at = time.time()
                elif status in (3, 4):
                    self._start(task_id)
            if all(status == 5 for status in left.values()):
                return []
            time.sleep(0.5)
        return [one.id for one in self.plan.tasks if not (one.deleted or one.ended_at)]

    def mutate(self) -> None:
        """An object at the source gets other contents; what it held is remembered."""
        key = self._rng.choice(
            self._folders[self._rng.choice([f for f in self._folders if f.startswith("small")])]
        )
        if not self._site.source.get("from", key):
            return
        self._site.source.mutate("from", key)
        self._remember(key, self._site.source.get("from", key))
        self._count("source object overwritten")

    def last_word(self) -> int:
        """One more task into the same bucket, for what deleted ones left behind."""
        return self.create("object")

    def _treat(self, asked: Asked, status: int) -> None:
        chance = self._rng.random()
        if status == 5:
            asked.ended_at = time.time()
        elif status == 2 and chance < 0.04:
            if self._try("stop", "POST", f"/tasks/{asked.id}/stop"):
                self._paused[asked.id] = time.monotonic() + self._rng.uniform(0.5, 4)
        elif status in (3, 4) and chance < 0.05:
            if self._try("delete", "DELETE", f"/tasks/{asked.id}"):
                asked.deleted = True
        elif status in (3, 4) and time.monotonic() > self._paused.get(asked.id, 0.0):
            self._start(asked.id)

    def _start(self, task_id: int) -> None:
        more = {"migrate_failed_object": True} if self._rng.random() < 0.5 else {}
        if not self._try("start", "POST", f"/tasks/{task_id}/start", KEYS | more) and more:
            self._try("start", "POST", f"/tasks/{task_id}/start", KEYS)

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
        self._count(f"create {kind}")
        return int(made["id"])

    def _try(self, what: str, method: str, path: str, body: dict[str, Any] | None = None) -> bool:
        """False: the task was in another state by then."""
        try:
            self.client.call(method, path, body)
        except Refused:
            return False
        self._count(what)
        return True

    def _count(self, what: str) -> None:
        self.did[what] = self.did.get(what, 0) + 1

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
            self._remember(key, body)

    def _remember(self, key: bytes, body: bytes) -> None:
        self.plan.history.setdefault(key.hex(), []).append((time.time(), hashlib.sha256(body).hexdigest()))


def _names(folder: str, count: int) -> Iterator[bytes]:
    for n in range(count):
        yield f"{folder}{n:03} {'ä+%' if n % 10 == 0 else 'x'}".encode()
