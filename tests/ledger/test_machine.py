"""Any order of claims, pages, checkpoints, repetitions, lost leases and pauses leaves what a plain model says."""

import asyncio
import itertools
from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ledger.pool import Pool
from ledger.postgres import PostgresLedger
from tests.ledger.model import TOTAL, HeldRange, HeldUnit, Lease, Model, ModelRange, ModelUnit
from tests.ledger.world import World, key, numbers_of, page_of, segment_of

T = TypeVar("T")
KINDS = st.sampled_from(["ok", "skip", "fail"])
TASK_IDS = itertools.count(1)
PICK = st.integers(0, 1000)


class LedgerMachine(RuleBasedStateMachine):
    """The real ledger beside the model; every answer is compared."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.pool = Pool(self.url, size=2)
        self.ledger = PostgresLedger(self.pool, lease_seconds=600.0)
        self.world = World(self.pool, self.ledger, ids=TASK_IDS)
        self.model = Model()
        self.tokens = itertools.count(1)
        self.held_ranges: list[HeldRange] = []
        self.held_units: list[HeldUnit] = []
        self.do(self.pool.execute("INSERT INTO domain VALUES ('d1', 'd1') ON CONFLICT DO NOTHING"))
        self.do(self.pool.execute("INSERT INTO project VALUES ('p1', 'd1', 'p') ON CONFLICT DO NOTHING"))
        self.task = self.do(self.world.planned())

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs to the end."""
        return self.loop.run_until_complete(work)

    @rule()
    def claim_range(self) -> None:
        expected = self.model.free_range()
        claim = self.do(self.ledger.claim_range(self.task, "w"))
        assert (claim is None) == (expected is None)
        if claim and expected:
            assert claim.page_no == expected.page_no
            assert claim.lo == (key(expected.lo) if expected.lo else b"")
            assert claim.hi == (None if expected.hi == TOTAL else key(expected.hi))
            assert claim.cursor == (key(expected.at - 1) if expected.at > expected.lo else b"")
            token = self._take(expected)
            self.held_ranges.append(HeldRange(token, claim, expected))

    @precondition(lambda self: self.held_ranges)
    @rule(pick=PICK, count=st.integers(0, 9), skips=st.integers(0, 3), unit=st.integers(1, 4))
    def save_page(self, pick: int, count: int, skips: int, unit: int) -> None:
        held = self.held_ranges[pick % len(self.held_ranges)]
        own = held.range
        if own.done:
            return
        numbers = tuple(range(own.at, min(own.at + count, own.hi)))
        skipped, copied = numbers[:skips], numbers[skips:]
        last = own.at + len(numbers) == own.hi
        page = (own.page_no, copied, skipped, last)
        saved = self._send(held, page, unit)
        assert saved == held.valid
        if saved:
            held.last_page = page
            own.at, own.page_no, own.done = own.at + len(numbers), own.page_no + 1, last
            own.expired = False
            self.model.skipped.update(skipped)
            self.model.units.extend(
                ModelUnit(numbers=copied[start : start + unit]) for start in range(0, len(copied), unit)
            )

    @precondition(lambda self: any(held.last_page for held in self.held_ranges))
    @rule(pick=PICK)
    def repeat_page(self, pick: int) -> None:
        sent = [held for held in self.held_ranges if held.last_page]
        held = sent[pick % len(sent)]
        assert held.last_page is not None
        if held.last_page[0] == held.range.page_no - 1:
            assert self._send(held, held.last_page, 2) == held.valid

    def _send(
        self, held: HeldRange, page: tuple[int, tuple[int, ...], tuple[int, ...], bool], unit: int
    ) -> bool:
        page_no, copied, skipped, last = page
        units = [copied[start : start + unit] for start in range(0, len(copied), unit)]
        return self.do(self.ledger.save_page(held.claim, page_of(page_no, units, skipped, last=last))).alive

    @precondition(lambda self: self.held_ranges)
    @rule(pick=PICK, at=st.integers(1, TOTAL - 1))
    def split(self, pick: int, at: int) -> None:
        held = self.held_ranges[pick % len(self.held_ranges)]
        own = held.range
        inside = max(own.lo + 1, own.at) <= at < own.hi
        again = at == own.hi and held.claim.hi != key(at)
        split = self.do(self.ledger.split_range(held.claim, key(at)))
        assert split == (held.valid and not own.done and (inside or again))
        if split and inside:
            self.model.ranges.append(ModelRange(lo=at, hi=own.hi, at=at))
            own.hi = at

    @rule()
    def claim_unit(self) -> None:
        expected = self.model.free_unit()
        claim = self.do(self.ledger.claim_unit(self.task, "w", large=False))
        assert (claim is None) == (expected is None)
        if claim and expected:
            if expected.holder is not None:
                same = expected.current == expected.suspect
                expected.crashes = expected.crashes + 1 if same else 1
                expected.suspect = expected.current
            expected.current = None
            assert tuple(numbers_of(claim)) == expected.numbers
            assert claim.done == tuple(index in expected.outcomes for index in range(len(expected.numbers)))
            assert (claim.seq, claim.crashes, claim.suspect) == (
                expected.seq,
                expected.crashes,
                expected.suspect,
            )
            self.held_units.append(HeldUnit(self._take(expected), claim, expected))

    @precondition(lambda self: self.held_units)
    @rule(pick=PICK, chosen=st.lists(st.tuples(st.integers(0, 3), KINDS), min_size=1, max_size=4))
    def checkpoint(self, pick: int, chosen: list[tuple[int, str]]) -> None:
        held = self.held_units[pick % len(self.held_units)]
        unit = held.unit
        wanted = {index % len(unit.numbers): kind for index, kind in chosen}
        fresh = {index: kind for index, kind in wanted.items() if index not in unit.outcomes}
        if not fresh or unit.done:
            return
        seq = unit.seq
        alive, closed = self._journal(held, seq, fresh)
        assert alive == held.valid
        if alive:
            held.last = (seq, fresh)
            unit.outcomes.update(fresh)
            unit.seq += 1
            unit.expired = False
            unit.done = len(unit.outcomes) == len(unit.numbers)
            proven = next(
                index for index in (unit.suspect, unit.current, next(iter(fresh))) if index is not None
            )
            unit.crashes = 0 if proven in fresh else unit.crashes
            assert closed == unit.done

    @precondition(lambda self: any(held.last for held in self.held_units))
    @rule(pick=PICK)
    def repeat_checkpoint(self, pick: int) -> None:
        sent = [held for held in self.held_units if held.last]
        held = sent[pick % len(sent)]
        assert held.last is not None
        seq, outcomes = held.last
        if seq == held.unit.seq - 1:
            assert self._journal(held, seq, outcomes) == (held.valid, held.valid and held.unit.done)

    def _journal(self, held: HeldUnit, seq: int, outcomes: dict[int, str]) -> tuple[bool, bool]:
        segments = []
        for kind in ("ok", "skip", "fail"):
            indexes = [index for index, found in outcomes.items() if found == kind]
            if indexes:
                numbers = [held.unit.numbers[index] for index in indexes]
                segments.append(segment_of(kind, numbers, indexes))
        answer = self.do(self.ledger.checkpoint(held.claim, seq, list(outcomes), segments))
        return answer.alive, answer.closed

    @precondition(lambda self: self.held_units)
    @rule(pick=PICK, index=st.integers(0, 3))
    def mark_current(self, pick: int, index: int) -> None:
        held = self.held_units[pick % len(self.held_units)]
        at = index % len(held.unit.numbers)
        marked = self.do(self.ledger.mark_current(held.claim, at))
        assert marked == (held.valid and not held.unit.done)
        if marked:
            held.unit.current = at

    @precondition(lambda self: self.held_units or self.held_ranges)
    @rule(pick=PICK)
    def release(self, pick: int) -> None:
        held = self._any(pick)
        own: Lease = held.unit if isinstance(held, HeldUnit) else held.range
        self.do(self.ledger.release(held.claim.fence))
        if held.valid and not own.done:
            own.holder, own.expired = None, False
            if isinstance(own, ModelUnit):
                own.current = None

    @precondition(lambda self: self.held_units or self.held_ranges)
    @rule(pick=PICK)
    def expire(self, pick: int) -> None:
        held = self._any(pick)
        own: Lease = held.unit if isinstance(held, HeldUnit) else held.range
        if held.valid and not own.done:
            own.expired = True
            table = held.claim.fence.table.value
            self.do(
                self.pool.execute(
                    f"UPDATE {table} SET lease_until = clock_timestamp() - interval '1 s' WHERE id = %s",
                    [held.claim.fence.row],
                )
            )

    @rule()
    def renew(self) -> None:
        held: list[HeldRange | HeldUnit] = [*self.held_ranges, *self.held_units]
        living = set()
        for one in held:
            own: Lease = one.unit if isinstance(one, HeldUnit) else one.range
            if one.valid and not own.done:
                living.add(one.claim.fence)
                own.expired = False
        assert self.do(self.ledger.renew([one.claim.fence for one in held])) == living

    @rule(running=st.booleans())
    def pause_or_go_on(self, running: bool) -> None:
        self.model.running = running
        self.do(
            self.pool.execute(
                "UPDATE task SET status = %s, desired = %s WHERE id = %s",
                [2 if running else 7, "run" if running else "pause", self.task],
            )
        )

    @invariant()
    def counters_are_those_of_the_model(self) -> None:
        assert self.do(self.world.counters(self.task)) == self.model.counts()

    def teardown(self) -> None:
        """Everything that is left is done, and the run ends with its recount."""
        try:
            self.do(self._finish())
        finally:
            self.do(self.pool.close())
            self.loop.close()

    async def _finish(self) -> None:
        await self.pool.execute("UPDATE task SET status = 2, desired = 'run' WHERE id = %s", [self.task])
        for table in ("unit", "key_range"):
            await self.pool.execute(
                f"UPDATE {table} SET lease_until = 'epoch' WHERE task_id = %s", [self.task]
            )
        while claim := await self.ledger.claim_range(self.task, "w"):
            start = next(one.at for one in self.model.ranges if (key(one.lo) if one.lo else b"") == claim.lo)
            end = int(claim.hi[1:]) if claim.hi else TOTAL
            page = page_of(claim.page_no, [range(start, end)] if end > start else [], last=True)
            assert (await self.ledger.save_page(claim, page)).alive
        while unit := await self.ledger.claim_unit(self.task, "w", large=False):
            left = [index for index, done in enumerate(unit.done) if not done]
            numbers = [numbers_of(unit)[index] for index in left]
            answer = await self.ledger.checkpoint(unit, unit.seq, left, [segment_of("ok", numbers, left)])
            assert answer.closed
        finish = await self.ledger.claim_finish(self.task, "f")
        assert finish is not None
        while record := await self.ledger.claim_record(self.task, "f", 1, final=True):
            assert await self.ledger.record_written(record, b"s" * 32)
        found = await self.ledger.end_run(finish)
        assert found is not None
        assert found.problems == ()
        assert found.listed == TOTAL

    def _any(self, pick: int) -> HeldRange | HeldUnit:
        held: list[HeldRange | HeldUnit] = [*self.held_ranges, *self.held_units]
        return held[pick % len(held)]

    def _take(self, own: Lease) -> int:
        own.holder, own.expired = next(self.tokens), False
        return own.holder


def test_the_ledger_answers_as_the_model(database_url: str) -> None:
    LedgerMachine.url = database_url
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=40,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
