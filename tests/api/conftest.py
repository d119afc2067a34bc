"""One API for all tests here, an account for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.embedded.postgres import Postgres
from tests.api.service import Account, Service, running_service, write_key_file
from tests.servers import copied_database


@pytest.fixture(scope="session")
def api_database_url(postgres_server: Postgres) -> Iterator[str]:
    """The ledger that all API tests share."""
    with copied_database(postgres_server) as url:
        yield url


@pytest.fixture(scope="session")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The master key of that ledger."""
    return write_key_file(tmp_path_factory.mktemp("keys") / "master.key")


@pytest.fixture(scope="session")
def api(api_database_url: str, key_file: Path) -> Iterator[Service]:
    """The running API."""
    with running_service(api_database_url, key_file) as service:
        yield service


@pytest.fixture
def ann(api: Service) -> Account:
    """A user of an account that nobody else uses."""
    return api.account()
