"""The kinds of faults: each begins, is held for a moment, and ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, TypeAlias

import psutil
import redis

from tests.chaos.clocks import stepped
from tests.chaos.installation import AK, LEASE_SECONDS, SK, Installation
from tests.chaos.plain import StorePages

SOURCE, DESTINATION = "source", "destination"
READS, WRITES = "get", "put|upload_part"
Kind: TypeAlias = Callable[[Installation, Random], contextlib.AbstractContextManager[None]]

# What a store answers. `side`: which store (both when empty); the rest is a fault of tests/storeserver/faults.py.
SCRIPTED: dict[str, dict[str, Any]] = {
    "status 503 with Retry-After": {"status": 503, "retry_after": 1, "probability": 0.5},
    "status 500": {"status": 500, "probability": 0.4},
    "status 429": {"status": 429, "code": "TooManyRequests", "probability": 0.4},
    "reset while reading": {"side": SOURCE, "op": READS, "reset_out": 100, "probability": 0.4},
    "reset while writing": {"side": DESTINATION, "op": WRITES, "reset_in": 50, "probability": 0.4},
    "truncated with Content-Length": {"side": SOURCE, "op": READS, "truncate": 9, "probability": 0.4},
    "truncated, chunked": {"side": SOURCE, "op": READS, "truncate": 9, "framing": "chunked", "probability": 0.4},
    "truncated, end of chunks sent": {"side": SOURCE, "op": READS, "truncate": 9, "framing": "ended",
                                      "probability": 0.4},
    "truncated without Content-Length": {"side": SOURCE, "op": READS, "truncate": 9, "framing": "close",
                                         "probability": 0.4},
    "Content-Length too short": {"side": SOURCE, "op": READS, "length_less": 3, "probability": 0.4},
    "flipped byte": {"side": SOURCE, "op": READS, "flip": 5, "probability": 0.5},
    "gzip on the way": {"side": SOURCE, "op": READS, "gzip": True, "probability": 0.5},
    "stall while reading": {"side": SOURCE, "op": READS, "stall_after": 5, "stall": 4, "times": 30, "probability": 0.3},
    "slow loris": {"side": SOURCE, "op": READS, "rate": 400, "times": 10, "probability": 0.3},
    "slow acceptance": {"side": DESTINATION, "op": WRITES, "rate_in": 3000, "times": 10, "probability": 0.3},
    "lost answer to a write": {"side": DESTINATION, "op": "put|upload_part|initiate|complete", "lost_answer": True,
                               "probability": 0.3},
    "lost answer to a completion": {"side": DESTINATION, "op": "complete|initiate|abort", "lost_answer": True,
                                    "probability": 0.6},
    "dropped unanswered": {"drop": True, "probability": 0.3},
    "200 with an error": {"side": DESTINATION, "op": "complete", "complete_error": "InternalError", "probability": 0.6},
    "page repeated": {"side": SOURCE, "op": "list", "page": "repeat", "times": 3},
    "page without a token": {"side": SOURCE, "op": "list", "page": "no_token", "times": 3},
    "page with the same token": {"side": SOURCE, "op": "list", "page": "same_token", "times": 3},
    "page empty and truncated": {"side": SOURCE, "op": "list", "page": "empty", "times": 3},
    "page unordered": {"side": SOURCE, "op": "list", "page": "unordered", "times": 3},
    "page with duplicates": {"side": SOURCE, "op": "list", "page": "duplicate", "times": 3},
    "broken XML": {"op": "list", "xml": "broken", "times": 3},
    "XML with a DOCTYPE": {"op": "list", "xml": "doctype", "times": 3},
    "empty XML": {"op": "list", "xml": "empty", "times": 3},
    "wrong ETag": {"side": DESTINATION, "op": WRITES, "etag": "0" * 32, "probability": 0.3},
    "no ETag": {"op": "get|put|upload_part", "no_etag": True, "probability": 0.3},
    "range ignored": {"side": SOURCE, "op": READS, "ignore_range": True, "probability": 0.5},
    "another range": {"side": SOURCE, "op": READS, "content_range": "bytes 1-2/3", "probability": 0.5},
    "token expired": {"status": 403, "code": "ExpiredToken", "probability": 0.3, "times": 20},
    "slow answers": {"delay_ms": 400, "probability": 0.5},
    "connection closed after the answer": {"close_idle": True, "probability": 0.5},
}  # fmt: skip


@contextmanager
def scripted(site: Installation, rng: Random, what: dict[str, Any]) -> Iterator[None]:
    """A fault at one store, or at the store that chance picks."""
    side = what.get("side") or rng.choice((SOURCE, DESTINATION))
    script = {name: value for name, value in what.items() if name != "side"}
    store: StorePages = getattr(site, side)
    (number,) = json.loads(store.ask("POST", "faults", json.dumps(script).encode()))
    try:
        yield
    finally:
        store.ask("DELETE", f"faults?id={number}")


@contextmanager
def revoked(site: Installation, rng: Random) -> Iterator[None]:
    """The key is unknown to a store for a while."""
    store: StorePages = getattr(site, rng.choice((SOURCE, DESTINATION)))
    store.ask("POST", "settings", json.dumps({"keys": {"another": SK}}).encode())
    try:
        yield
    finally:
        store.ask("POST", "settings", json.dumps({"keys": {AK: SK}}).encode())


def proxied(mode: str) -> Kind:
    """A mode of the proxy in front of one store."""

    @contextmanager
    def begin(site: Installation, rng: Random) -> Iterator[None]:
        side = rng.choice((SOURCE, DESTINATION))
        site.proxy.obey(side, mode)
        try:
            yield
        finally:
            site.proxy.obey(side, "pass")

    return begin


@contextmanager
def idle_closed(site: Installation, rng: Random) -> Iterator[None]:
    """Both stores close all connections that wait."""
    site.source.ask("POST", "close-idle")
    site.destination.ask("POST", "close-idle")
    yield


@contextmanager
def a_worker_killed(site: Installation, rng: Random) -> Iterator[None]:
    """`kill -9` of one worker."""
    _signal(rng, site.processes("cli.main worker"), signal.SIGKILL)
    yield


@contextmanager
def all_workers_killed(site: Installation, rng: Random) -> Iterator[None]:
    """`kill -9` of all workers at once."""
    site.kill("cli.main worker")
    yield


@contextmanager
def an_api_killed(site: Installation, rng: Random) -> Iterator[None]:
    """`kill -9` of one API."""
    pids = [one.pid for one in site.processes("cli.main api")] + [site.second.pid]
    with contextlib.suppress(ProcessLookupError):
        os.kill(rng.choice(pids), signal.SIGKILL)
    yield
    site.second.keep()


@contextmanager
def a_worker_stopped(site: Installation, rng: Random) -> Iterator[None]:
    """SIGSTOP of one worker, at times past its lease."""
    stopped = _signal(rng, site.processes("cli.main worker"), signal.SIGSTOP)
    try:
        yield
    finally:
        for one in stopped:
            with contextlib.suppress(psutil.Error):
                one.send_signal(signal.SIGCONT)


@contextmanager
def a_worker_told_to_end(site: Installation, rng: Random) -> Iterator[None]:
    """SIGTERM of one worker: a shutdown in the middle of its work."""
    _signal(rng, site.processes("cli.main worker"), signal.SIGTERM)
    yield


@contextmanager
def redis_flushed(site: Installation, rng: Random) -> Iterator[None]:
    """Redis forgets everything."""
    with contextlib.suppress(redis.RedisError), redis.Redis.from_url(site.redis_url) as client:
        client.flushall()
    yield


@contextmanager
def redis_killed(site: Installation, rng: Random) -> Iterator[None]:
    """`kill -9` of Redis; a new one is empty."""
    site.kill("redis-server")
    yield


@contextmanager
def redis_full(site: Installation, rng: Random) -> Iterator[None]:
    """Redis refuses to take anything."""
    with contextlib.suppress(redis.RedisError), redis.Redis.from_url(site.redis_url) as client:
        client.config_set("maxmemory", "1mb")
    yield
    with contextlib.suppress(redis.RedisError), redis.Redis.from_url(site.redis_url) as client:
        client.config_set("maxmemory", "128mb")


@contextmanager
def postgres_restarted(site: Installation, rng: Random) -> Iterator[None]:
    """An immediate shutdown: what `pg_ctl -m immediate` sends to the postmaster."""
    site.kill("postgres -D", signal.SIGQUIT)
    yield


@contextmanager
def sessions_cut(site: Installation, rng: Random) -> Iterator[None]:
    """All sessions of the ledger end in the middle of what they do."""
    with site.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    yield


@contextmanager
def postgres_read_only(site: Installation, rng: Random) -> Iterator[None]:
    """Postgres refuses every write."""
    _set_read_only(site, "on")
    try:
        yield
    finally:
        _set_read_only(site, "off")


def _set_read_only(site: Installation, value: str) -> None:
    with site.connect() as connection:
        connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}".encode())
        connection.execute("SELECT pg_reload_conf()")


@contextmanager
def disk_full(site: Installation, rng: Random) -> Iterator[None]:
    """The file system that holds Postgres and all logs has no byte left."""
    filler = site.data / "filler"
    try:
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(1 << 20)):
                pass
        yield
    finally:
        filler.unlink(missing_ok=True)


@contextmanager
def database_clock_forward(site: Installation, rng: Random) -> Iterator[None]:
    """What an hour's step of the database's clock does to leases: all end at once."""
    _move_leases(site, "- interval '1 hour'")
    yield


@contextmanager
def database_clock_back(site: Installation, rng: Random) -> Iterator[None]:
    """What a step back does to leases: all last longer by it."""
    _move_leases(site, "+ interval '3 seconds'")
    yield


def _move_leases(site: Installation, by: str) -> None:
    with site.connect() as connection, connection.transaction():
        for table, held in (("unit", "state = 'leased'"), ("key_range", "state = 'leased'"),
                            ("part_span", "state = 'leased'"),
                            ("run", "claim_id IS NOT NULL AND lease_until > clock_timestamp()"),
                            ("record", "state = 'planned' AND lease_until > clock_timestamp()")):  # fmt: skip
            connection.execute(f"UPDATE {table} SET lease_until = lease_until {by} WHERE {held}".encode())


@contextmanager
def messages_replayed(site: Installation, rng: Random) -> Iterator[None]:
    """Messages that nobody sent: doubled, for tasks that ended, for tasks that never were."""
    ids = [row["id"] for row in site.rows("SELECT id FROM task")] + [7, None]
    asyncio.run(_ring(site.redis_url, [rng.choice(ids) for _ in range(30)]))
    yield


async def _ring(url: str, ids: list[int | None]) -> None:
    from workers.broker.doorbell import Doorbell

    bell = Doorbell(url)
    for task_id in ids:
        await bell.ring("high", task_id)
    bell.close()


def _signal(rng: Random, processes: list[psutil.Process], number: int) -> list[psutil.Process]:
    picked = rng.sample(processes, min(1, len(processes)))
    for one in picked:
        with contextlib.suppress(psutil.Error):
            one.send_signal(number)
    return picked


def _script(what: dict[str, Any]) -> Kind:
    return lambda site, rng: scripted(site, rng, what)


KINDS: dict[str, Kind] = {
    **{name: _script(what) for name, what in SCRIPTED.items()},
    "key revoked": revoked,
    "connections cut": proxied("cut"),
    "connections refused": proxied("refuse"),
    "network silent": proxied("silence"),
    "answers swallowed": proxied("mute"),
    "idle connections closed": idle_closed,
    "kill -9 of a worker": a_worker_killed,
    "kill -9 of all workers": all_workers_killed,
    "kill -9 of an API": an_api_killed,
    "SIGSTOP of a worker": a_worker_stopped,
    "SIGTERM of a worker": a_worker_told_to_end,
    "Redis flushed": redis_flushed,
    "Redis killed": redis_killed,
    "Redis full": redis_full,
    "Postgres restarted": postgres_restarted,
    "database sessions cut": sessions_cut,
    "Postgres read-only": postgres_read_only,
    "disk full": disk_full,
    "database clock forward": database_clock_forward,
    "database clock back": database_clock_back,
    "worker clock forward": stepped(3600.0),
    "worker clock back": stepped(-3600.0),
    "messages replayed": messages_replayed,
}
# How long these are held whatever the schedule says.
HOLD = {
    "worker clock forward": 6.0,
    "worker clock back": 6.0,
    "SIGSTOP of a worker": LEASE_SECONDS * 1.6,
    "disk full": 3.0,
    "token expired": 1.0,
    "key revoked": 1.0,
}
