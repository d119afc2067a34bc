"""Children that die with us: how they are spawned and ended."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.embedded.identity import OURSELVES, Identity

_SHIM = Path(__file__).with_name("shim.py")


@dataclass(frozen=True, slots=True)
class Launch:
    """A command and how it is to run; `environment` None means ours, `log` None means our own output."""

    command: tuple[str, ...]
    log: Path | None = None
    environment: Mapping[str, str] | None = None
    identity: Identity = OURSELVES
    death_signal: signal.Signals = signal.SIGKILL
    directory: Path | None = None


def shim_command(launch: Launch) -> list[str]:
    """The command line that ties `launch` to the calling process."""
    return [
        sys.executable,
        "-I",
        "-S",
        str(_SHIM),
        f"--parent={os.getpid()}",
        f"--death-signal={int(launch.death_signal)}",
        *launch.identity.arguments(),
        "--",
        *launch.command,
    ]


def spawn(launch: Launch) -> subprocess.Popen[bytes]:
    """Starts the command as our child; output is appended to its log.

    The child gets its death signal when the calling *thread* ends, so a thread that spawns must outlive its
    children. It sits in a process group of its own in our session, so Ctrl-C reaches the supervisor alone.
    """
    environment = None if launch.environment is None else dict(launch.environment)
    output = subprocess.DEVNULL if launch.log is None else _open_log(launch.log)
    try:
        return subprocess.Popen(
            shim_command(launch),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=launch.directory,
            process_group=0,
        )
    finally:
        if output != subprocess.DEVNULL:
            os.close(output)


def _open_log(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def end(process: subprocess.Popen[bytes], steps: Sequence[tuple[signal.Signals, float]]) -> int:
    """Sends each signal and waits its seconds, SIGKILL last; returns the exit status."""
    for number, seconds in steps:
        if process.poll() is not None:
            break
        process.send_signal(number)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
    if process.poll() is None:
        process.kill()
    return process.wait()


def end_all(processes: Sequence[subprocess.Popen[bytes]], number: signal.Signals, seconds: float) -> None:
    """Sends the signal to all at once and waits at most `seconds` for the whole; kills who is left."""
    for process in processes:
        process.send_signal(number)
    deadline = time.monotonic() + seconds
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
    for process in processes:
        process.kill()
        process.wait()


def tail(path: Path, lines: int = 12) -> str:
    """The last lines of a log, for error messages; empty when there is none."""
    if not path.exists():
        return ""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
