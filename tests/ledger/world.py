"""Shorthands of the ledger's tests: tasks, manifests, outcomes, and what the tables hold."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from psycopg.types.json import Jsonb

from engine import manifest, outcomes
from engine.digest import Digest
from engine.manifest import Entry
from engine.outcomes import Outcome, OutcomeKind
from engine.selection import Scope
from engine.spec import CloudType, DestinationNode, SourceNode, TaskSpec, TaskType, to_json
from ledger.pool import Pool
from ledger.postgres import PostgresLedger
from ledger.values import ListedPage, NewSegment, NewUnit, RangeClaim, TaskId, UnitClaim

SPEC = TaskSpec(
    TaskType.PREFIX,
    SourceNode(CloudType.AWS, "us-east-1", "from", object_keys=("",)),
    DestinationNode("into", "cn-north-4"),
)
WHOLE = Scope(b"", None, b"", exact=False)
SIZE = 10


def key(number: int) -> bytes:
    """The key of an object by its number, in order."""
    return b"k%06d" % number


def unit_of(numbers: Sequence[int], *, large: bool = False) -> NewUnit:
    """A unit of objects."""
    entries = [Entry(key(number), SIZE, 0, f"e{number}") for number in numbers]
    return NewUnit(manifest.encode(entries), len(entries), SIZE * len(entries), large)


def digest_of(numbers: Sequence[int]) -> bytes:
    """The coverage digest of objects."""
    return Digest.of((key(number), SIZE, f"e{number}") for number in numbers).to_bytes()


def segment_of(kind: str, numbers: Sequence[int], indexes: Sequence[int] | None = None) -> NewSegment:
    """A segment of equal outcomes."""
    places = indexes if indexes is not None else range(len(numbers))
    found = [
        Outcome(index, OutcomeKind(kind), key(number), SIZE, f"e{number}", code="X" if kind == "fail" else "")
        for index, number in zip(places, numbers, strict=True)
    ]
    return NewSegment(kind, len(found), SIZE * len(found), digest_of(numbers), outcomes.encode(found))


def page_of(
    page_no: int, units: Sequence[Sequence[int]], skips: Sequence[int] = (), *, last: bool = False
) -> ListedPage:
    """A page whose objects go into units, and some into a skip segment."""
    numbers = sorted([number for unit in units for number in unit] + list(skips))
    return ListedPage(
        page_no=page_no,
        cursor=key(numbers[-1]) if numbers else b"",
        listed=len(numbers),
        listed_bytes=SIZE * len(numbers),
        digest=digest_of(numbers),
        units=tuple(unit_of(unit) for unit in units),
        segments=(segment_of("skip", skips),) if skips else (),
        last=last,
    )


def numbers_of(claim: UnitClaim) -> list[int]:
    """The objects of a claimed unit."""
    return [int(entry.key[1:]) for entry in manifest.decode(claim.manifest)]


@dataclass
class World:
    """A database with one project."""

    pool: Pool
    ledger: PostgresLedger
    project: str = "p1"
    ids: Iterator[int] = field(default_factory=lambda: count(1))

    async def create_project(self) -> None:
        """The rows that a task hangs on."""
        await self.pool.execute("INSERT INTO domain VALUES ('d1', 'd1') ON CONFLICT DO NOTHING")
        await self.pool.execute(
            "INSERT INTO project (id, domain_id, name) VALUES (%s, 'd1', %s)", [self.project, self.project]
        )

    async def task(self, *, status: int = 2, spec: TaskSpec = SPEC, **columns: Any) -> TaskId:
        """A task with its first run."""
        task_id = TaskId(next(self.ids))
        values = {
            "id": task_id,
            "project_id": self.project,
            "name": f"t{task_id}",
            "task_type": spec.task_type.value,
            "region": "cn-north-4",
            "spec": Jsonb(to_json(spec)),
            "status": status,
            **columns,
        }
        names = ", ".join(values)
        marks = ", ".join(f"%({name})s" for name in values)
        await self.pool.execute(f"INSERT INTO task ({names}) VALUES ({marks})", values)
        await self.pool.execute("INSERT INTO run (task_id, run_no) VALUES (%s, 1)", [task_id])
        return task_id

    async def planned(self, scopes: Sequence[Scope] = (WHOLE,), **columns: Any) -> TaskId:
        """A task whose run is active."""
        task_id = await self.task(**columns)
        claim = await self.ledger.claim_prepare(task_id, "planner")
        assert claim is not None
        assert await self.ledger.save_plan(claim, scopes)
        return task_id

    async def range_claim(self, task_id: TaskId, worker: str = "w") -> RangeClaim:
        """A range, which there must be."""
        claim = await self.ledger.claim_range(task_id, worker)
        assert claim is not None
        return claim

    async def unit_claim(self, task_id: TaskId, worker: str = "w", *, large: bool = False) -> UnitClaim:
        """A unit, which there must be."""
        claim = await self.ledger.claim_unit(task_id, worker, large=large)
        assert claim is not None
        return claim

    async def listed(
        self, units: Sequence[Sequence[int]], skips: Sequence[int] = (), **columns: Any
    ) -> TaskId:
        """A task that has listed everything in one page."""
        task_id = await self.planned(**columns)
        claim = await self.range_claim(task_id)
        assert (await self.ledger.save_page(claim, page_of(0, units, skips, last=True))).alive
        return task_id

    async def finish_unit(self, claim: UnitClaim, kind: str = "ok") -> None:
        """One checkpoint that closes the unit."""
        numbers = numbers_of(claim)
        answer = await self.ledger.checkpoint(
            claim, claim.seq, range(len(numbers)), [segment_of(kind, numbers)]
        )
        assert answer.alive
        assert answer.closed

    async def counters(self, task_id: TaskId, run_no: int = 1) -> dict[str, int]:
        """The counters of a run, added up."""
        row = await self.pool.fetch_one(
            """SELECT sum(listed)::bigint AS listed, sum(ok)::bigint AS ok, sum(skip)::bigint AS skip,
                      sum(fail)::bigint AS fail, sum(ok_bytes)::bigint AS ok_bytes FROM counter
                WHERE task_id = %s AND run_no = %s""",
            [task_id, run_no],
        )
        assert row is not None
        return dict(row)

    async def value(self, sql: str, *parameters: Any) -> Any:
        """The only value of a query."""
        row = await self.pool.fetch_one(sql, parameters)
        return None if row is None else next(iter(row.values()))

    async def expire(self, table: str) -> None:
        """All leases of a table have run out."""
        await self.pool.execute(
            f"UPDATE {table} SET lease_until = clock_timestamp() - interval '1 s' WHERE claim_id IS NOT NULL"
        )
