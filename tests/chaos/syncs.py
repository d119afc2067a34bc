"""Synchronisation tasks: objects are put, changed and reported while faults act, each report until it is answered."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import quote

from tests.chaos.client import Client, Refused
from tests.chaos.installation import AK, SK, Installation
from tests.chaos.plan import AskedSync, Plan, remember

AT_ONCE = 2
FROM, INTO = "events", "synced"
KEYS = {"src_ak": AK, "src_sk": SK, "dst_ak": AK, "dst_sk": SK}
FIGURES = ("REQUEST", "SUCCESS", "FAILURE", "SKIP", "SIZE")
FIVE_MINUTES_MS = 300_000
MONTHLY = {
    "REQUEST": "monthly_acceptance_request",
    "SUCCESS": "monthly_success_object",
    "FAILURE": "monthly_failure_object",
    "SKIP": "monthly_skip_object",
    "SIZE": "monthly_size",
}


@dataclass(slots=True)
class Report:
    """Keys that are still to be accepted, always with the same Idempotency-Key."""

    asked: AskedSync
    keys: list[bytes]
    number: int


class Syncs:
    """Keeps two synchronisation tasks fed."""

    def __init__(self, site: Installation, client: Client, plan: Plan, rng: Random) -> None:
        self._site = site
        self._client = client
        self._plan = plan
        self._rng = rng
        self._began_at = time.time()
        self._serial = 0
        self._pending: list[Report] = []
        self._stopped: dict[str, float] = {}
        self._names: dict[str, list[bytes]] = {}
        self._bodies: dict[bytes, bytes] = {}

    def turn(self) -> None:
        """What was not accepted is sent again; new objects and changed ones are reported; perhaps a stop."""
        self._deliver()
        while len(self._plan.syncs) < AT_ONCE:
            self.create()
        for asked in self._plan.syncs:
            self._stop_or_start(asked)
            if asked.id not in self._stopped:
                self._feed(asked)

    def finish(self) -> list[str]:
        """Without faults: all are started and everything is delivered; what is not dealt with yet."""
        for sync_id in list(self._stopped):
            self._start(sync_id)
        self._deliver()
        left = [f"a report of {len(report.keys)} events" for report in self._pending]
        for asked in self._plan.syncs:
            self._look(asked)
            dealt_with = sum(asked.month[kind] for kind in ("SUCCESS", "FAILURE", "SKIP"))
            if asked.month["REQUEST"] != dealt_with or self._open(asked):
                left.append(f"synchronisation task {asked.id} with {asked.month}")
        return left

    def report_late(self) -> None:
        """What failed under faults is reported again, as an owner does with the failed lists."""
        for asked in self._plan.syncs:
            for hexed, at in list(asked.reported.items()):
                key = bytes.fromhex(hexed)
                if key in self._bodies and not self._arrived(key):
                    asked.late[hexed] = at
            late = list(map(bytes.fromhex, asked.late))
            for begin in range(0, len(late), 100):
                self._report(asked, late[begin : begin + 100])
        self._deliver()

    def create(self) -> AskedSync:
        """One more synchronisation task."""
        number = len(self._plan.syncs)
        body = {
            "src_cloud_type": "AWS", "src_region": "us-east-1", "src_bucket": FROM,
            "dst_region": "cn-north-4", "dst_bucket": INTO, **KEYS,
        }  # fmt: skip
        made_at = time.time()
        made = self._client.call("POST", "/sync-tasks", body, key=f"chaos-sync-{number}")
        asked = AskedSync(made["sync_task_id"], made_at)
        self._plan.syncs.append(asked)
        self._names[asked.id] = []
        self._client.count("create synchronisation task")
        return asked

    def _feed(self, asked: AskedSync) -> None:
        """A few keys: new, changed, changed twice, named twice, unchanged, and of objects that are not there."""
        keys = [self._new(asked) for _ in range(self._rng.randint(2, 8))]
        known = self._names[asked.id]
        keys += [self._changed(self._rng.choice(known)) for _ in range(self._rng.randint(0, 2))]
        keys += [self._rng.choice(known) for _ in range(self._rng.randint(0, 2))]
        if self._rng.random() < 0.2:
            self._serial += 1
            keys.append(f"s{self._serial:06} never there".encode())
        self._report(asked, keys)
        self._deliver()
        if self._rng.random() < 0.5:
            self._report(asked, [self._changed(self._rng.choice(keys[:2]))])
            self._deliver()

    def _new(self, asked: AskedSync) -> bytes:
        self._serial += 1
        key = f"s{self._serial:06} {'ü+%' if self._rng.random() < 0.1 else 'y'}".encode()
        self._names[asked.id].append(key)
        return self._put(key, self._rng.choice((0, 1, 100, 4096, self._rng.randrange(32_768))))

    def _changed(self, key: bytes) -> bytes:
        """Other bytes, and as many at times."""
        self._client.count("event source overwritten")
        return self._put(key, len(self._bodies[key]) + self._rng.choice((0, 0, 1, 100)))

    def _put(self, key: bytes, size: int) -> bytes:
        self._serial += 1
        body = hashlib.shake_128(b"%d" % self._serial).digest(size)
        self._site.source.put(FROM, key, body)
        remember(self._plan.events, key, body)
        self._bodies[key] = body
        return key

    def _report(self, asked: AskedSync, keys: list[bytes]) -> None:
        self._serial += 1
        self._pending.append(Report(asked, keys, self._serial))

    def _deliver(self) -> None:
        """In order. What is refused, because its task is stopped, waits. Raises TimeoutError."""
        for report in list(self._pending):
            body = {"object_keys": [quote(key, safe="") for key in report.keys]}
            sent_at = time.time()
            try:
                path = f"/sync-tasks/{report.asked.id}/events"
                self._client.call("POST", path, body, key=f"chaos-event-{report.number}")
            except Refused:
                continue
            self._pending.remove(report)
            report.asked.requests += len(report.keys)
            report.asked.reported |= dict.fromkeys((key.hex() for key in report.keys), sent_at)
            self._client.count("events call")

    def _stop_or_start(self, asked: AskedSync) -> None:
        if asked.id in self._stopped:
            if time.monotonic() > self._stopped[asked.id]:
                self._start(asked.id)
        elif self._rng.random() < 0.03:
            # Refused: an earlier try has arrived although its answer was lost.
            self._client.attempt("stop synchronisation", "POST", f"/sync-tasks/{asked.id}/stop")
            self._stopped[asked.id] = time.monotonic() + self._rng.uniform(0.5, 4)

    def _start(self, sync_id: str) -> None:
        self._client.attempt("start synchronisation", "POST", f"/sync-tasks/{sync_id}/start", KEYS)
        self._stopped.pop(sync_id, None)

    def _look(self, asked: AskedSync) -> None:
        """The figures that the API tells, by the month and by five minutes."""
        path, now = f"/sync-tasks/{asked.id}", int(time.time() * 1000)
        since = int(asked.created_at * 1000) - FIVE_MINUTES_MS
        months = {time.gmtime(at)[:2]: int(at * 1000) for at in (asked.created_at, time.time())}
        shown = [self._client.call("GET", f"{path}?query_time={at}") for at in months.values()]
        asked.month = {kind: sum(month[name] for month in shown) for kind, name in MONTHLY.items()}
        span = f"data_type={','.join(FIGURES)}&start_time={since}&end_time={now + FIVE_MINUTES_MS}"
        told: list[dict[str, Any]] = self._client.call("GET", f"{path}/statistics?{span}")["statistic_datas"]
        asked.series = {
            one["data_type"]: sum(point["statistic_num"] for point in one["data"]) for one in told
        }

    def _open(self, asked: AskedSync) -> bool:
        """Whether lists of it are still to be written."""
        return bool(self._site.rows("SELECT FROM task WHERE sync_id = %s::uuid", asked.id))

    def _arrived(self, key: bytes) -> bool:
        try:
            return self._site.destination.get(INTO, key) == self._bodies[key]
        except RuntimeError:
            return False
