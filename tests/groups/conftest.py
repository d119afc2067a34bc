"""The world of the groups' tests, and one API for those that need no workers."""

from collections.abc import AsyncIterator

import pytest

from tests.api.conftest import ann, api, api_database_url, key_file
from tests.groups.world import GroupWorld
from tests.transfer.world import opened

__all__ = ["ann", "api", "api_database_url", "groups", "key_file"]


@pytest.fixture
async def groups(database_url: str) -> AsyncIterator[GroupWorld]:
    """Two stores and a ledger."""
    async with opened(database_url) as world:
        yield GroupWorld(world, database_url)
