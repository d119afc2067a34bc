"""Fixtures that every test may use: real servers, started once a session (and once an xdist worker)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from cli.embedded.postgres import Postgres
from tests.servers import copied_database, create_template, running_postgres, running_redis

# Their files take up to minutes: begun last, one of them would keep a worker busy while the other has nothing left.
LONGEST = ("e2e", "sim", "groups", "sync", "fuzz", "vendor", "workers")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; in each folder the order stays."""
    items.sort(key=lambda item: _place(item.path.relative_to(Path(__file__).parent).parts[0]))


def _place(folder: str) -> int:
    return LONGEST.index(folder) if folder in LONGEST else len(LONGEST)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """A running Postgres with the migrated template database."""
    with running_postgres() as server:
        create_template(server)
        yield server


@pytest.fixture(scope="session")
def postgres_url(postgres_server: Postgres) -> str:
    """URL of an empty database `oms` of the session's Postgres."""
    return postgres_server.url()


@pytest.fixture
def database_url(postgres_server: Postgres) -> Iterator[str]:
    """URL of a database of this test alone, at the newest schema."""
    with copied_database(postgres_server) as url:
        yield url


@pytest.fixture(scope="session")
def redis_server_url() -> Iterator[str]:
    """URL of the session's Redis."""
    with running_redis() as url:
        yield url


@pytest.fixture
def redis_url(redis_server_url: str) -> str:
    """URL of a Redis that is empty when the test begins."""
    with redis.Redis.from_url(redis_server_url) as client:
        client.flushall()
    return redis_server_url
