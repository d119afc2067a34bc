"""Who is measured: the product as `oms up` runs it, rclone, s5cmd, and loops that only copy."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import psycopg

from bench.measure import Family, Usage, measured_children
from bench.stores import ACCESS_KEY, FROM, INTO, REGIONS, SECRET_KEY, Pair
from tests.running import Engine

_RCLONE, _S5CMD = (str(Path(sys.executable).with_name(one)) for one in ("rclone", "s5cmd"))
_MEMORY = Path("/dev/shm")  # noqa: S108  # the folder in it has a name of its own
_LOOK_SECONDS = 0.03
_PATIENCE_SECONDS = 0.1
_WATCH_SECONDS = 1.0
_SIZE = "SELECT pg_database_size(current_database())"


class Work(StrEnum):
    """What a client is asked to do."""

    COPY = "copy"
    LIST = "list"
    COMPARE = "compare"


class Client(StrEnum):
    """The rows of the table."""

    PRODUCT = "product"
    BARE = "bare loop"
    BARE_SIDE_BY_SIDE = "bare loops"
    AIOHTTP = "aiohttp loop"
    RCLONE = "rclone"
    RCLONE_64 = "rclone 64"
    S5CMD = "s5cmd"


# Who cannot compare two stores.
ONLY_COPY = (Client.BARE_SIDE_BY_SIDE, Client.AIOHTTP, Client.S5CMD)


@dataclass(frozen=True, slots=True)
class Order:
    """A run to be done: `source` names the bucket, `objects` how many it must find, `lanes` is for the loops."""

    work: Work
    objects: int
    source: str = FROM
    lanes: int = 64


class Product:
    """A running engine and its ledger."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.latest = 0
        self._ledger = psycopg.connect(self._database_url(), autocommit=True)

    def create(self, order: Order, **more: Any) -> int:
        """A task; its id. `more` goes into the request.

        A listing is a migration that takes nothing: all objects are too old for it."""
        source = {"cloud_type": "AWS", "region": REGIONS[0], "ak": ACCESS_KEY, "sk": SECRET_KEY,
                  "bucket": order.source, "object_key": [""]}  # fmt: skip
        into = {"region": REGIONS[1], "ak": ACCESS_KEY, "sk": SECRET_KEY, "bucket": INTO}
        body: dict[str, Any] = {"task_type": "prefix", "src_node": source, "dst_node": into, **more}
        if order.work is Work.LIST:
            body["migrate_since"] = int(time.time())
        self.latest = int(self.engine.call("POST", "/tasks", body)["id"])
        return self.latest

    def wait(self, task_id: int, objects: int) -> None:
        """Returns when the task has ended well, with so many objects. Raises RuntimeError otherwise."""
        while self.status(task_id) not in (4, 5):
            # Each look costs the product's Postgres a little, and counts as its own.
            time.sleep(_PATIENCE_SECONDS)
        task = self.engine.call("GET", f"/tasks/{task_id}")
        done = task["successful_num"] + task["skipped_num"]
        if (task["status"], done) != (5, objects):
            raise RuntimeError(f"the task did not end well: {task}")

    def journalled(self, task_id: int) -> int:
        """Objects whose outcome is in the ledger."""
        (found,) = self._ledger.execute(
            "SELECT coalesce(sum(ok + skip + fail), 0)::bigint FROM counter WHERE task_id = %s", [task_id]
        ).fetchone() or (0,)
        return int(found)

    def ranges(self, task_id: int) -> tuple[int, int]:
        """How many ranges a task was listed in, and the pages of them all."""
        sql = "SELECT count(*), coalesce(sum(page_no), 0)::bigint FROM key_range WHERE task_id = %s"
        found = self._ledger.execute(sql, [task_id]).fetchone() or (0, 0)
        return int(found[0]), int(found[1])

    def open_ranges(self, task_id: int) -> int:
        """How many ranges of a task have not been listed to their end."""
        sql = "SELECT count(*) FROM key_range WHERE task_id = %s AND state <> 'done'"
        (found,) = self._ledger.execute(sql, [task_id]).fetchone() or (0,)
        return int(found)

    def failed(self, task_id: int) -> int:
        """How many of its objects have failed so far."""
        return int(self.engine.call("GET", f"/tasks/{task_id}")["failed_num"])

    def stop(self, task_id: int) -> None:
        """Pause it, and wait until it is."""
        self.engine.call("POST", f"/tasks/{task_id}/stop")
        while self.status(task_id) == 7:
            time.sleep(_LOOK_SECONDS)

    def status(self, task_id: int) -> int:
        """From the ledger, which costs the product less than an API call."""
        (found,) = self._ledger.execute("SELECT status FROM task WHERE id = %s", [task_id]).fetchone() or (0,)
        return int(found)

    def database_bytes(self) -> int:
        """The size of the ledger on disk, indexes included."""
        (found,) = self._ledger.execute(_SIZE).fetchone() or (0,)
        return int(found)

    def vacuum(self) -> None:
        """What autovacuum would do within the next minute."""
        self._ledger.execute("VACUUM")

    def run(self, order: Order) -> Usage:
        """One task from its creation to its end."""
        with self.family() as family:
            self.wait(self.create(order), order.objects)
        return family.usage

    @contextmanager
    def watched(self) -> Iterator[list[int]]:
        """Sizes of the ledger, once a second."""
        seen, ended = [self.database_bytes()], threading.Event()

        def watch() -> None:
            with psycopg.connect(self._database_url(), autocommit=True) as ledger:
                while not ended.wait(_WATCH_SECONDS):
                    seen.append(ledger.execute(_SIZE).fetchone()[0])  # type: ignore[index]

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield seen
        finally:
            ended.set()
            watcher.join()
            seen.append(self.database_bytes())

    def family(self) -> Family:
        """`oms up` and its descendants, as `with` measures them."""
        return Family(self.engine.process.pid, _part_of, "workers")

    def workers(self) -> list[psutil.Process]:
        """Its worker processes."""
        children = psutil.Process(self.engine.process.pid).children(recursive=True)
        return [one for one in children if _part_of(" ".join(one.cmdline())) == "workers"]

    def kill_workers(self) -> None:
        """`kill -9` to all of them."""
        for one in self.workers():
            one.kill()

    def _database_url(self) -> str:
        return self.workers()[0].environ()["OMS_DATABASE_URL"]

    def close(self) -> None:
        """Let go of the ledger."""
        self._ledger.close()


def _part_of(command: str) -> str:
    if "postgres" in command:
        return "postgres"
    if "redis" in command:
        return "redis"
    return "workers" if "worker" in command else "rest"


@contextmanager
def running(root: Path, pair: Pair, *, workers: int = 0) -> Iterator[Product]:
    """The product with its defaults, in a data directory of its own."""
    endpoints = root / "endpoints.yaml"
    endpoints.write_text(pair.endpoints())
    with Engine(root / "data", endpoints, workers=workers or worker_processes()) as engine:
        product = Product(engine)
        try:
            yield product
        finally:
            product.close()


def worker_processes() -> int:
    """How many the product starts by default."""
    return max(2, os.cpu_count() or 1)


def bare(root: Path, order: Order, *, processes: int = 1) -> Usage:
    """The bare loop, in one process or several that share the objects and the lanes."""
    command = [sys.executable, "-m", "bench.bare", order.work.value, str(root / "endpoints.yaml")]
    command += ["--lanes", str(order.lanes // processes)]
    shares = [len(range(first, order.objects, processes)) for first in range(processes)]
    return measured_children(
        [
            [*command, "--share", str(first), str(processes), "--expect", str(share)]
            for first, share in enumerate(shares)
        ]
    )


def aiohttp_loop(pair: Pair, order: Order) -> Usage:
    """The loop that knows nothing of the product's own HTTP client; it copies `FROM` and nothing else."""
    assert (order.work, order.source) == (Work.COPY, FROM), "it can do nothing else"
    command = [sys.executable, "-m", "bench.aiohttp_loop", pair.source.url, pair.destination.url]
    return measured_children([[*command, "--lanes", str(order.lanes), "--expect", str(order.objects)]])


def rclone(pair: Pair, order: Order, *, many: bool) -> Usage:
    """rclone as it is, or with 64 transfers and checkers."""
    return measured_children([rclone_command(order, many=many)], rclone_environment(pair))


def rclone_command(order: Order, *, many: bool) -> list[str]:
    """Lists with `size`, which streams; compares by ETag, which spares it a HEAD for each object."""
    what = {
        Work.COPY: ["copy", f"left:{order.source}", f"right:{INTO}"],
        Work.COMPARE: ["copy", f"left:{order.source}", f"right:{INTO}", "--checksum"],
        Work.LIST: ["size", f"left:{order.source}"],
    }[order.work]
    more = ["--transfers", "64", "--checkers", "64"] if many else []
    return [_RCLONE, *what, "--config", os.devnull, "-q", *more]


def rclone_environment(pair: Pair) -> Mapping[str, str]:
    """Both stores as remotes."""
    places = {"LEFT": (pair.source.url, REGIONS[0]), "RIGHT": (pair.destination.url, REGIONS[1])}
    return {
        f"RCLONE_CONFIG_{name}_{word}": value
        for name, (url, region) in places.items()
        for word, value in {
            "TYPE": "s3", "PROVIDER": "Other", "ACCESS_KEY_ID": ACCESS_KEY, "SECRET_ACCESS_KEY": SECRET_KEY,
            "ENDPOINT": url, "REGION": region, "FORCE_PATH_STYLE": "true",
        }.items()
    }  # fmt: skip


def s5cmd(pair: Pair, order: Order) -> Usage:
    """A listing; or a copy down into memory (where that is a folder) and up again: it knows one store at a time."""
    with TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        source = pair.source.url, REGIONS[0]
        if order.work is Work.LIST:
            return _s5cmd(source, "ls", f"s3://{order.source}/*")
        down = _s5cmd(source, "cp", f"s3://{order.source}/*", f"{folder}/")
        up = _s5cmd((pair.destination.url, REGIONS[1]), "cp", f"{folder}/", f"s3://{INTO}/")
        return down.then(up)


def _s5cmd(store: tuple[str, str], *words: str) -> Usage:
    url, region = store
    keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_REGION": region}
    return measured_children([[_S5CMD, "--log", "error", "--endpoint-url", url, *words]], keys)


def rclone_killed(pair: Pair, order: Order, half_done: Any) -> None:
    """Begin, and `kill -9` as soon as `half_done()` says so."""
    child = subprocess.Popen(
        rclone_command(order, many=True), env=os.environ | dict(rclone_environment(pair))
    )
    while not half_done():
        time.sleep(_LOOK_SECONDS)
    child.send_signal(signal.SIGKILL)
    child.wait()
