"""One API, an account for each test, and the transfer's world."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cli.embedded.postgres import Postgres
from tests.api.service import Account, Service, running_service, write_key_file
from tests.servers import copied_database
from tests.transfer.world import World, opened


@pytest.fixture(scope="session")
def sync_key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The master key of the API's ledger."""
    return write_key_file(tmp_path_factory.mktemp("keys") / "master.key")


@pytest.fixture(scope="session")
def api(postgres_server: Postgres, sync_key_file: Path) -> Iterator[Service]:
    """The running API, its months those of Shanghai, with room for 200 waiting keys of a task."""
    with copied_database(postgres_server) as url:
        environment = {"OMS_TIMEZONE": "Asia/Shanghai", "OMS_SYNC_BACKLOG": "200"}
        with running_service(url, sync_key_file, **environment) as service:
            yield service


@pytest.fixture
def ann(api: Service) -> Account:
    """A user of an account that nobody else uses."""
    return api.account()


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """Two stores and a ledger."""
    async with opened(database_url) as found:
        yield found
