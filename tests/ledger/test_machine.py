"""Any order of commands, repetitions, lost leases, stops and starts gets the same answers from the SQL and the model.

What the simulator shows of production's workers it shows on the model: this is why it counts for Postgres, too.
"""

import asyncio
import os
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from engine.records import LINES_PER_FILE
from engine.selection import Scope
from ledger import control, records
from ledger.pool import Pool
from ledger.sessions import create_engine
from ledger.values import Leased, StoredPart
from tests.ledger.model import Model
from tests.ledger.model_rows import EPOCH
from tests.ledger.pairs import Held, Pair
from tests.ledger.world import key, numbers_of, page_of, segment_of

# More of them: SEQUENCES=2000 make test FLAGS=tests/ledger/test_machine.py
SEQUENCES = int(os.environ.get("SEQUENCES", "120"))
STEPS = 40
TOTAL = 60
LINES = 4
PICK = st.integers(0, 1000)
KINDS = st.sampled_from(["ok", "ok", "skip", "fail"])
WHOLE = (Scope(b"", None, b"", exact=False),)
HALVES = (Scope(b"k", key(30), b"k", exact=False), Scope(key(40), None, b"k", exact=False))


class LedgerMachine(RuleBasedStateMachine):
    """The real ledger beside the model; every answer is compared."""

    loop: asyncio.AbstractEventLoop
    pool: Pool
    engine: Any

    def __init__(self) -> None:
        super().__init__()
        self.pair = Pair(self.loop, self.pool, self.engine)
        self.real, self.model = self.pair.real, self.pair.model
        self.held: list[Held] = []
        self.now_ms = 1_000
        self.looks = 0

    def _of(self, table: Leased, pick: int) -> Held | None:
        """A claim of that kind; mostly one of the latest."""
        fitting = [one for one in self.held if one.real.fence.table is table]
        return fitting[-1 - (pick % min(len(fitting), 1 + pick % 5))] if fitting else None

    def _keep(self, held: Held | None) -> None:
        if held is not None:
            self.held.append(held)

    @initialize(far=st.sampled_from(["nowhere", "listed", "shared", "shared"]))
    def begin(self, far: str) -> None:
        """Most sequences begin with objects that wait to be done, many where parts of one are sent by others."""
        if far == "nowhere":
            return
        self.pair.promote()
        self.prepare(split=False)
        self.claim_range()
        self.save_page(pick=0, count=6, skips=0, unit=1, last=False)
        self.claim_unit(large=True)
        if far == "shared":
            self.share(pick=0, what=0, first=0)
            self.claim_span("v")

    @rule()
    def promote(self) -> None:
        self.pair.promote()

    @rule(split=st.booleans())
    def prepare(self, split: bool) -> None:
        held = self.pair.claim("prepare")
        self._keep(held)
        if held is not None:
            self._plan(held, split=split)

    @rule(pick=PICK, split=st.booleans())
    def plan_again(self, pick: int, split: bool) -> None:
        held = self._of(Leased.RUN, pick)
        if held is not None:
            self._plan(held, split=split)

    def _plan(self, held: Held, *, split: bool) -> None:
        run = self.model.runs.get((self.pair.task, held.model.fence.run_no))
        if run is not None and run.failed_only:
            self.pair.both(
                self.real.save_retry_plan(held.real), lambda: self.model.save_retry_plan(held.model)
            )
        else:
            self.pair.plan(held, HALVES if split else WHOLE)

    @rule()
    def claim_range(self) -> None:
        self._keep(self.pair.claim("range"))

    @rule(large=st.sampled_from([False, False, False, True]))
    def claim_unit(self, large: bool) -> None:
        self._keep(self.pair.claim("unit", large=large))

    @rule()
    def claim_finish(self) -> None:
        held = self.pair.claim("finish")
        self._keep(held)
        if held is not None:
            self.pair.both(
                self.pair.failures(held.real), lambda: list(self.model.failed_payloads(held.model))
            )

    @rule(final=st.booleans(), pick=PICK)
    def claim_record(self, final: bool, pick: int) -> None:
        self.now_ms += 1
        finish = self._of(Leased.RUN, pick) if final else None
        self._keep(self.pair.record(finish=finish, now_ms=self.now_ms))

    @rule(
        pick=PICK,
        count=st.integers(0, 9),
        skips=st.integers(0, 3),
        unit=st.integers(1, 4),
        last=st.booleans(),
    )
    def save_page(self, pick: int, count: int, skips: int, unit: int, last: bool) -> None:
        held = self._of(Leased.RANGE, pick)
        if held is None:
            return
        row = self.model.ranges.get(held.model.fence.row)
        page_no = row.page_no if row is not None else held.real.page_no
        start = (_number(row.cursor) + 1) if row is not None and row.cursor else _number(held.real.lo)
        end = min(start + count, TOTAL)
        numbers = list(range(start, max(start, end)))
        skipped, copied = numbers[:skips], numbers[skips:]
        units = [copied[at : at + unit] for at in range(0, len(copied), unit)]
        page = page_of(page_no, units, skipped, last=last)
        # Some units are of large objects.
        held.last = replace(page, units=tuple(replace(one, large=one.n == 1) for one in page.units))
        self._send(held)

    @rule(pick=PICK)
    def repeat_page(self, pick: int) -> None:
        held = self._of(Leased.RANGE, pick)
        if held is not None and held.last is not None:
            self._send(held)

    def _send(self, held: Held) -> None:
        self.pair.both(
            self.real.save_page(held.real, held.last), lambda: self.model.save_page(held.model, held.last)
        )

    @rule(pick=PICK, at=st.integers(1, TOTAL - 1))
    def split(self, pick: int, at: int) -> None:
        held = self._of(Leased.RANGE, pick)
        if held is not None:
            self.pair.both(
                self.real.split_range(held.real, key(at)),
                lambda: self.model.split_range(held.model, key(at)),
            )

    @rule(pick=PICK, chosen=st.lists(st.tuples(st.integers(0, 3), KINDS), min_size=1, max_size=4), ahead=PICK)
    def checkpoint(self, pick: int, chosen: list[tuple[int, str]], ahead: int) -> None:
        held = self._of(Leased.UNIT, pick)
        if held is None:
            return
        row = self.model.units.get(held.model.fence.row)
        wanted = {index % held.real.n: kind for index, kind in chosen}
        if row is not None and ahead % 8:
            wanted = {index: kind for index, kind in wanted.items() if not row.done[index]}
        if wanted:
            seq = row.seq if row is not None else held.real.seq
            held.last = (seq, wanted)
            self._journal(held)

    @rule(pick=PICK)
    def repeat_checkpoint(self, pick: int) -> None:
        held = self._of(Leased.UNIT, pick)
        if held is not None and held.last is not None:
            self._journal(held)

    def _journal(self, held: Held) -> None:
        seq, wanted = held.last
        all_numbers = numbers_of(held.real)
        segments = []
        for kind in ("ok", "skip", "fail"):
            indexes = [index for index, found in wanted.items() if found == kind]
            if indexes:
                segments.append(segment_of(kind, [all_numbers[index] for index in indexes], indexes))
        self.pair.checkpoint(held, seq, list(wanted), segments)

    @rule(pick=PICK, index=st.integers(0, 4))
    def mark_current(self, pick: int, index: int) -> None:
        held = self._of(Leased.UNIT, pick)
        if held is not None:
            self.pair.both(
                self.real.mark_current(held.real, index), lambda: self.model.mark_current(held.model, index)
            )

    @rule(pick=PICK)
    def note_restoring(self, pick: int) -> None:
        held = self._of(Leased.UNIT, pick)
        if held is not None and pick % 4 == 0:
            self.pair.both(self.real.note_restoring(held.real), lambda: self.model.note_restoring(held.model))

    @rule(pick=PICK, idx=st.integers(0, 2), etag=st.sampled_from(["e1", "e2"]))
    def plan_upload(self, pick: int, idx: int, etag: str) -> None:
        held = self._of(Leased.UNIT, pick)
        if held is not None:
            self._plan_upload(held, idx, etag)

    def _plan_upload(self, held: Held, idx: int, etag: str) -> None:
        given = (idx, b"key", etag, 100, 16)
        real, own = self.pair.both(
            self.real.plan_upload(held.real, *given), lambda: self.model.plan_upload(held.model, *given)
        )
        if real is not None and not isinstance(real, type):
            held.uploads[idx] = (real, own)

    @rule(pick=PICK, idx=st.integers(0, 2), what=st.integers(0, 5), name=st.sampled_from(["u1", "u2"]))
    def use_upload(self, pick: int, idx: int, what: int, name: str) -> None:
        held = self._of(Leased.UNIT, pick)
        if held is None:
            return
        real, own = self.pair.both(
            self.real.find_upload(held.real, idx), lambda: self.model.find_upload(held.model, idx)
        )
        real, own = held.uploads.get(idx, (real, own))
        if real is None:
            return
        if what < 2:
            self.pair.both(
                self.real.open_upload(held.real, real, name),
                lambda: self.model.open_upload(held.model, own, name),
            )
        elif what < 5:
            parts = [StoredPart(what, f"p{what}", 16, b"m" * 16, 7)]
            self.pair.both(
                self.real.add_parts(held.real, real, parts),
                lambda: self.model.add_parts(held.model, own, parts),
            )
        else:
            self.pair.both(self.real.close_upload(real), lambda: self.model.close_upload(own))

    @rule(pick=PICK, what=st.integers(0, 5), first=st.integers(0, 2))
    def share(self, pick: int, what: int, first: int) -> None:
        """The owner of an upload, which he begins if there is none, offers parts, or takes some back."""
        held = self._of(Leased.UNIT, pick)
        if held is None:
            self._keep(self.pair.claim("unit", large=False))
            return
        if not held.uploads:
            self._plan_upload(held, 0, "e1")
        if not held.uploads:
            return
        real, own = next(iter(held.uploads.values()))
        spans = [(2 * at + 1, 2 * at + 2) for at in range(first, 3)]
        if what < 4:
            self.pair.both(
                self.real.open_upload(held.real, real, "u1"),
                lambda: self.model.open_upload(held.model, own, "u1"),
            )
            self.pair.both(
                self.real.share_parts(held.real, real, b"from", "v1", spans),
                lambda: self.model.share_parts(held.model, own, b"from", "v1", spans),
            )
            self._keep(self.pair.claim("span", "w" if what == 3 else "v"))
        else:
            self.pair.both(
                self.real.take_span(held.real, real), lambda: self.model.take_span(held.model, own)
            )
        self.pair.both(self.real.shared_spans(real), lambda: self.model.shared_spans(own))

    @rule(worker=st.sampled_from(["v", "v", "v", "w"]))
    def claim_span(self, worker: str) -> None:
        self._keep(self.pair.claim("span", worker))

    @rule(pick=PICK, what=st.integers(0, 7), number=st.integers(1, 6))
    def use_span(self, pick: int, what: int, number: int) -> None:
        held = self._of(Leased.SPAN, pick)
        if held is None:
            return
        if what < 5:
            parts = [StoredPart(number, f"s{number}", 16, b"m" * 16, 7)]
            self.pair.both(
                self.real.add_span_parts(held.real, parts),
                lambda: self.model.add_span_parts(held.model, parts),
            )
        elif what < 7:
            self.pair.both(self.real.end_span(held.real), lambda: self.model.end_span(held.model))
        else:
            self.pair.both(self.real.return_span(held.real), lambda: self.model.return_span(held.model))

    @rule(pick=PICK, fine=st.sampled_from([True, True, False]))
    def end_record(self, pick: int, fine: bool) -> None:
        held = self._of(Leased.RECORD, pick)
        if held is None:
            return
        if fine:
            self.pair.both(
                self.real.record_written(held.real, b"s" * 32),
                lambda: self.model.record_written(held.model, b"s" * 32),
            )
        else:
            self.pair.both(
                self.real.record_failed(held.real, "S3M.0310"),
                lambda: self.model.record_failed(held.model, "S3M.0310"),
            )

    @rule(pick=PICK, reason=st.sampled_from([None, ("TRF.0051", "why")]))
    def end_run(self, pick: int, reason: tuple[str, str] | None) -> None:
        held = self._of(Leased.RUN, pick)
        if held is not None and (self.pair.task, held.model.fence.run_no) in self.model.counters:
            real, own = self.do_end(held, reason)
            assert (real is None) == (own is None)
            if real is not None:
                assert bool(real.problems) == bool(own.problems), f"real {real}, model {own}"
                assert (real.counted, real.recounted, real.listed) == (own.counted, own.recounted, own.listed)
                assert (bool(real.gaps), real.digest_equal) == (bool(own.gaps), own.digest_equal)

    def do_end(self, held: Held, reason: tuple[str, str] | None) -> tuple[Any, Any]:
        """Both try to end the run; their words differ, so they are not compared as they are."""
        return self.pair.do(self.real.end_run(held.real, reason)), self.model.end_run(held.model, reason)

    @precondition(lambda self: self.held)
    @rule(pick=PICK, code=st.sampled_from(["TRF.0051", "TRF.0052"]))
    def halt(self, pick: int, code: str) -> None:
        held = self.held[-1 - pick % len(self.held)]
        if pick % 4 == 0:
            self.pair.both(
                self.real.halt(held.real.fence, code, "why"),
                lambda: self.model.halt(held.model.fence, code, "why"),
            )

    @precondition(lambda self: self.held)
    @rule(pick=PICK, delay=st.sampled_from([0.0, 0.0, 500.0]))
    def release(self, pick: int, delay: float) -> None:
        held = self.held[-1 - pick % len(self.held)]
        self.pair.both(
            self.real.release(held.real.fence, delay=delay),
            lambda: self.model.release(held.model.fence, delay=delay),
        )

    @precondition(lambda self: self.held)
    @rule(pick=PICK)
    def expire(self, pick: int) -> None:
        self.pair.expire(self.held[-1 - pick % len(self.held)])

    @rule()
    def renew(self) -> None:
        real = self.pair.do(self.real.renew([one.real.fence for one in self.held]))
        own = self.model.renew([one.model.fence for one in self.held])
        assert [one.real.fence in real for one in self.held] == [one.model.fence in own for one in self.held]

    @rule(what=st.sampled_from(["stop", "start", "settle", "settle", "void_worker", "void_expired"]))
    def act(self, what: str) -> None:
        getattr(self.pair, what)()

    @rule()
    def go_on(self) -> None:
        """A stopped task runs again, so that sequences do not end with their first stop."""
        self.pair.settle()
        self.pair.start()
        self.pair.promote()

    @invariant()
    def everything_shown_is_the_same(self) -> None:
        """One look a step, in turn: a difference stays."""
        self.looks += 1
        (self.pair.wishes, self.pair.counters, self.pair.work)[self.looks % 3]()

    def teardown(self) -> None:
        """Everything that is left is done, and the run ends with its recount, in both."""
        try:
            self._finish()
        finally:
            self.pair.remove()

    def _finish(self) -> None:
        for held in self.held:
            self.pair.expire(held)
        self.pair.settle()
        self._free()
        self.pair.start()
        self.pair.promote()
        if not self.model.tasks[self.pair.task].running:
            return
        prepared = self.pair.claim("prepare")
        if prepared is not None:
            self._plan(prepared, split=False)
        while (listed := self.pair.claim("range")) is not None:
            held = listed
            held.last = page_of(held.real.page_no, [], last=True)
            self._send(held)
        while (unit := self._any_unit()) is not None:
            left = {index: "ok" for index, done in enumerate(unit.real.done) if not done}
            unit.last = (unit.real.seq, left)
            self._journal(unit)
        finisher = self.pair.claim("finish")
        assert finisher is not None
        for row in self.pair.do(self.real.open_uploads(self.pair.task)):
            self.pair.do(self.real.close_upload(row))
        for own in self.model.open_uploads(self.pair.task):
            self.model.close_upload(own)
        while (listing := self.pair.record(finish=finisher, now_ms=self.now_ms)) is not None:
            self.pair.both(
                self.real.record_written(listing.real, b"z" * 32),
                lambda listing=listing: self.model.record_written(listing.model, b"z" * 32),  # type: ignore[misc]
            )
        real, own = self.do_end(finisher, None)
        assert real is not None
        assert own is not None
        assert (real.problems, own.problems) == ((), ()), f"real {real}, model {own}"
        self.pair.wishes()

    def _any_unit(self) -> Held | None:
        return self.pair.claim("unit", large=False) or self.pair.claim("unit", large=True)

    def _free(self) -> None:
        """Nobody waits for a delayed claim."""
        task = self.pair.task
        for table in ("unit", "key_range", "part_span"):
            sql = f"UPDATE {table} SET not_before = 'epoch' WHERE task_id = %s"
            self.pair.do(self.pool.execute(sql, [task]))
        for table in ("run", "record"):
            sql = f"UPDATE {table} SET lease_until = 'epoch' WHERE task_id = %s AND claim_id IS NULL"
            self.pair.do(self.pool.execute(sql, [task]))
        for work in (*self.model.units.values(), *self.model.ranges.values(), *self.model.spans.values()):
            work.not_before = EPOCH
        for row in (*self.model.runs.values(), *self.model.records.values()):
            row.lease_until = EPOCH if row.claim_id is None else row.lease_until


def _number(written: bytes) -> int:
    return int(written[1:7]) if len(written) > 1 else 0


def test_the_ledger_answers_as_the_model(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "LINES_PER_FILE", LINES)
    monkeypatch.setattr(Model, "lines_per_file", LINES)
    monkeypatch.setattr(
        control, "OPEN_WORK", control.OPEN_WORK.replace(f">= {LINES_PER_FILE}", f">= {LINES}")
    )
    LedgerMachine.loop = loop = asyncio.new_event_loop()
    LedgerMachine.pool = pool = Pool(database_url, size=2)
    LedgerMachine.engine = engine = create_engine(database_url, size=1)
    try:
        run_state_machine_as_test(
            LedgerMachine,
            settings=settings(
                max_examples=SEQUENCES,
                stateful_step_count=STEPS,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.generate, Phase.shrink],
            ),
        )
    finally:
        loop.run_until_complete(pool.close())
        loop.run_until_complete(engine.dispose())
        loop.close()
