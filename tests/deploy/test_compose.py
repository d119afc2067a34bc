"""The Compose file: hardened as it says, and each of our services runs by its own command and environment."""

import json
import socket
import stat
import subprocess
import time
import urllib.request
from pathlib import Path

import psycopg
import pytest

from tests.deploy.compose import Outside, end, healthy, ours, running, services
from tests.embedded.engines import eventually


@pytest.fixture
def outside(tmp_path: Path, database_url: str, redis_url: str) -> Outside:
    """The test's servers, with `migrate` done as Compose does it before the others."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    place = Outside(database_url, redis_url, tmp_path, port)
    with running("migrate", place) as (process, output):
        assert process.wait(60) == 0, output.read_text()
    return place


def test_our_services_are_the_pieces_of_a_cluster() -> None:
    assert set(ours()) == {"migrate", "api", "worker", "beat"}
    assert set(services()) - set(ours()) == {"postgres", "redis"}


@pytest.mark.parametrize("name", sorted(services()))
def test_every_service_is_hardened(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service["user"].startswith(("0", "root"))
    assert any(place.startswith("/tmp") for place in service["tmpfs"]) or name == "redis"
    assert "healthcheck" in service
    assert "privileged" not in service


def test_only_the_api_is_published_and_on_this_host_alone() -> None:
    published = {name: one["ports"] for name, one in services().items() if "ports" in one}
    assert list(published) == ["api"]
    assert all(port.startswith("127.0.0.1:") for port in published["api"])


def test_postgres_and_redis_are_reached_from_inside_alone() -> None:
    assert services()["postgres"]["networks"] == services()["redis"]["networks"] == ["inside"]


def test_migrate_prepares_the_database_and_can_be_repeated(outside: Outside) -> None:
    credentials = outside.state / "credentials.json"
    first = credentials.read_bytes()
    for private in (credentials, outside.state / "master.key"):
        assert stat.S_IMODE(private.stat().st_mode) == 0o600
    with running("migrate", outside) as (process, output):
        assert process.wait(60) == 0, output.read_text()
    assert credentials.read_bytes() == first
    assert set(json.loads(first)) >= {"project_id", "user_name", "password", "access_key", "secret_key"}


def test_the_api_is_healthy(outside: Outside) -> None:
    with running("api", outside) as (process, output):
        eventually(lambda: healthy("api", outside) or died(process, output), 30)
        with urllib.request.urlopen(f"http://127.0.0.1:{outside.port}/readyz", timeout=5) as answer:
            assert answer.status == 200
        assert end(process) == 0, output.read_text()


def test_a_worker_is_healthy_and_says_goodbye(outside: Outside) -> None:
    assert not healthy("worker", outside)
    with running("worker", outside) as (process, output):
        eventually(lambda: healthy("worker", outside) or died(process, output), 30)
        eventually(lambda: workers(outside) == 1 or died(process, output), 30)
        assert end(process) == 0, output.read_text()
    assert workers(outside) == 0


def test_beat_starts_and_stays(outside: Outside) -> None:
    with running("beat", outside) as (process, output):
        eventually(lambda: "beat_started" in output.read_text() or died(process, output), 30)
        time.sleep(2)
        assert process.poll() is None, output.read_text()
        assert "Traceback" not in output.read_text()
        assert end(process) == 0, output.read_text()


def workers(outside: Outside) -> int:
    """How many workers the ledger knows."""
    with psycopg.connect(outside.database_url) as connection:
        row = connection.execute("SELECT count(*) FROM worker").fetchone()
    assert row is not None
    return int(row[0])


def died(process: subprocess.Popen[bytes], output: Path) -> bool:
    """Never true: fails the test with the service's own words when it has ended."""
    assert process.poll() is None, output.read_text()
    return False
