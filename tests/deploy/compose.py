"""The Compose file as data, and its services as processes on the test's own servers."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
STATE = "/var/lib/oms"
ENDPOINTS = "/etc/oms/endpoints.yaml"


def services() -> dict[str, dict[str, Any]]:
    """The services of docker-compose.yml, anchors resolved."""
    parsed = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return dict(parsed["services"])


def ours() -> dict[str, dict[str, Any]]:
    """The services that run our image."""
    return {name: one for name, one in services().items() if "build" in one}


def interpolated(text: str) -> str:
    """`${NAME:-default}` and `${NAME:?message}` as Compose replaces them; required ones become a word."""
    return re.sub(r"\$\{\w+:([-?])([^}]*)\}", lambda hit: hit[2] if hit[1] == "-" else "required", text)


@dataclass(frozen=True)
class Outside:
    """What stands in for the other containers: real servers, a folder for the volume, a free port."""

    database_url: str
    redis_url: str
    state: Path
    port: int

    def environment(self, declared: Mapping[str, str]) -> dict[str, str]:
        """The declared environment with hosts and places replaced; nothing of the shell but PATH."""
        values = {name: self.placed(interpolated(value)) for name, value in declared.items()}
        values["OMS_DATABASE_URL"] = self.database_url
        values["OMS_REDIS_URL"] = self.redis_url
        return {"PATH": os.environ["PATH"], **values}

    def command(self, declared: list[str]) -> list[str]:
        """The declared command; `oms` is the one of this environment, addresses are local."""
        assert declared[0] == "oms"
        local = {"0.0.0.0": "127.0.0.1", "8000": str(self.port)}
        rest = [self.placed(local.get(part, part)) for part in declared[1:]]
        return [sys.executable, "-P", "-m", "cli.main", *rest]

    def placed(self, text: str) -> str:
        """Paths of the container as paths of the test."""
        local = {
            ENDPOINTS: str(ROOT / "deploy" / "endpoints.yaml"),
            STATE: str(self.state),
            "/tmp": str(self.state),
        }
        return re.sub(rf"{ENDPOINTS}|{STATE}|/tmp(?=/)", lambda hit: local[hit[0]], text)


@contextmanager
def running(name: str, outside: Outside) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A service as a process, with the file that its output goes to; killed at the end if it still runs."""
    service = ours()[name]
    output = outside.state / f"{name}.log"
    with output.open("wb") as file:
        process = subprocess.Popen(
            outside.command(service["command"]),
            cwd=outside.state,
            env={**outside.environment(service["environment"]), "PYTHONPATH": str(ROOT)},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process, output
    finally:
        process.kill()
        process.wait()


def healthy(name: str, outside: Outside) -> bool:
    """Whether the service's own health check passes."""
    declared = ours()[name]["healthcheck"]["test"]
    assert declared[:2] == ["CMD", "python"]
    check = [outside.placed(part.replace(":8000/", f":{outside.port}/")) for part in declared[2:]]
    return subprocess.run([sys.executable, *check], capture_output=True, check=False).returncode == 0


def end(process: subprocess.Popen[bytes], seconds: float = 15.0) -> int:
    """SIGTERM as Compose sends it; the exit status."""
    process.send_signal(signal.SIGTERM)
    return process.wait(seconds)
