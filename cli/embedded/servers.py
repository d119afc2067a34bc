"""Postgres and Redis together, as `oms up` and the tests want them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.embedded.identity import give
from cli.embedded.postgres import Postgres, working_identity
from cli.embedded.redis import Redis


@dataclass(slots=True)
class Places:
    """Where the servers live: their homes, their sockets, their logs."""

    postgres: Path
    redis: Path
    sockets: Path
    logs: Path


def embedded_postgres(places: Places, settings: Mapping[str, str] | None = None) -> Postgres:
    """A Postgres that is not started yet; its socket directory belongs to the user it will run under."""
    identity = working_identity()
    folder = places.sockets / "pg"
    folder.mkdir(mode=0o700, exist_ok=True)
    give(folder, identity)
    return Postgres(places.postgres, folder, places.logs / "postgres.log", settings or {}, identity)


def embedded_redis(places: Places) -> Redis:
    """A Redis that is not started yet."""
    return Redis(places.redis, places.sockets, places.logs / "redis.log")
