"""Engines of the tests: the supervisor as a process of its own, its descendants, its end."""

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
SHIM = ROOT / "cli" / "embedded" / "shim.py"


@dataclass
class Engine:
    """A running supervisor."""

    process: subprocess.Popen[str]
    data: Path
    address: str = ""

    def children(self) -> dict[str, psutil.Process]:
        """All descendants by a short name; a child that has not become its command yet is left out."""
        found: dict[str, psutil.Process] = {}
        for child in psutil.Process(self.process.pid).children(recursive=True):
            name = short_name(child)
            if name:
                found[name] = child
        return found

    def descendants(self) -> list[psutil.Process]:
        """All descendants, of all levels."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def wait_ready(self, seconds: float = 60.0) -> None:
        """Waits for the `ready` line."""
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], seconds)
        line = self.process.stdout.readline() if readable else ""
        if not line.startswith("ready http://127.0.0.1:"):
            self.process.kill()
            raise AssertionError(f"not ready: {line!r} {self.process.communicate()}")
        self.address = line.split()[1]
        eventually(self.settled, seconds)

    def settled(self) -> bool:
        """Whether every child has become its command."""
        return not any(str(SHIM) in command_line(child) for child in self.descendants())

    def stop(self, seconds: float = 30.0) -> int:
        """SIGTERM, then the exit status."""
        self.process.terminate()
        return self.process.wait(seconds)


def command_line(process: psutil.Process) -> list[str]:
    """The command line, empty for a process that is gone or a zombie."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def short_name(process: psutil.Process) -> str | None:
    """postgres, redis, api or worker-N."""
    line = command_line(process)
    if not line or str(SHIM) in line:
        return None
    if line[0].endswith("/bin/postgres"):
        return "postgres"
    if "redis-server" in line[0]:
        return "redis"
    return line[-1] if line[-2:-1] == ["worker"] else "api" if "api" in line else None


def start(
    data: Path,
    *,
    port: int = 0,
    workers: int = 2,
    prefix: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Engine:
    """Starts a supervisor with stand-ins, perhaps through the command line `prefix`."""
    command = [*prefix, sys.executable, "-m", "tests.embedded.runner", str(data), str(port), str(workers)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return Engine(process, data)


@contextmanager
def running(
    data: Path,
    *,
    workers: int = 2,
    prefix: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Iterator[Engine]:
    """An engine that is ready; ended at the end whatever happened."""
    engine = start(data, workers=workers, prefix=prefix, environment=environment)
    try:
        engine.wait_ready()
        yield engine
    finally:
        engine.process.kill()
        engine.process.communicate()


def eventually(condition: Callable[[], bool], seconds: float) -> float:
    """Waits until the condition holds; returns the seconds that took."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, f"not within {seconds} s"
        time.sleep(0.02)
    return time.monotonic() - begun


def normal_user() -> list[str]:
    """A command line that runs the rest as user 1000, who may read the interpreter wherever it lies.

    Empty when the tests do not run as root: then everything runs as a normal user anyway.
    """
    if os.geteuid() != 0:
        return []
    options = [f"--parent={os.getpid()}", "--as=dedicated", "--uid=1000", "--gid=1000", "--"]
    return [sys.executable, "-I", "-S", str(SHIM), *options]


def alive(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Those that still run (zombies do not)."""
    return [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
