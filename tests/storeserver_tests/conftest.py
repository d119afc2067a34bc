"""Servers for the store server's own tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storeserver import ServerProcess, StoreConfig, Synthetic


@pytest.fixture(scope="session", params=["memory", "disk"])
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """One server for all tests, in memory and on disk; each test takes its own bucket."""
    root: Path | None = tmp_path_factory.mktemp("store") if request.param == "disk" else None
    synthetic = {"million": Synthetic(1_000_000, 10)}
    with ServerProcess(StoreConfig(root=root, synthetic=synthetic, request_log=True, crc64=True)) as server:
        yield server


@pytest.fixture
def server(shared: ServerProcess) -> ServerProcess:
    """The shared server without faults and with fresh counts."""
    shared.faults.clear()
    shared.reset_counters()
    return shared


@pytest.fixture
def bucket(server: ServerProcess, request: pytest.FixtureRequest) -> str:
    """A new bucket for one test."""
    name = f"b{abs(hash((request.node.nodeid, id(server))))}"[:40]
    server.create_bucket(name)
    return name
