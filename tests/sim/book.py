"""The ledger as one process sees it: the model, at the other end of a wire that loses answers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from engine.selection import Scope
from ledger.endpoints import Known
from ledger.journal import JournalError
from ledger.values import (
    Checkpointed,
    Control,
    Fence,
    ListedPage,
    NewSegment,
    OpenWork,
    PageSaved,
    PartSpan,
    RangeClaim,
    RecordClaim,
    RunClaim,
    SpanClaim,
    StoredPart,
    TaskFacts,
    TaskId,
    UnitClaim,
    UploadRow,
    Verification,
)
from tests.sim.loop import pause
from tests.sim.process import Process

if TYPE_CHECKING:
    from tests.sim.world import World

T = TypeVar("T")
PATIENCE = 6.0


class Away(Exception):
    """The pool's patience is over: whether the statement was carried out is not known."""


class Book:
    """Everything that `workers.transfer.ports.Ledger` promises."""

    def __init__(self, world: "World", process: Process) -> None:
        self._world = world
        self._process = process
        self._model = world.model

    @property
    def lease_seconds(self) -> float:
        return self._model.lease_seconds

    def _id(self) -> UUID:
        return UUID(int=self._world.random.getrandbits(128), version=4)

    async def open_work(self) -> tuple[OpenWork, ...]:
        return await self._call(self._model.open_work)

    async def claim_prepare(self, task_id: TaskId, worker: str) -> RunClaim | None:
        return await self._call(partial(self._model.claim_prepare, task_id, worker, self._id()))

    async def claim_cut(self, task_id: TaskId, worker: str) -> RunClaim | None:
        return await self._call(partial(self._model.claim_cut, task_id, worker, self._id()))

    async def claim_range(self, task_id: TaskId, worker: str) -> RangeClaim | None:
        return await self._call(partial(self._model.claim_range, task_id, worker, self._id()))

    async def claim_unit(self, task_id: TaskId, worker: str, *, large: bool) -> UnitClaim | None:
        return await self._call(partial(self._model.claim_unit, task_id, worker, self._id(), large=large))

    async def claim_record(
        self, task_id: TaskId, worker: str, now_ms: int, *, finish: RunClaim | None
    ) -> RecordClaim | None:
        return await self._call(
            partial(self._model.claim_record, task_id, worker, now_ms, self._id(), finish=finish)
        )

    async def claim_finish(self, task_id: TaskId, worker: str) -> RunClaim | None:
        return await self._call(partial(self._model.claim_finish, task_id, worker, self._id()))

    async def renew(self, fences: Sequence[Fence]) -> frozenset[Fence]:
        return await self._call(partial(self._model.renew, fences))

    async def release(self, fence: Fence, *, delay: float = 0.0) -> None:
        await self._call(partial(self._model.release, fence, delay=delay))

    async def controls(self, task_ids: Sequence[TaskId]) -> dict[TaskId, Control]:
        return await self._call(partial(self._model.controls, task_ids))

    async def facts(self, task_id: TaskId) -> TaskFacts | None:
        return await self._call(partial(self._model.facts, task_id))

    async def halt(self, fence: Fence, code: str, message: str) -> None:
        await self._call(partial(self._model.halt, fence, code, message))

    async def save_plan(self, claim: RunClaim, scopes: Sequence[Scope]) -> bool:
        return await self._call(partial(self._model.save_plan, claim, scopes))

    async def save_retry_plan(self, claim: RunClaim) -> bool:
        return await self._call(partial(self._model.save_retry_plan, claim))

    async def save_page(self, claim: RangeClaim, page: ListedPage) -> PageSaved:
        return await self._call(partial(self._model.save_page, claim, page))

    async def split_range(self, claim: RangeClaim, at: bytes) -> bool:
        return await self._call(partial(self._model.split_range, claim, at))

    async def checkpoint(
        self, claim: UnitClaim, seq: int, indexes: Sequence[int], segments: Sequence[NewSegment]
    ) -> Checkpointed:
        return await self._call(partial(self._model.checkpoint, claim, seq, list(indexes), segments))

    async def mark_current(self, claim: UnitClaim, idx: int) -> bool:
        return await self._call(partial(self._model.mark_current, claim, idx))

    async def find_upload(self, claim: UnitClaim, idx: int) -> UploadRow | None:
        return await self._call(partial(self._model.find_upload, claim, idx))

    async def plan_upload(
        self, claim: UnitClaim, idx: int, dst_key: bytes, src_etag: str, src_size: int, part_size: int
    ) -> UploadRow | None:
        return await self._call(
            partial(self._model.plan_upload, claim, idx, dst_key, src_etag, src_size, part_size)
        )

    async def open_upload(self, claim: UnitClaim, row: UploadRow, upload_id: str) -> bool:
        return await self._call(partial(self._model.open_upload, claim, row, upload_id))

    async def add_parts(self, claim: UnitClaim, row: UploadRow, parts: Sequence[StoredPart]) -> bool:
        return await self._call(partial(self._model.add_parts, claim, row, parts))

    async def close_upload(self, row: UploadRow) -> None:
        await self._call(partial(self._model.close_upload, row))

    async def claim_span(self, task_id: TaskId, worker: str) -> SpanClaim | None:
        return await self._call(partial(self._model.claim_span, task_id, worker, self._id()))

    async def share_parts(
        self, claim: UnitClaim, row: UploadRow, key: bytes, version: str, spans: Sequence[tuple[int, int]]
    ) -> bool:
        return await self._call(partial(self._model.share_parts, claim, row, key, version, spans))

    async def shared_spans(self, row: UploadRow) -> tuple[tuple[int, int], ...]:
        return await self._call(partial(self._model.shared_spans, row))

    async def take_span(self, claim: UnitClaim, row: UploadRow) -> PartSpan | None:
        return await self._call(partial(self._model.take_span, claim, row))

    async def add_span_parts(self, claim: SpanClaim, parts: Sequence[StoredPart]) -> bool:
        return await self._call(partial(self._model.add_span_parts, claim, parts))

    async def end_span(self, claim: SpanClaim) -> None:
        await self._call(partial(self._model.end_span, claim))

    async def return_span(self, claim: SpanClaim) -> None:
        await self._call(partial(self._model.return_span, claim))

    async def record_payloads(self, claim: RecordClaim) -> AsyncIterator[bytes]:
        payloads: Iterator[bytes] = await self._call(partial(self._model.record_payloads, claim))
        for payload in payloads:
            yield payload

    async def failed_payloads(self, claim: RunClaim) -> AsyncIterator[bytes]:
        payloads: Iterator[bytes] = await self._call(partial(self._model.failed_payloads, claim))
        for payload in payloads:
            yield payload

    async def record_written(self, claim: RecordClaim, sha256: bytes) -> bool:
        return await self._call(partial(self._model.record_written, claim, sha256))

    async def record_failed(self, claim: RecordClaim, code: str) -> bool:
        return await self._call(partial(self._model.record_failed, claim, code))

    async def open_uploads(self, task_id: TaskId) -> tuple[UploadRow, ...]:
        return await self._call(partial(self._model.open_uploads, task_id))

    async def verify_run(self, claim: RunClaim) -> Verification:
        return await self._call(partial(self._model.verify_run, claim))

    async def end_run(self, claim: RunClaim, failure: tuple[str, str] | None = None) -> Verification | None:
        return await self._call(partial(self._model.end_run, claim, failure))

    async def end_batch(self, claim: RunClaim) -> Verification | None:
        return await self._call(partial(self._model.end_batch, claim))

    async def cut(self, claim: RunClaim, now: datetime) -> bool:
        return await self._call(partial(self._model.cut, claim, now))

    async def save_list_tasks(self, claim: RunClaim, keys: Sequence[str], now: datetime) -> bool:
        return await self._call(partial(self._model.save_list_tasks, claim, keys, now))

    async def end_creation(self, claim: RunClaim) -> Any:
        return await self._call(partial(self._model.end_creation, claim))

    async def note_restoring(self, claim: UnitClaim) -> bool:
        return await self._call(partial(self._model.note_restoring, claim))

    # What a destination does was seen before the world began.

    async def endpoint(self, name: str) -> Known:
        return await self._call(lambda: Known(fresh=True, parts_fresh=True))

    async def claim_endpoint(self, name: str, seconds: float) -> str | None:
        raise AssertionError("it is known")

    async def save_endpoint(self, name: str, found: Any, *, parts: bool) -> None:
        raise AssertionError("it is known")

    async def leave_endpoint(self, name: str) -> None:
        raise AssertionError("it is known")

    async def count_requests(self, counts: Any) -> Any:
        raise AssertionError("the simulated stores are asked without a wire: nothing is counted")

    async def show_endpoint(self, task_id: TaskId, run_no: int, found: Any) -> None:
        await self._call(lambda: None)

    async def pieces(self, task_id: TaskId) -> tuple[Scope, ...]:
        return await self._call(partial(self._model.pieces, task_id))

    async def _call(self, effect: Callable[[], T]) -> T:
        """One call through the pool, which runs it again when it does not know what came of it."""
        process, world = self._process, self._world
        dies = process.enter()
        world.step()
        fault, began = world.weather.ledger(), world.loop.time()
        await self._reached()
        try:
            await pause(world.ledger_seconds if fault != "late" else world.random.random() * 2)
        except asyncio.CancelledError:
            self._estranged()
            if world.random.random() < 0.5:
                with suppress(JournalError):
                    self._committed(effect)
            raise
        if fault == "away":
            self._estranged()
            raise Away
        if fault == "failed":
            await pause(world.random.random())
        if fault == "away_after":
            self._unheard(effect)
            raise Away
        if world.loop.time() - began > world.plan.lease_seconds / 4:
            # What is claimed so late lasts longer than its worker knows.
            self._estranged()
        answer = self._committed(effect)
        if dies:
            process.kill()
            raise asyncio.CancelledError
        if fault == "unknown":
            await pause(world.random.random())
            answer = self._committed(effect)
        return answer

    async def _reached(self) -> None:
        """A process that is cut off waits for its pool's patience."""
        left = self._process.cut_until - self._world.loop.time()
        if left > 0:
            try:
                await pause(min(left, PATIENCE))
            finally:
                self._estranged()
            if left > PATIENCE:
                raise Away

    def _unheard(self, effect: Callable[[], Any]) -> None:
        """It happens, and who has asked is never told."""
        self._estranged()
        self._committed(effect)

    def _estranged(self) -> None:
        """It has claimed what it does not know of, gave up what lasts longer, or could not give it back."""
        self._process.estranged_until = self._world.loop.time() + self._world.plan.lease_seconds

    def _committed(self, effect: Callable[[], T]) -> T:
        answer = effect()
        self._world.checks.committed()
        return answer
