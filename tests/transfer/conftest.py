"""The world of the transfer's tests."""

from collections.abc import AsyncIterator

import pytest

from tests.transfer.world import World, opened


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """Two stores and a ledger."""
    async with opened(database_url) as found:
        yield found
