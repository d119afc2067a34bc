"""An engine of its own for one command: `oms up` as a child, ended with it."""

import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click

from cli.client import Client
from cli.login import client_of

_READY = "ready "
_STOP_SECONDS = 30.0


@contextmanager
def running_engine(data_dir: Path | None) -> Iterator[Client]:
    """Starts `oms up` in `data_dir`, or in a directory that goes away at the end. Raises click.ClickException."""
    root = data_dir or Path(tempfile.mkdtemp(prefix="oms-migrate-"))
    try:
        with _running(root) as server:
            yield client_of(server, root / "credentials.json")
    finally:
        if data_dir is None:
            shutil.rmtree(root, ignore_errors=True)


@contextmanager
def _running(root: Path) -> Iterator[str]:
    with tempfile.TemporaryFile("w+") as errors:
        # A session of its own: Ctrl-C reaches this command only, which then ends the engine in order.
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "cli.main", "up", "--data-dir", str(root), "--port", "0"],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
        try:
            yield _address(child, errors)
        finally:
            _end(child)


def _address(child: "subprocess.Popen[str]", errors: IO[str]) -> str:
    assert child.stdout is not None
    for line in child.stdout:
        if line.startswith(_READY):
            return line.removeprefix(_READY).strip()
    child.wait()
    raise click.ClickException(f"the engine did not start: {_tail(errors)}")


def _tail(errors: IO[str]) -> str:
    errors.seek(0)
    return " / ".join(errors.read().splitlines()[-3:])


def _end(child: "subprocess.Popen[str]") -> None:
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
    try:
        child.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
