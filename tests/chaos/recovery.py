"""How long it takes until all goes on after a death."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

import psutil
import psycopg
import redis

from tests.chaos.installation import LEASE_SECONDS, Installation

HELD = """
SELECT claim_id::text AS claim FROM unit WHERE worker = %(worker)s AND state = 'leased' AND claim_id IS NOT NULL
UNION ALL SELECT claim_id::text FROM key_range WHERE worker = %(worker)s AND state = 'leased' AND claim_id IS NOT NULL
UNION ALL SELECT claim_id::text FROM part_span WHERE worker = %(worker)s AND state = 'leased' AND claim_id IS NOT NULL
UNION ALL SELECT claim_id::text FROM run
           WHERE worker = %(worker)s AND claim_id IS NOT NULL AND lease_until > clock_timestamp()
UNION ALL SELECT claim_id::text FROM record
           WHERE worker = %(worker)s AND claim_id IS NOT NULL AND lease_until > clock_timestamp()"""
STILL_HELD = """
SELECT (SELECT count(*) FROM unit WHERE claim_id::text = ANY(%(claims)s) AND lease_until > clock_timestamp())
     + (SELECT count(*) FROM key_range WHERE claim_id::text = ANY(%(claims)s) AND lease_until > clock_timestamp())
     + (SELECT count(*) FROM part_span WHERE claim_id::text = ANY(%(claims)s) AND lease_until > clock_timestamp())
     + (SELECT count(*) FROM run WHERE claim_id::text = ANY(%(claims)s) AND lease_until > clock_timestamp())
     + (SELECT count(*) FROM record WHERE claim_id::text = ANY(%(claims)s) AND lease_until > clock_timestamp()) AS n"""
PULSES = "SELECT name FROM worker WHERE seen_at > %(since)s"
NOW = "SELECT clock_timestamp() AS now"

# What is promised, in seconds.
BARS = {"worker killed": LEASE_SECONDS + 5.0, "Redis lost": 60.0, "Postgres restarted": 30.0}
GIVE_UP = 120.0


class Recoveries:
    """Measures beside the faults; `took` holds the seconds of each measurement."""

    def __init__(self, site: Installation) -> None:
        self._site = site
        self._threads: list[threading.Thread] = []
        self.took: dict[str, list[float]] = {name: [] for name in BARS}

    def slowest(self, what: str) -> float:
        """The worst of all."""
        return max(self.took[what], default=0.0)

    def before_death(self, workers: list[str]) -> Callable[[], None]:
        """Looks up what these workers hold; the answer, called after their death, measures until it is free."""
        claims: list[str] = []
        with contextlib.suppress(psycopg.Error):
            for worker in workers:
                claims += [row["claim"] for row in self._rows(HELD, worker=worker)]
        return lambda: self._measure("worker killed", lambda: self._free(claims))

    def redis_lost(self) -> None:
        """Until a new Redis answers and every worker that has lived on listens to it."""
        living = self._living()
        time.sleep(0.3)
        self._measure("Redis lost", lambda: self._listening(living))

    def postgres_restarted(self) -> None:
        """Until every worker that has lived on has written its pulse into the database and an API is ready."""
        living, since = self._living(), list[Any]()

        def recovered() -> bool:
            if not since:
                since.append(self._rows(NOW)[0]["now"])
            fresh = {row["name"] for row in self._rows(PULSES, since=since[0])}
            return {name for name, one in living.items() if _lives(one)} <= fresh and self._site.any_ready()

        self._measure("Postgres restarted", recovered)

    def _living(self) -> dict[str, psutil.Process]:
        """Workers by name; another fault may end or stop one, and then it has nothing to recover from."""
        found = {}
        for one in self._site.processes("cli.main worker"):
            with contextlib.suppress(psutil.Error):
                found[one.environ().get("OMS_WORKER_NAME", "")] = one
        return found

    def wait(self) -> None:
        """Until all measurements are over."""
        for thread in self._threads:
            thread.join(GIVE_UP + 10)

    def _free(self, claims: list[str]) -> bool:
        return not claims or self._rows(STILL_HELD, claims=claims)[0]["n"] == 0

    def _listening(self, living: dict[str, psutil.Process]) -> bool:
        with redis.Redis.from_url(self._site.redis_url) as client:
            listeners = [one for one in client.client_list() if one["cmd"] == "brpop"]
        return len(listeners) >= sum(map(_lives, living.values()))

    def _measure(self, what: str, recovered: Callable[[], bool]) -> None:
        began = time.monotonic()

        def watch() -> None:
            while time.monotonic() - began < GIVE_UP:
                with contextlib.suppress(psycopg.Error, redis.RedisError, IndexError):
                    if recovered():
                        break
                time.sleep(0.1)
            self.took[what].append(time.monotonic() - began)

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _rows(self, sql: str, **values: object) -> list[dict[str, Any]]:
        with self._site.connect() as connection:
            return connection.execute(sql.encode(), values).fetchall()


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() not in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
