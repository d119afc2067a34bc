"""Worker processes and the rows they live on, for tests."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

PROJECT = "p" * 32
LEASED = "SELECT count(*) FROM unit WHERE state = 'leased' AND lease_until > clock_timestamp()"
DONE = "SELECT count(*) FROM unit WHERE state = 'done'"


@dataclass(slots=True)
class Process:
    """A child with its JSON log."""

    child: subprocess.Popen[bytes]
    log: Path

    def events(self) -> list[dict[str, Any]]:
        """The log lines so far."""
        found = []
        for line in self.log.read_text().splitlines():
            if line.startswith("{"):
                found.append(json.loads(line))
        return found

    def wait_for(self, event: str, seconds: float = 20) -> dict[str, Any]:
        """The first line of an event; fails when the process ends or the time is over."""
        found: list[dict[str, Any]] = []

        def seen() -> bool:
            found[:] = [line for line in self.events() if line["event"] == event]
            return bool(found) or self.child.poll() is not None

        until(seen, seconds)
        assert found, f"ended without {event}:\n{self.log.read_text()[-3000:]}"
        return found[0]

    def count(self, event: str) -> int:
        return sum(line["event"] == event for line in self.events())

    def end(self, number: int, seconds: float = 10) -> tuple[int, float]:
        """Sends a signal; the status, and the seconds it took."""
        began = time.monotonic()
        self.child.send_signal(number)
        return self.child.wait(seconds), time.monotonic() - began


@contextmanager
def process(command: list[str], environment: Mapping[str, str], folder: Path, name: str) -> Iterator[Process]:
    """A child that is killed at the end if it still lives."""
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, *command], env={**os.environ, **environment}, stdout=output, stderr=output
        )
    try:
        yield Process(child, log)
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()


def until(holds: Callable[[], bool], seconds: float) -> float:
    """Waits until it holds; the seconds it took. Fails when they are over."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, f"not within {seconds} s"
        time.sleep(0.02)
    return time.monotonic() - began


@dataclass(slots=True)
class Rows:
    """A database with one project."""

    connection: psycopg.Connection[tuple[Any, ...]]

    def one(self, query: str, *parameters: object) -> Any:
        row = self.connection.execute(query.encode(), parameters).fetchone()
        assert row is not None
        return row[0]

    def run(self, query: str, *parameters: object) -> None:
        self.connection.execute(query.encode(), parameters)

    def add_task(self, task_id: int, *, status: int = 2, units: int = 0, region: str = "r") -> None:
        """A task whose run is active, with units of three objects each."""
        with self.connection.transaction():
            self.run(
                "INSERT INTO task (id, project_id, name, task_type, region, spec, status)"
                " VALUES (%s, %s, 't', 'object', %s, '{}', %s)",
                task_id,
                PROJECT,
                region,
                status,
            )
            self.run("INSERT INTO run (task_id, run_no, phase) VALUES (%s, 1, 'active')", task_id)
            self.run(
                "INSERT INTO counter (task_id, run_no, shard) SELECT %s, 1, generate_series(0, 15)", task_id
            )
            # One range stays open, so nobody wants to finish the run.
            self.run(
                "INSERT INTO key_range (task_id, run_no, lo, prefix, exact, not_before)"
                " VALUES (%s, 1, '', '', false, 'infinity')",
                task_id,
            )
            self.add_units(task_id, units)

    def add_units(self, task_id: int, units: int) -> None:
        self.run(
            "INSERT INTO unit (task_id, run_no, page_no, chunk_no, manifest, n, bytes, done)"
            " SELECT %s, 1, 0, coalesce((SELECT max(chunk_no) FROM unit), 0) + number, '', 3, 3, B'000'"
            " FROM generate_series(1, %s) AS number",
            task_id,
            units,
        )

    def done(self) -> int:
        return int(self.one(DONE))

    def leased(self) -> int:
        return int(self.one(LEASED))


@contextmanager
def open_rows(url: str) -> Iterator[Rows]:
    """The rows of a fresh database."""
    with psycopg.connect(url, autocommit=True) as connection:
        rows = Rows(connection)
        rows.run("INSERT INTO domain (id, name) VALUES ('d', 'd')")
        rows.run("INSERT INTO project (id, domain_id, name) VALUES (%s, 'd', 'p')", PROJECT)
        yield rows
