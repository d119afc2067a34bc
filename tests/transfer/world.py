"""A whole migration in one process: two real store servers, the real ledger on Postgres, real workers."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from psycopg.types.json import Jsonb
from pydantic import SecretStr

from connectors.capabilities import SourceStore
from connectors.endpoints import Endpoints, parse_endpoints
from connectors.locations import Credentials, Location
from connectors.registry import open_store, open_urls, through_cdn
from connectors.wire import Wire
from engine.failures import Side
from engine.outcomes import Outcome, decode
from engine.spec import CloudType, DestinationNode, SourceNode, TaskSpec, TaskType, to_json
from ledger.dispatch import settle
from ledger.pool import Pool
from ledger.postgres import PostgresLedger
from ledger.values import TaskFacts, TaskId
from tests.storeserver.config import Account, StoreConfig
from tests.storeserver.server import StoreServer
from workers.transfer.limits import Limits
from workers.transfer.ports import StorePair
from workers.transfer.worker import Worker

AK, SK = "world-access-key", "world-secret-key"
SPEC = TaskSpec(
    TaskType.PREFIX,
    SourceNode(CloudType.AWS, "us-east-1", "from", object_keys=("",)),
    DestinationNode("into", "cn-north-4"),
)


class RealClock:
    """Time as it is."""

    def monotonic(self) -> float:
        return time.monotonic()

    def now_ms(self) -> int:
        return int(time.time() * 1000)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class NoLimit:
    """A throttle that grants at once and remembers what was asked."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, int, int]] = []

    async def take(self, task_id: int, bucket: str, rate: int, n: int) -> None:
        self.taken.append((bucket, rate, n))


@dataclass
class LocalStores:
    """Opens the world's two servers."""

    wire: Wire
    endpoints: Endpoints
    keys: Credentials
    source_keys: Credentials | None = None
    alive: int = 1

    async def open(self, facts: TaskFacts) -> StorePair:
        spec = facts.spec
        source = Location(
            spec.source.cloud_type,
            spec.source.region,
            spec.source.bucket,
            Side.SOURCE,
            requester_pays=spec.requester_pays,
            app_id=spec.source.app_id,
        )
        into = Location("HEC", spec.destination.region, spec.destination.bucket, Side.DESTINATION)
        lists = spec.source.list_file and replace(into, bucket=spec.source.list_file.bucket)
        return StorePair(
            source=self._source(spec, source),
            destination=open_store(into, self.keys, self.wire, self.endpoints),
            lists=open_store(lists, self.keys, self.wire, self.endpoints) if lists else None,
        )

    def _source(self, spec: TaskSpec, location: Location) -> SourceStore:
        if spec.source.cloud_type is CloudType.URL_SOURCE:
            return open_urls(self.wire, self.endpoints)
        keys = self.source_keys or self.keys
        bucket = open_store(location, keys, self.wire, self.endpoints)
        if spec.cdn is None:
            return bucket
        return through_cdn(bucket, spec.cdn, (location.bucket, keys), self.wire, self.endpoints)

    async def forget(self, pair: StorePair) -> None:
        return

    async def workers(self) -> int:
        return self.alive


@dataclass
class World:
    """What a test works with; `run` lets workers go until nothing is open."""

    source: StoreServer
    destination: StoreServer
    pool: Pool
    ledger: PostgresLedger
    stores: LocalStores
    throttle: NoLimit = field(default_factory=NoLimit)
    limits: Limits = field(default_factory=Limits)
    serial: int = 0

    async def task(self, spec: TaskSpec = SPEC, *, bandwidth: list[dict[str, Any]] | None = None) -> TaskId:
        """A task in status 2 with its first run."""
        self.serial += 1
        task_id = TaskId(self.serial)
        await self.pool.execute(
            "INSERT INTO task (id, project_id, name, task_type, region, spec, status, bandwidth, running_since)"
            " VALUES (%s, 'p1', %s, %s, %s, %s, 2, %s, now())",
            [
                task_id,
                f"task-{task_id}",
                spec.task_type.value,
                spec.destination.region,
                Jsonb(to_json(spec)),
                Jsonb(bandwidth or []),
            ],
        )
        await self.pool.execute("INSERT INTO run (task_id, run_no) VALUES (%s, 1)", [task_id])
        return task_id

    def worker(self, name: str = "w1") -> Worker:
        """A worker of this process."""
        return Worker(
            name, self.ledger, self.stores, self.throttle, RealClock(), random.Random(1), self.limits
        )

    async def run(self, *, workers: int = 1, seconds: float = 60.0) -> None:
        """Until no task is open."""
        crew = [self.worker(f"w{number}") for number in range(workers)]
        settler = asyncio.create_task(self._settle())
        try:
            await asyncio.gather(*(one.run_slice(seconds) for one in crew))
        finally:
            # Its transaction is over before the last look, which passes over what is locked.
            settler.cancel()
            await asyncio.gather(*(one.stop() for one in crew))
            await asyncio.wait([settler])
        await settle(self.pool)

    async def migrate(self, spec: TaskSpec = SPEC, *, workers: int = 1) -> "Ended":
        """One task from beginning to end."""
        task_id = await self.task(spec)
        await self.run(workers=workers)
        return await self.ended(task_id)

    async def ended(self, task_id: TaskId) -> "Ended":
        """How a task ended, with every outcome that is still in the ledger."""
        row = await self.pool.fetch_one("SELECT * FROM task WHERE id = %s", [task_id])
        assert row is not None
        segments = await self.pool.fetch_all(
            "SELECT payload FROM segment WHERE task_id = %s ORDER BY id", [task_id]
        )
        counts = await self.pool.fetch_one(
            "SELECT sum(listed)::bigint AS listed, sum(ok)::bigint AS ok, sum(skip)::bigint AS skip,"
            " sum(fail)::bigint AS fail, sum(ok_bytes)::bigint AS ok_bytes FROM counter"
            " WHERE task_id = %s AND run_no = %s",
            [task_id, row["run_no"]],
        )
        outcomes = [one for segment in segments for one in decode(segment["payload"])]
        return Ended(row, counts or {}, outcomes)

    async def _settle(self) -> None:
        while True:
            await settle(self.pool)
            await asyncio.sleep(0.2)

    def data_keys(self) -> list[bytes]:
        """The destination's keys outside oms/."""
        return [key for key in self.destination.keys("into") if not key.startswith(b"oms/")]

    def records(self, kind: str) -> list[bytes]:
        """The lines of a kind of record, of all tasks."""
        found = [key for key in self.destination.keys("into") if f"/{kind}_object_lists/".encode() in key]
        return [line for key in found for line in self.destination.get("into", key).splitlines()]


@dataclass(frozen=True)
class Ended:
    """A task's row, its counters, and its outcomes that are no record yet."""

    row: dict[str, Any]
    counts: dict[str, Any]
    outcomes: list[Outcome]

    @property
    def status(self) -> int:
        return int(self.row["status"])

    @property
    def code(self) -> str | None:
        return self.row["error_code"]

    def tally(self) -> tuple[int, int, int, int]:
        """listed, ok, skip, fail."""
        return tuple(self.counts[name] or 0 for name in ("listed", "ok", "skip", "fail"))  # type: ignore[return-value]


def endpoints_of(source: str, destination: str, **more: str) -> Endpoints:
    """The endpoints file of a world."""
    extra = "".join(f", {name}: {value}" for name, value in more.items())
    return parse_endpoints(
        f"- {{cloud_type: AWS, region: '*', endpoint: '{source}'{extra}}}\n"
        f"- {{cloud_type: HuaweiCloud, region: '*', endpoint: '{source}'{extra}}}\n"
        f"- {{cloud_type: HEC, region: '*', endpoint: '{destination}'{extra}}}\n"
    )


@asynccontextmanager
async def opened(database_url: str, *, lease_seconds: float = 20.0, **settings: Any) -> AsyncIterator[World]:
    """Servers with the buckets `from` and `into`, and an empty ledger."""
    keys = {AK: Account(SK)}
    source = await StoreServer.start(StoreConfig(keys=dict(keys), buckets=["from"], **settings))
    destination = await StoreServer.start(StoreConfig(keys=dict(keys), buckets=["into"], **settings))
    pool = Pool(database_url)
    wire = Wire()
    try:
        await pool.execute("INSERT INTO domain VALUES ('d1', 'd1')")
        await pool.execute("INSERT INTO project (id, domain_id, name) VALUES ('p1', 'd1', 'p1')")
        stores = LocalStores(wire, endpoints_of(source.url, destination.url), Credentials(AK, SecretStr(SK)))
        yield World(source, destination, pool, PostgresLedger(pool, lease_seconds=lease_seconds), stores)
    finally:
        await wire.close()
        await pool.close()
        await source.stop()
        await destination.stop()
