"""The real processes: two stores behind a proxy, `oms up` with its workers, and a second API beside the first."""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg.rows import dict_row

from tests.chaos.plain import StorePages
from tests.running import Engine
from tests.storeserver.config import Account, StoreConfig
from tests.storeserver.process import ServerProcess

AK, SK = "chaos-access-key", "chaos-secret-key"
KEYS = {"src_ak": AK, "src_sk": SK, "dst_ak": AK, "dst_sk": SK}
LEASE_SECONDS = 5
DATA_BYTES = 700 << 20
# A folder's worth: groups are cut into several tasks.
GROUP_TASK_OBJECTS = 160
REPOSITORY = Path(__file__).parents[2]
# Lets the clocks of workers be stepped.
CLOCK = Path(__file__).with_name("clock")
_libc = ctypes.CDLL(None, use_errno=True)


class Proxy:
    """The proxy's process."""

    def __init__(self, **stores: ServerProcess) -> None:
        ways = [f"{name}={store.host}:{store.port}" for name, store in stores.items()]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.proxy", *ways],
            cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self.ports: dict[str, int] = json.loads(self._process.stdout.readline())

    def obey(self, name: str, mode: str) -> None:
        """Change how a way behaves."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{name} {mode}\n")
        self._process.stdin.flush()

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


class SecondApi:
    """`oms api` beside the one of `oms up`, on the same database; started again when it has died."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self._environment = environment
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.keep()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        assert self._process is not None
        return self._process.pid

    def keep(self) -> None:
        """Start it unless it runs."""
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, "-P", "-m", "cli.main", "api", "--port", str(self._port)]
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)

    def stop(self) -> None:
        """End it."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()


class Installation:
    """All of it. Buckets `from` and `events` at the source; `into`, `lists` and `synced` at the destination."""

    def __init__(
        self, root: Path, source: ServerProcess, destination: ServerProcess, proxy: Proxy, engine: Engine
    ) -> None:
        self.root = root
        self.data = root / "data"
        self.clocks = root / "clocks"
        self.source_server, self.destination_server = source, destination
        self.source, self.destination = StorePages(source.url), StorePages(destination.url)
        self.proxy = proxy
        self.engine = engine
        self.small_disk = os.path.ismount(self.data)
        worker = self.processes("cli.main worker")[0].environ()
        self.database_url, self.redis_url = worker["OMS_DATABASE_URL"], worker["OMS_REDIS_URL"]
        self.second = SecondApi(worker, root / "second-api.log")

    def processes(self, word: str) -> list[psutil.Process]:
        """Descendants of `oms up` with this word in their command line, the shim before `exec` left out."""
        found = []
        with contextlib.suppress(psutil.Error):
            for one in psutil.Process(self.engine.process.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    command = " ".join(one.cmdline())
                    if word in command and "shim.py" not in command:
                        found.append(one)
        return found

    def kill(self, word: str, number: int = signal.SIGKILL) -> int:
        """Signal all of them; how many."""
        found = self.processes(word)
        for one in found:
            with contextlib.suppress(psutil.Error):
                one.send_signal(number)
        return len(found)

    def connect(self) -> psycopg.Connection[dict[str, Any]]:
        """A session on the ledger."""
        return psycopg.connect(
            self.database_url, row_factory=dict_row, autocommit=True, connect_timeout=5,
            options="-c default_transaction_read_only=off -c statement_timeout=20s",
        )  # fmt: skip

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """What the ledger holds; raises psycopg.Error while it is away."""
        with self.connect() as connection:
            return connection.execute(sql, values).fetchall()

    def ready(self) -> bool:
        """Both APIs answer `/readyz` with 200."""
        return all(_ready(address) for address in self.addresses)

    def any_ready(self) -> bool:
        """One of the APIs answers."""
        return any(_ready(address) for address in self.addresses)

    @property
    def addresses(self) -> tuple[str, str]:
        """Hosts of both APIs."""
        return self.engine.host, self.second.address


def _clock_first() -> str:
    return os.pathsep.join(filter(None, [str(CLOCK), os.environ.get("PYTHONPATH")]))


def _ready(address: str) -> bool:
    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[bool]:
    """A file system of `size` bytes at `folder`; False where this user may not mount one."""
    folder.mkdir(parents=True, exist_ok=True)
    place = os.fsencode(folder)
    mounted = _libc.mount(b"tmpfs", place, b"tmpfs", 0, b"size=%d" % size) == 0
    try:
        yield mounted
    finally:
        if mounted:
            _libc.umount2(place, 2)


@contextmanager
def installed(root: Path, workers: int) -> Iterator[Installation]:
    """Everything runs; everything is gone afterwards."""
    keys = {AK: Account(SK)}
    with ExitStack() as stack:
        source = stack.enter_context(
            ServerProcess(StoreConfig(keys=keys, buckets=["from", "events"], crc64=True))
        )
        destination = stack.enter_context(
            ServerProcess(StoreConfig(keys=keys, buckets=["into", "lists", "synced"], crc64=True))
        )
        proxy = Proxy(source=source, destination=destination)
        stack.callback(proxy.stop)
        endpoints = root / "endpoints.yaml"
        endpoints.write_text(
            "".join(
                f"- {{cloud_type: {cloud}, region: '*', endpoint: 'http://127.0.0.1:{proxy.ports[name]}'}}\n"
                for cloud, name in (("AWS", "source"), ("HEC", "destination"))
            )
        )
        stack.enter_context(small_disk(root / "data", DATA_BYTES))
        (root / "clocks").mkdir()
        environment = {
            "OMS_LEASE_SECONDS": str(LEASE_SECONDS), "OMS_SLOTS": "8",
            "CHAOS_CLOCKS": str(root / "clocks"), "PYTHONPATH": _clock_first(),
            "OMS_GROUP_TASK_OBJECTS": str(GROUP_TASK_OBJECTS), "OMS_GROUPS_PER_DAY": "10000",
        }  # fmt: skip
        engine = Engine(root / "data", endpoints, workers=workers, environment=environment)
        stack.enter_context(engine)
        found = Installation(root, source, destination, proxy, engine)
        stack.callback(found.second.stop)
        with found.connect() as connection:
            # The disk is small: less log is kept between checkpoints.
            connection.execute("ALTER SYSTEM SET max_wal_size = '96MB'")
            connection.execute("SELECT pg_reload_conf()")
        until_ready(found, 60)
        yield found


def until_ready(site: Installation, seconds: float) -> None:
    """Wait until both APIs answer; raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not site.ready():
        if time.monotonic() > deadline:
            raise TimeoutError("the APIs are not ready")
        site.second.keep()
        time.sleep(0.1)
