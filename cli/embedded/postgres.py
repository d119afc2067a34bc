"""The embedded Postgres: a cluster in one directory, reachable through a Unix socket alone."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from cli.embedded.errors import EmbeddedError
from cli.embedded.identity import Identity, candidates, give
from cli.embedded.process import Launch, end, shim_command, spawn, tail
from cli.embedded.wheels import postgres_program

USER = "oms"
DATABASE = "oms"
START_SECONDS = 120.0
CRASH_SECONDS = 10.0
_SETTINGS_FILE = "oms.conf"

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "512MB",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "idle_in_transaction_session_timeout": "30s",
    "autovacuum": "on",
    "autovacuum_naptime": "15s",
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_analyze_scale_factor": "0.05",
    "jit": "off",
    "timezone": "UTC",
    # Parallel queries would take segments from /dev/shm; these stay inside the data directory.
    "dynamic_shared_memory_type": "mmap",
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    # No background process but those that every server needs; none of them is called a worker while idle.
    "io_method": "sync",
    "max_logical_replication_workers": "0",
    "logging_collector": "off",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "log_min_messages": "warning",
    # Statements may carry credentials on their way to being sealed; none is ever logged.
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
}


@dataclass(slots=True)
class Postgres:
    """One embedded cluster.

    `home` is its data directory, `sockets` a 0700 directory with a short path; `settings` go over the
    built-in ones.
    """

    home: Path
    sockets: Path
    log: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    identity: Identity | None = None
    process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = DATABASE) -> str:
        """The URL of a database, as libpq, psycopg and SQLAlchemy read it."""
        return f"postgresql://{USER}@/{database}?host={quote(str(self.sockets), safe='/')}"

    def start(self) -> None:
        """Creates the cluster when there is none, starts it, waits until it answers; raises EmbeddedError."""
        identity = self.identity = self.identity or working_identity()
        _end_orphan(self.home)
        if not (self.home / "PG_VERSION").exists():
            self._create_cluster(identity)
        give(self.home, identity)
        self._write_settings(identity)
        self._launch(identity)
        self._wait_until_answering(time.monotonic() + START_SECONDS)
        self._create_database()

    def stop(self) -> int:
        """Disconnects everybody, writes a checkpoint, ends; returns the exit status (0 when nothing ran)."""
        if self.process is None:
            return 0
        status = end(self.process, [(signal.SIGINT, 30.0), (signal.SIGQUIT, 6.0)])
        self.process = None
        return status

    def _create_cluster(self, identity: Identity) -> None:
        # initdb works beside the final place, so one that was cut short is never taken for a cluster.
        draft = self.home.with_name(self.home.name + ".new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        give(draft, identity)
        command = (
            postgres_program("initdb"),
            f"--pgdata={draft}",
            f"--username={USER}",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-instructions",
        )
        launch = Launch(command, identity=identity)
        result = subprocess.run(
            shim_command(launch), capture_output=True, check=False, cwd=draft.parent, env=_environment()
        )
        if result.returncode != 0:
            raise EmbeddedError(f"initdb failed:\n{result.stderr.decode(errors='replace').strip()}")
        with (draft / "postgresql.conf").open("a") as file:
            file.write(f"include '{_SETTINGS_FILE}'\n")
        draft.rename(self.home)

    def _write_settings(self, identity: Identity) -> None:
        # In a file, so that a restart by Postgres's own tools finds the same ones.
        values = {**_SETTINGS, "unix_socket_directories": f'"{self.sockets}"', **self.settings}
        lines = [f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in values.items()]
        path = self.home / _SETTINGS_FILE
        path.write_text("".join(lines))
        os.chown(path, *identity.owner)

    def _launch(self, identity: Identity) -> None:
        command = (postgres_program("postgres"), "-D", str(self.home))
        # SIGQUIT ends the postmaster and all backends at once and leaves no shared memory or socket behind.
        launch = Launch(command, self.log, _environment(), identity, signal.SIGQUIT, self.home)
        self.process = spawn(launch)

    def _wait_until_answering(self, deadline: float) -> None:
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=5).close()
                return
            except psycopg.OperationalError as error:
                if self.process is None or self.process.poll() is not None:
                    raise EmbeddedError(f"Postgres ended while starting:\n{tail(self.log)}") from error
                if time.monotonic() > deadline:
                    self.stop()
                    raise EmbeddedError(f"Postgres does not answer:\n{tail(self.log)}") from error
                time.sleep(0.02)

    def _create_database(self) -> None:
        known = "SELECT 1 FROM pg_database WHERE datname = %s"
        try:
            with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
                if connection.execute(known, [DATABASE]).fetchone() is None:
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        except psycopg.Error as error:
            raise EmbeddedError(f"Postgres has no database {DATABASE}: {error}") from error


def working_identity() -> Identity:
    """The first identity that finds and runs Postgres's programs here; raises EmbeddedError when none does."""
    reasons = []
    for identity in candidates():
        # --show looks for the programs and the user, as a real initdb does, and creates nothing.
        launch = Launch((postgres_program("initdb"), "--show", "--pgdata=/nowhere"), identity=identity)
        result = subprocess.run(shim_command(launch), capture_output=True, check=False)
        if result.returncode == 0:
            return identity
        words = result.stderr.decode(errors="replace").strip().splitlines()
        reasons.append(f"{identity.kind}: {words[-1] if words else result.returncode}")
    raise EmbeddedError("Postgres refuses root and no other user can be taken here:\n" + "\n".join(reasons))


def _environment() -> dict[str, str]:
    # Neither LC_* nor PG* of the caller may change what the server does.
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _end_orphan(home: Path) -> None:
    """Ends a postmaster that outlived its supervisor and drops a lock file that nobody holds."""
    lock = home / "postmaster.pid"
    if not lock.exists():
        return
    pid = int(lock.read_text().split("\n", 1)[0])
    if _is_postmaster(pid, home):
        os.kill(pid, signal.SIGQUIT)
        _wait_until_gone(pid, home)
    lock.unlink(missing_ok=True)


def _is_postmaster(pid: int, home: Path) -> bool:
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return os.fsencode(home) in arguments


def _wait_until_gone(pid: int, home: Path) -> None:
    deadline = time.monotonic() + CRASH_SECONDS
    while _is_postmaster(pid, home):
        if time.monotonic() > deadline:
            raise EmbeddedError(f"the Postgres of an earlier start (process {pid}) does not end")
        time.sleep(0.02)
