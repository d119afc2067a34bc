"""The real ledger and its model, side by side: each command goes to both, and their answers must be equal."""

import asyncio
import itertools
import time
import uuid
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from psycopg.types.json import Jsonb
from sqlalchemy.ext.asyncio import AsyncEngine

from engine.selection import Scope
from engine.spec import to_json
from engine.states import Refused
from ledger import dispatch, task_actions
from ledger.journal import JournalError
from ledger.pool import Pool
from ledger.postgres import PostgresLedger
from ledger.values import (
    Fence,
    Leased,
    ListHeld,
    NewSegment,
    OpenWork,
    RangeClaim,
    RecordClaim,
    RunClaim,
    SpanClaim,
    TaskFacts,
    TaskId,
    UnitClaim,
    UploadRow,
)
from tests.ledger.model import Model
from tests.ledger.world import SPEC

T = TypeVar("T")
Claim = RunClaim | RangeClaim | UnitClaim | RecordClaim
LEASE = 600.0
NOBODY = Fence(Leased.RUN, TaskId(0), 0, 0, 0, uuid.UUID(int=0))


@dataclass
class Held:
    """One claim as both have granted it, and the last thing that was written under it."""

    real: Any
    model: Any
    last: Any = None
    uploads: dict[int, tuple[UploadRow, UploadRow]] = field(default_factory=dict)


def shown(answer: Any) -> Any:
    """An answer without what cannot be equal: numbers of rows, claim ids, instants."""
    if isinstance(answer, UnitClaim):
        return replace(answer, fence=NOBODY, decided_ms=0, restoring_ms=0)
    if isinstance(answer, RunClaim | RangeClaim | RecordClaim):
        return replace(answer, fence=NOBODY)
    if isinstance(answer, SpanClaim):
        return replace(answer, fence=NOBODY, upload=shown(answer.upload))
    if isinstance(answer, UploadRow):
        return replace(answer, id=0, created_ms=0)
    return answer


class Pair:
    """Both ledgers with one task."""

    ids = itertools.count(1)

    def __init__(self, loop: asyncio.AbstractEventLoop, pool: Pool, engine: AsyncEngine) -> None:
        self.loop = loop
        self.pool = pool
        self.engine = engine
        self.real = PostgresLedger(pool, lease_seconds=LEASE)
        self.model = Model(time.time, LEASE)
        self.task = TaskId(next(self.ids))
        self.facts = TaskFacts(self.task, "p1", f"t{self.task}", None, "cn-north-4", SPEC)
        self.model.add_task(self.facts)
        self.do(self._add_task())

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs to the end."""
        return self.loop.run_until_complete(work)

    async def _add_task(self) -> None:
        await self.pool.execute("INSERT INTO domain VALUES ('d1', 'd1') ON CONFLICT DO NOTHING")
        await self.pool.execute("INSERT INTO project VALUES ('p1', 'd1', 'p') ON CONFLICT DO NOTHING")
        await self.pool.execute(
            """INSERT INTO task (id, project_id, name, task_type, region, spec)
               VALUES (%s, 'p1', %s, 'prefix', 'cn-north-4', %s)""",
            [self.task, self.facts.name, Jsonb(to_json(SPEC))],
        )
        await self.pool.execute("INSERT INTO run (task_id, run_no) VALUES (%s, 1)", [self.task])
        await self._keys()

    async def _keys(self) -> None:
        await self.pool.execute(
            "INSERT INTO credential VALUES (%s, 'source', 'x', 1) ON CONFLICT DO NOTHING", [self.task]
        )

    def both(self, real: Coroutine[Any, Any, Any], model: Callable[[], Any]) -> tuple[Any, Any]:
        """What both answer, which is the same."""
        answers = []
        for ask in (lambda: self.do(real), model):
            try:
                answers.append(ask())
            except (JournalError, ListHeld) as refusal:
                answers.append(type(refusal))
        assert shown(answers[0]) == shown(answers[1]), f"real {answers[0]}, model {answers[1]}"
        return answers[0], answers[1]

    def claim(self, kind: str, worker: str = "w", **more: Any) -> Held | None:
        """One more claim of a kind."""
        ask, model = getattr(self.real, f"claim_{kind}"), getattr(self.model, f"claim_{kind}")
        real, own = self.both(
            ask(self.task, worker, **more), lambda: model(self.task, worker, uuid.uuid4(), **more)
        )
        return None if real is None else Held(real, own)

    def record(self, *, finish: Held | None, now_ms: int) -> Held | None:
        """One more list, of the rest under a claim of the finish."""
        real, own = self.both(
            self.real.claim_record(self.task, "w", now_ms, finish=finish and finish.real),
            lambda: self.model.claim_record(
                self.task, "w", now_ms, uuid.uuid4(), finish=finish and finish.model
            ),
        )
        if real is None or real is ListHeld:
            return None
        self.both(self._payloads(real), lambda: list(self.model.record_payloads(own)))
        return Held(real, own)

    async def _payloads(self, claim: RecordClaim) -> list[bytes]:
        return [one async for one in self.real.record_payloads(claim)]

    async def failures(self, claim: RunClaim) -> list[bytes]:
        """As the finisher reads them."""
        return [one async for one in self.real.failed_payloads(claim)]

    def checkpoint(self, held: Held, seq: int, indexes: Sequence[int], segments: Sequence[NewSegment]) -> Any:
        """Outcomes, in both."""
        return self.both(
            self.real.checkpoint(held.real, seq, indexes, segments),
            lambda: self.model.checkpoint(held.model, seq, indexes, segments),
        )[0]

    def plan(self, held: Held, scopes: Sequence[Scope]) -> None:
        """The plan, in both."""
        self.both(self.real.save_plan(held.real, scopes), lambda: self.model.save_plan(held.model, scopes))

    def expire(self, held: Held) -> None:
        """A lease has run out."""
        fence, own = held.real.fence, held.model.fence
        keys = "task_id = %s AND run_no = %s" if fence.table is Leased.RUN else "id = %s AND id <> -%s"
        place = [fence.task_id, fence.run_no] if fence.table is Leased.RUN else [fence.row, 1]
        self.do(
            self.pool.execute(
                f"""UPDATE {fence.table.value} SET lease_until = clock_timestamp() - interval '1 s'
                     WHERE {keys} AND claim_id = %s AND epoch = %s AND lease_until > 'epoch'""",
                [*place, fence.claim_id, fence.epoch],
            )
        )
        row = self.model.row(own)
        if row is not None and row.lease_until > 0:
            row.lease_until = time.time() - 1

    def work(self) -> OpenWork | None:
        """What the task offers, in both."""
        real = next((one for one in self.do(self.real.open_work()) if one.task_id == self.task), None)
        own = next(iter(self.model.open_work()), None)
        assert real == own, f"real {real}, model {own}"
        return real

    def wishes(self) -> None:
        """Status, run, wish and version are the same, and whether it has keys."""
        real = self.do(self.real.controls([self.task]))
        own = self.model.controls([self.task])
        assert real == own, f"real {real}, model {own}"
        row = self.do(
            self.pool.fetch_one(
                """SELECT error_code, fatal_code, EXISTS (SELECT FROM credential WHERE task_id = t.id) AS keys
                     FROM task t WHERE id = %s""",
                [self.task],
            )
        )
        task = self.model.tasks[self.task]
        fatal = task.fatal[0] if task.fatal else None
        assert row == {"error_code": task.error_code, "fatal_code": fatal, "keys": task.credentials}

    def counters(self) -> dict[str, int] | None:
        """The figures of the present run, in both."""
        task = self.model.tasks[self.task]
        own = self.model.counters.get((self.task, task.run_no))
        if own is None:
            return None
        sums = ", ".join(f"sum({name})::bigint AS {name}" for name in own)
        real = self.do(
            self.pool.fetch_one(
                f"SELECT {sums} FROM counter WHERE task_id = %s AND run_no = %s", [self.task, task.run_no]
            )
        )
        assert real == own
        return own

    # The owner and the dispatcher

    def stop(self) -> None:
        self._act(task_actions.stop, lambda: self.model.stop(self.task))

    def start(self) -> None:
        """As the API does it."""

        async def start(connection: Any, task: task_actions.LockedTask) -> None:
            state = await task_actions.run_state(connection, task)
            if state.resumable:
                await task_actions.resume(connection, task)
            else:
                await task_actions.begin_run(connection, task, failed_only=state.failed > 0)

        def own() -> None:
            if self.model.resumable(self.task):
                self.model.resume(self.task)
                return
            task = self.model.tasks[self.task]
            failed = self.model.counters.get((self.task, task.run_no), {}).get("fail", 0)
            self.model.begin_run(self.task, failed_only=failed > 0)

        if self._act(start, own):
            self.do(self._keys())

    def _act(self, real: Any, own: Callable[[], Any]) -> bool:
        async def act() -> None:
            async with self.engine.begin() as connection:
                (task,) = await task_actions.lock(connection, "p1", [self.task])
                await real(connection, task)

        refused = []
        for ask in (lambda: self.do(act()), own):
            try:
                ask()
                refused.append(False)
            except Refused:
                refused.append(True)
        assert refused[0] == refused[1]
        return not refused[0]

    def promote(self) -> None:
        self.do(dispatch.promote(self.pool, 100))
        self.model.promote()

    def settle(self) -> None:
        real = self.do(dispatch.settle(self.pool))
        assert real == self.model.settle()

    def void_worker(self) -> None:
        assert self.do(dispatch.void_worker(self.pool, "w")) == self.model.void_worker("w")

    def void_expired(self) -> None:
        real = self.do(dispatch.void_expired(self.pool, self.task))
        assert real == self.model.void_expired(self.task)

    def remove(self) -> None:
        """Nothing of it is left for the next."""
        self.do(self.pool.execute("DELETE FROM task WHERE id = %s", [self.task]))
