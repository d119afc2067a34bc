"""Which services `oms up` runs, as data."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.settings import LAST_LOOP_FILE, WORKER_NAME, child_environment


@dataclass(frozen=True, slots=True)
class Service:
    """One process to keep alive. `leases` tells that a dead one may have left leases behind.

    One with a `pulse` touches that file as long as it works; `silent_seconds` without it and the process is ended.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    leases: bool = False
    stop_seconds: float = 8.0
    pulse: Path | None = None
    silent_seconds: float = 60.0


def api_service(port: int, values: Mapping[str, str], logs: Path) -> Service:
    """The HTTP server."""
    return Service("api", _oms("api", "--port", str(port)), child_environment(values), logs / "api.log")


def worker_services(
    names: Sequence[str], values: Mapping[str, str], logs: Path, silent_seconds: float
) -> list[Service]:
    """Workers of these names, each unique in the database."""
    return [_worker_service(name, values, logs, silent_seconds) for name in names]


def _worker_service(name: str, values: Mapping[str, str], logs: Path, silent_seconds: float) -> Service:
    pulse = Path(values["TMPDIR"]) / f"{name}.pulse"
    return Service(
        name,
        _oms("worker", "--name", name),
        child_environment({**values, WORKER_NAME: name, LAST_LOOP_FILE: str(pulse)}),
        logs / f"{name}.log",
        leases=True,
        pulse=pulse,
        silent_seconds=silent_seconds,
    )


def beat_service(values: Mapping[str, str], logs: Path) -> Service:
    """The scheduler."""
    return Service("beat", _oms("beat"), child_environment(values), logs / "beat.log")


def _oms(*arguments: str) -> tuple[str, ...]:
    # -P: a folder `api` or `cli` in the operator's working directory must not be taken for ours.
    return (sys.executable, "-P", "-m", "cli.main", *arguments)
