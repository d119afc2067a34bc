"""Postgres and Redis for tests: real servers from the wheels, in directories of their own."""

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from cli.embedded.postgres import Postgres
from cli.embedded.servers import Places, embedded_postgres, embedded_redis
from ledger.schema import upgrade

TEMPLATE = "template_oms"

# A test's cluster is thrown away, so it need not survive a power cut.
_FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_connections": "200"}


@contextmanager
def places() -> Iterator[Places]:
    """A short directory for servers, removed at the end."""
    root = Path(tempfile.mkdtemp(prefix="omst-", dir="/tmp"))
    sockets, logs = root / "s", root / "logs"
    sockets.mkdir(mode=0o700)
    logs.mkdir()
    try:
        yield Places(root / "postgres", root / "redis", sockets, logs)
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A fresh cluster with an empty database `oms`."""
    with places() as where:
        server = embedded_postgres(where, _FAST)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def running_redis() -> Iterator[str]:
    """A fresh Redis; gives its URL."""
    with places() as where:
        server = embedded_redis(where)
        server.start()
        try:
            yield server.url
        finally:
            server.stop()


def create_template(server: Postgres) -> None:
    """Creates the database that every test's own is a copy of, migrated to the newest schema."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
    upgrade(server.url(TEMPLATE))


@contextmanager
def copied_database(server: Postgres) -> Iterator[str]:
    """A database of its own, copied from the template; gives its URL and drops it at the end."""
    name = f"t_{uuid.uuid4().hex}"
    identifier = sql.Identifier(name)
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(identifier, sql.Identifier(TEMPLATE))
        )
        try:
            yield server.url(name)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))
