"""The supervisor with real servers and stand-in services."""

import json
import os
import signal
import socket
import time
import urllib.request
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.embedded.engines import alive, eventually, normal_user, running, start

ALL = {"postgres", "redis", "api", "worker-1", "worker-2"}


def database_of(data: Path) -> str:
    """URL of the embedded database of a data directory."""
    record = data / "sockets"
    sockets = Path(record.read_text()) if record.exists() else data / "run"
    return f"postgresql://oms@/oms?host={sockets}/pg"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_ends_everything_and_exits_zero(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path / "data") as engine:
        descendants = engine.descendants()
        assert set(engine.children()) == ALL
        engine.process.send_signal(number)
        assert engine.process.wait(30) == 0
        assert alive(descendants) == []
    assert not (tmp_path / "data" / "run").exists()
    assert not (tmp_path / "data" / "postgres" / "postmaster.pid").exists()


def test_a_stop_while_starting_ends_everything(tmp_path: Path) -> None:
    engine = start(tmp_path / "data")
    eventually(lambda: "postgres" in engine.children(), 30)
    descendants = engine.descendants()
    assert engine.stop() == 0
    assert alive(descendants) == []
    engine.process.communicate()


def test_kill_9_ends_everything_in_five_seconds_and_the_next_start_goes_on(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data) as engine:
        with psycopg.connect(database_of(data)) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
        # A backend in the middle of a statement must not outlive the supervisor either.
        busy = psycopg.connect(database_of(data), autocommit=True)
        busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 100000000000)")
        descendants = engine.descendants()
        assert len(descendants) > len(ALL)
        engine.process.kill()
        engine.process.wait()
        assert eventually(lambda: not alive(descendants), 5) < 5
        busy.close()
    with running(data) as engine:
        with psycopg.connect(database_of(data)) as connection:
            assert connection.execute("SELECT value FROM kept").fetchone() == (7,)
        assert engine.stop() == 0


@pytest.mark.parametrize("moment", [0.3, 0.7, 1.2])
def test_kill_9_at_any_moment_of_the_first_start_leaves_nothing_in_the_way(
    tmp_path: Path, moment: float
) -> None:
    data = tmp_path / "data"
    engine = start(data)
    time.sleep(moment)
    engine.process.kill()
    engine.process.communicate()
    eventually(lambda: naming(data) == [], 5)
    with running(data) as engine:
        assert engine.stop() == 0


def naming(data: Path) -> list[psutil.Process]:
    """Processes whose command line or working directory lies in the data directory."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd", "status"]):
        words = [process.info["cwd"] or "", *(process.info["cmdline"] or [])]
        if any(str(data) in word for word in words) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def test_a_second_start_on_the_directory_is_refused(tmp_path: Path) -> None:
    with running(tmp_path / "data") as engine:
        second = start(tmp_path / "data")
        _, error = second.process.communicate(timeout=20)
        assert second.process.returncode == 1
        assert f"in use by another `oms up` (process {engine.process.pid})" in error
        assert set(engine.children()) == ALL
        assert engine.stop() == 0


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_child_that_is_killed_is_started_again(tmp_path: Path, name: str) -> None:
    data = tmp_path / "data"
    with running(data) as engine:
        old = engine.children()[name]
        old.kill()
        eventually(lambda: engine.children().get(name, old) != old, 20)
        eventually(lambda: connects(data), 20)
        voided = (data / "voided").read_text().split()
        assert voided == ["worker-1", "worker-2", *([name] if name.startswith("worker") else [])]
        assert engine.stop() == 0


def connects(data: Path) -> bool:
    """Whether the embedded Postgres answers."""
    try:
        psycopg.connect(database_of(data)).close()
    except psycopg.OperationalError:
        return False
    return True


def test_workers_stay_in_the_session_with_worker_in_their_command_line(tmp_path: Path) -> None:
    with running(tmp_path / "data", workers=3) as engine:
        children = engine.children()
        for number in (1, 2, 3):
            worker = children[f"worker-{number}"]
            assert os.getsid(worker.pid) == os.getsid(engine.process.pid)
            assert "worker" in " ".join(worker.cmdline())


def test_services_get_our_settings_and_no_credentials_of_the_shell(tmp_path: Path) -> None:
    shell = {
        "AWS_SECRET_ACCESS_KEY": "canary",
        "GOOGLE_APPLICATION_CREDENTIALS": "/canary",
        "AZURE_STORAGE_KEY": "canary",
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "canary",
        "https_proxy": "http://canary",
        "OMS_LEASE_SECONDS": "3",
        "OMS_ENDPOINTS": "endpoints.yaml",
    }
    with running(tmp_path / "data", environment=shell) as engine:
        worker = engine.children()["worker-1"].environ()
        with urllib.request.urlopen(engine.address, timeout=5) as answer:
            api = json.load(answer)
    for environment in (worker, api):
        assert "canary" not in json.dumps(environment)
        assert environment["OMS_DATABASE_URL"] == database_of(tmp_path / "data")
        assert environment["OMS_REDIS_URL"].startswith("unix:///")
        assert environment["OMS_MASTER_KEY_FILE"] == str(tmp_path / "data" / "master.key")
        assert environment["OMS_LEASE_SECONDS"] == "3"
        assert Path(environment["OMS_ENDPOINTS"]).is_absolute()


def test_external_servers_are_used_and_none_is_embedded(
    tmp_path: Path, database_url: str, redis_url: str
) -> None:
    outside = {"OMS_DATABASE_URL": database_url, "OMS_REDIS_URL": redis_url}
    with running(tmp_path / "data", environment=outside) as engine:
        assert set(engine.children()) == ALL - {"postgres", "redis"}
        environment = engine.children()["worker-1"].environ()
        assert environment["OMS_DATABASE_URL"] == database_url
        assert environment["OMS_REDIS_URL"] == redis_url
        assert engine.stop() == 0
    assert not (tmp_path / "data" / "postgres").exists()


def test_a_taken_port_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        engine = start(tmp_path / "data", port=port)
        _, error = engine.process.communicate(timeout=20)
    assert engine.process.returncode == 1
    assert f"port {port} is not available: in use" in error
    assert not (tmp_path / "data" / "postgres").exists()


def test_a_service_that_keeps_ending_fails_the_start_with_its_last_words(tmp_path: Path) -> None:
    # The API's own port makes `api` the one that breaks, so /readyz never answers.
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    engine = start(tmp_path / "data", port=port, environment={"STANDIN_BREAKS": str(port)})
    _, error = engine.process.communicate(timeout=60)
    assert engine.process.returncode == 1
    assert "api does not stay up" in error
    assert "stand-in refuses to run" in error


def test_a_very_long_path_gets_its_sockets_elsewhere_until_the_stop(tmp_path: Path) -> None:
    data = tmp_path / ("d" * 200)
    place = tmp_path / "r"
    place.mkdir()
    with running(data, environment={"XDG_RUNTIME_DIR": str(place)}) as engine:
        (sockets,) = [*place.iterdir()] or [Path((data / "sockets").read_text())]
        assert sockets.stat().st_mode & 0o777 == 0o700
        assert connects(data)
        engine.process.kill()
        engine.process.wait()
        assert sockets.exists()
    with running(data, environment={"XDG_RUNTIME_DIR": str(place)}) as engine:
        assert not sockets.exists()
        second = Path((data / "sockets").read_text())
        assert second.exists()
        assert engine.stop() == 0
    assert not second.exists()
    assert [*place.iterdir()] == []


def test_a_normal_user_runs_it_in_a_directory_of_their_own(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    uid = 1000 if os.geteuid() == 0 else os.geteuid()
    os.chown(home, uid, -1)
    # pytest's directories are root's alone; a home stands below directories that everybody passes.
    prefix = normal_user()
    with running(home / "data", prefix=prefix) as engine:
        children = engine.children()
        assert set(children) == ALL
        assert {child.uids().real for child in children.values()} == {uid}
        descendants = [psutil.Process(child.pid) for child in engine.descendants()]
        engine.process.kill()
        engine.process.wait()
        eventually(lambda: not alive(descendants), 5)
    with running(home / "data", prefix=prefix) as engine:
        assert engine.stop() == 0


def test_everything_in_the_data_directory_is_the_owners_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data) as engine:
        assert data.stat().st_mode & 0o777 == 0o700
        assert {path.stat().st_mode & 0o077 for path in data.rglob("*") if not path.is_socket()} == {0}
        assert engine.stop() == 0
