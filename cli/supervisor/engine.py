"""The whole of `oms up`: servers, schema, credentials, services, from the first lock to the last stop."""

import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from cli.embedded.directory import DataDirectory
from cli.embedded.servers import Places, embedded_postgres, embedded_redis
from cli.settings import DATABASE_URL, MASTER_KEY_FILE, REDIS_URL, Settings
from cli.supervisor.first_start import prepare_installation, void_leases_of
from cli.supervisor.ready import HOST, answers_ready, free_port
from cli.supervisor.services import Service, api_service, beat_service, worker_services
from cli.supervisor.supervisor import Supervisor, stop_on_signals

READY_SECONDS = 90.0

log = logging.getLogger("oms.supervisor")

ServiceList = Callable[[int, Mapping[str, str], Path], list[Service]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run and where.

    `services` gives the list for a port, an environment and a log directory; `prepare` runs before them on a
    database URL, the master key and the credentials file; `void` frees what a dead worker (by name) held.
    """

    root: Path
    port: int
    services: ServiceList
    prepare: Callable[[str, Path, Path], None] = prepare_installation
    void: Callable[[str, str], None] = void_leases_of


def worker_names(count: int, root: Path, *, shared: bool) -> list[str]:
    """worker-1 and up; in a database shared with other engines the names tell this engine from the others."""
    mark = hashlib.blake2b(f"{os.uname().nodename}:{root}".encode(), digest_size=4).hexdigest()
    suffix = f"-{mark}" if shared else ""
    return [f"worker-{number}{suffix}" for number in range(1, count + 1)]


def all_services(names: Sequence[str], silent_seconds: float) -> ServiceList:
    """The API, workers of these names and the scheduler."""

    def services(port: int, values: Mapping[str, str], logs: Path) -> list[Service]:
        return [
            api_service(port, values, logs),
            *worker_services(names, values, logs, silent_seconds),
            beat_service(values, logs),
        ]

    return services


def serve(plan: Plan, settings: Settings, announce: Callable[[str], None]) -> NoReturn:
    """Runs everything until a stop is requested, then ends it in order.

    Calls `announce` once with the address when `/readyz` answers. Raises StopRequested at the end,
    EmbeddedError when it cannot start.
    """
    stop_on_signals()
    # Everything in the data directory is the owner's alone.
    os.umask(0o077)
    with ExitStack() as stack:
        directory = _open_directory(plan.root, settings, stack)
        port = free_port(plan.port)
        supervisor = Supervisor(void_leases=lambda name: plan.void(values[DATABASE_URL], name))
        values = _start_servers(directory, settings, supervisor, stack)
        plan.prepare(values[DATABASE_URL], Path(values[MASTER_KEY_FILE]), directory.credentials)
        stack.callback(supervisor.stop)
        supervisor.start_services(plan.services(port, values, directory.logs))
        supervisor.wait_until(lambda: answers_ready(port), READY_SECONDS)
        announce(f"http://{HOST}:{port}")
        supervisor.run()


def _open_directory(root: Path, settings: Settings, stack: ExitStack) -> DataDirectory:
    places = [place for place in (settings.runtime_directory, Path("/tmp")) if place is not None]  # noqa: S108
    directory = DataDirectory(root, places)
    directory.open()
    stack.callback(directory.close)
    return directory


def _start_servers(
    directory: DataDirectory, settings: Settings, supervisor: Supervisor, stack: ExitStack
) -> dict[str, str]:
    """Starts what is not external; returns the environment that tells services where everything is."""
    temporary = directory.root / "tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    places = Places(directory.postgres, directory.redis, directory.make_sockets(), directory.logs)
    values = {
        "TMPDIR": str(temporary),
        MASTER_KEY_FILE: str(settings.master_key_file or directory.master_key),
    }
    values[DATABASE_URL] = settings.database_url or _start_postgres(places, supervisor, stack)
    values[REDIS_URL] = settings.redis_url or _start_redis(places, supervisor, stack)
    return values


def _start_postgres(places: Places, supervisor: Supervisor, stack: ExitStack) -> str:
    server = embedded_postgres(places)
    stack.callback(server.stop)
    supervisor.start_server("postgres", server)
    return server.url()


def _start_redis(places: Places, supervisor: Supervisor, stack: ExitStack) -> str:
    server = embedded_redis(places)
    stack.callback(server.stop)
    supervisor.start_server("redis", server)
    return server.url
