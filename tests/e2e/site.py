"""One installation under test: two stores, `oms up`, its processes and its database."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import psutil
import psycopg
from psycopg.rows import dict_row

from tests.running import Busy, Engine
from tests.storeserver.config import Account, StoreConfig
from tests.storeserver.process import ServerProcess

AK, SK = "e2e-access-key-canary", "e2e-secret-key-canary"
REGIONS = ("us-east-1", "cn-north-4")
T = TypeVar("T")


class Site:
    """`source` holds bucket `from`, `destination` bucket `into`."""

    def __init__(self, root: Path, source: ServerProcess, destination: ServerProcess, engine: Engine) -> None:
        self.root = root
        self.source = source
        self.destination = destination
        self.engine = engine

    def create(self, **more: Any) -> int:
        """A task over the whole bucket; its id."""
        return int(self.engine.call("POST", "/tasks", self.request(**more))["id"])

    def request(self, **more: Any) -> dict[str, Any]:
        """The body of a create call."""
        return {
            "task_type": "prefix",
            "src_node": {"cloud_type": "AWS", "region": REGIONS[0], "ak": AK, "sk": SK, "bucket": "from",
                         "object_key": [""]},
            "dst_node": {"region": REGIONS[1], "ak": AK, "sk": SK, "bucket": "into"},
        } | more  # fmt: skip

    def start(self, task_id: int, **more: Any) -> None:
        """Start again, with the keys that a start needs."""
        keys = {"src_ak": AK, "src_sk": SK, "dst_ak": AK, "dst_sk": SK}
        self.engine.call("POST", f"/tasks/{task_id}/start", keys | more)

    def task(self, task_id: int) -> dict[str, Any]:
        """The task as the API shows it."""
        found: dict[str, Any] = self.engine.call("GET", f"/tasks/{task_id}")
        return found

    def wait(self, task_id: int, *statuses: int, seconds: float = 60.0) -> dict[str, Any]:
        """The task once it has one of these statuses (4 or 5 when none is named); busy means not yet."""
        wanted = statuses or (4, 5)

        def shown() -> dict[str, Any]:
            try:
                return self.task(task_id)
            except Busy as busy:
                return {"status": None, "error": str(busy)}

        return until(shown, lambda task: task["status"] in wanted, seconds)

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """What the ledger holds."""
        with psycopg.connect(self.database_url, row_factory=dict_row) as connection:
            return connection.execute(sql, values).fetchall()

    @property
    def database_url(self) -> str:
        """Where the workers keep their ledger."""
        return next(one for one in map(_database_url, self.processes("worker")) if one)

    def processes(self, word: str) -> list[psutil.Process]:
        """Descendants of `oms up` with this word in their command line."""
        children = psutil.Process(self.engine.process.pid).children(recursive=True)
        return [one for one in children if word in _command(one)]

    def kill(self, word: str, number: int = signal.SIGKILL, *, most: int = 1000) -> int:
        """Signal up to `most` of the processes with this word; how many there were."""
        found = self.processes(word)[:most]
        for one in found:
            one.send_signal(number)
        return len(found)

    def assert_copied(self) -> None:
        """The destination holds what the source holds, by ETag and size of the servers' own books."""
        keys = self.source.keys("from")
        assert [key for key in self.destination.keys("into") if not key.startswith(b"oms/")] == keys
        for key in keys:
            assert self.destination.get("into", key) == self.source.get("from", key)

    def assert_adds_up(self, task_id: int) -> None:
        """Counters equal the recount of segments and records; no upload is open at the store."""
        (counted,) = self.rows(
            "SELECT sum(listed) AS listed, sum(ok) AS ok, sum(skip) AS skip, sum(fail) AS fail FROM counter"
            " WHERE task_id = %s", task_id,
        )  # fmt: skip
        recount = self.rows(
            "SELECT kind, sum(n)::int AS n FROM (SELECT kind, n FROM segment WHERE task_id = %s AND record_id IS NULL"
            " UNION ALL SELECT kind, lines FROM record WHERE task_id = %s) x GROUP BY kind",
            task_id, task_id,
        )  # fmt: skip
        found = {row["kind"]: row["n"] for row in recount}
        assert {kind: int(counted[kind]) for kind in ("ok", "skip", "fail")} == {
            kind: found.get(kind, 0) for kind in ("ok", "skip", "fail")
        }
        assert counted["listed"] == sum(found.values())
        assert self.destination.uploads("into") == []


@contextmanager
def opened(
    root: Path,
    *,
    workers: int = 2,
    environment: dict[str, str] | None = None,
    source: dict[str, Any] | None = None,
    destination: dict[str, Any] | None = None,
    named: str = "",
) -> Iterator[Site]:
    """Stores and engine, both gone afterwards; `named` are more lines of what the operator allows."""
    keys = {AK: Account(SK)}
    with (
        ServerProcess(StoreConfig(keys=keys, buckets=["from"], **(source or {}))) as left,
        ServerProcess(StoreConfig(keys=keys, buckets=["into"], **(destination or {}))) as right,
    ):
        endpoints = root / "endpoints.yaml"
        endpoints.write_text(
            f"- {{cloud_type: AWS, region: '*', endpoint: '{left.url}'}}\n"
            f"- {{cloud_type: HuaweiCloud, region: '*', endpoint: '{left.url}'}}\n"
            f"- {{cloud_type: HEC, region: '*', endpoint: '{right.url}'}}\n"
            f"{named}"
        )
        with Engine(root / "data", endpoints, workers=workers, environment=environment) as engine:
            yield Site(root, left, right, engine)


def until(ask: Callable[[], T], happy: Callable[[T], bool], seconds: float) -> T:
    """The first answer that will do; TimeoutError with the last one otherwise."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if happy(answer):
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(json.dumps(answer, default=str)[:2000])
        time.sleep(0.1)


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _database_url(process: psutil.Process) -> str:
    try:
        return process.environ().get("OMS_DATABASE_URL", "")
    except psutil.Error:
        return ""
