"""A ledger on a database of its own, and tasks to work on."""

from collections.abc import AsyncIterator

import pytest

from ledger.pool import Pool
from ledger.postgres import PostgresLedger
from tests.ledger.world import World


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool on the test's database."""
    pool = Pool(database_url, size=16)
    yield pool
    await pool.close()


@pytest.fixture
def ledger(pool: Pool) -> PostgresLedger:
    """A ledger whose leases last a minute."""
    return PostgresLedger(pool, lease_seconds=60.0)


@pytest.fixture
async def world(pool: Pool, ledger: PostgresLedger) -> World:
    """A project, and shorthands for tasks in it."""
    world = World(pool, ledger)
    await world.create_project()
    return world
