"""`oms up` as the operator runs it: the real API, workers and scheduler."""

import json
import os
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.embedded.engines import ROOT, Engine, alive, command_line, eventually

KEYS = {
    "project_id",
    "project_name",
    "domain_id",
    "domain_name",
    "user_id",
    "user_name",
    "password",
    "access_key",
    "secret_key",
}


def up(data: Path, *options: str, **environment: str) -> Engine:
    """Starts `oms up`."""
    command = [sys.executable, "-P", "-m", "cli.main", "up", "--data-dir", str(data), "--port", "0", *options]
    process = subprocess.Popen(
        command,
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return Engine(process, data)


def services_of(engine: Engine) -> set[str]:
    """The subcommands that run below the supervisor."""
    lines = [command_line(child) for child in engine.descendants()]
    return {line[line.index("cli.main") + 1] for line in lines if "cli.main" in line}


@pytest.mark.slow
def test_up_serves_survives_kill_9_and_keeps_its_credentials(tmp_path: Path) -> None:
    data = tmp_path / "data"
    engine = up(data)
    try:
        engine.wait_ready(90)
        assert services_of(engine) == {"api", "worker", "beat"}
        with urllib.request.urlopen(f"{engine.address}/healthz", timeout=5) as answer:
            assert answer.status == 200
        written = (data / "credentials.json").read_bytes()
        assert set(json.loads(written)) == KEYS
        for private in ("credentials.json", "master.key"):
            assert stat.S_IMODE((data / private).stat().st_mode) == 0o600
        descendants = engine.descendants()
        engine.process.kill()
        engine.process.wait()
        eventually(lambda: not alive(descendants), 5)
    finally:
        engine.process.kill()
        engine.process.communicate()
    engine = up(data, "--workers", "3")
    try:
        engine.wait_ready(90)
        assert (data / "credentials.json").read_bytes() == written
        lines = [" ".join(command_line(child)) for child in engine.descendants()]
        assert len([line for line in lines if "worker" in line]) == 3, lines
        descendants = engine.descendants()
        assert engine.stop() == 0
        assert alive(descendants) == []
    finally:
        engine.process.kill()
        engine.process.communicate()


def test_a_data_directory_that_cannot_be_made_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    engine = up(tmp_path / "file" / "data")
    _, error = engine.process.communicate(timeout=20)
    assert engine.process.returncode == 1
    assert "cannot create" in error
    assert "Traceback" not in error


def test_a_database_that_does_not_answer_is_said_plainly(tmp_path: Path) -> None:
    nobody = "postgresql://oms@127.0.0.1:1/oms"
    engine = up(tmp_path / "data", OMS_DATABASE_URL=nobody)
    _, error = engine.process.communicate(timeout=60)
    assert engine.process.returncode == 1
    assert "the database cannot be prepared" in error
    assert "Traceback" not in error


def test_a_master_key_that_is_no_key_is_said_plainly(tmp_path: Path, database_url: str) -> None:
    key = tmp_path / "key"
    key.write_text("not a key\n")
    engine = up(tmp_path / "data", OMS_DATABASE_URL=database_url, OMS_MASTER_KEY_FILE=str(key))
    _, error = engine.process.communicate(timeout=60)
    assert engine.process.returncode == 1
    assert "the database cannot be prepared" in error
    assert "Traceback" not in error
    assert "not a key" not in error
