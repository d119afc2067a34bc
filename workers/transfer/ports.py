"""What the transfer coroutines ask of the world; production, simulator and chaos hand in different ones."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from connectors.capabilities import DestinationStore, SourceStore
from connectors.wire import OperationCounts
from engine.endpoint import Found
from engine.failures import Side
from engine.selection import Scope
from ledger.endpoints import Known
from ledger.grouping import Creation
from ledger.request_counts import Counted, RequestCount
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


class Clock(Protocol):
    """Time. `monotonic` in seconds, `now_ms` UTC."""

    def monotonic(self) -> float: ...
    def now_ms(self) -> int: ...
    async def sleep(self, seconds: float) -> None: ...


class Random(Protocol):
    """Chance, for jitter only."""

    def random(self) -> float: ...


class Throttle(Protocol):
    """Our own bandwidth limit: one bucket a task and direction, shared by all workers."""

    async def take(self, task_id: int, bucket: str, rate: int, n: int) -> None:
        """Return when `n` bytes are granted at `rate` bytes/s; `bucket` is "read" or "write". Rate 0 lets all go."""
        ...


@dataclass(frozen=True, slots=True)
class StorePair:
    """The opened stores of a task; `lists` is the bucket of its list file (None: no list).

    `asked` counts the requests of a side as they are made; the list file is the destination's. `secrets` are what no
    log may show while they are open.
    """

    source: SourceStore
    destination: DestinationStore
    lists: SourceStore | None = None
    asked: Mapping[Side, OperationCounts] = field(default_factory=dict)
    secrets: tuple[str, ...] = field(default=(), repr=False)


class Stores(Protocol):
    """Opens a task's stores with its sealed credentials."""

    async def open(self, facts: TaskFacts) -> StorePair:
        """Raises `connectors.errors.Fatal` when the credentials are gone or of no use."""
        ...

    async def forget(self, pair: StorePair) -> None:
        """Nobody uses them any more."""
        ...

    async def workers(self) -> int:
        """How many workers are alive: ceilings are divided by this."""
        ...


class ClaimLedger(Protocol):
    """Leases: taking, keeping and giving back. A lease lasts `lease_seconds` from the database's clock."""

    @property
    def lease_seconds(self) -> float: ...

    async def open_work(self) -> tuple[OpenWork, ...]:
        """Tasks in status 2 with desired run, and what each offers to claim."""
        ...

    async def claim_prepare(self, task_id: TaskId, worker: str) -> RunClaim | None: ...
    async def claim_cut(self, task_id: TaskId, worker: str) -> RunClaim | None: ...
    async def claim_range(self, task_id: TaskId, worker: str) -> RangeClaim | None: ...
    async def claim_unit(self, task_id: TaskId, worker: str, *, large: bool) -> UnitClaim | None: ...
    async def claim_record(
        self, task_id: TaskId, worker: str, now_ms: int, *, finish: RunClaim | None
    ) -> RecordClaim | None:
        """A record that is planned but unwritten, or a new one over ≥ 100,000 skip lines (`finish`: over any rest)."""
        ...

    async def claim_finish(self, task_id: TaskId, worker: str) -> RunClaim | None:
        """Only when every range and unit of the run is done."""
        ...

    async def renew(self, fences: Sequence[Fence]) -> frozenset[Fence]:
        """Those still ours, with a fresh lease."""
        ...

    async def release(self, fence: Fence, *, delay: float = 0.0) -> None:
        """Give back at once, claimable after `delay` seconds. No effect under a void fence."""
        ...

    async def controls(self, task_ids: Sequence[TaskId]) -> dict[TaskId, Control]: ...
    async def facts(self, task_id: TaskId) -> TaskFacts | None: ...

    async def halt(self, fence: Fence, code: str, message: str) -> None:
        """A fatal error: no claim is granted any more, and the task becomes 4 with `code` when no lease is left."""
        ...


class ScanLedger(Protocol):
    """Listing."""

    async def save_plan(self, claim: RunClaim, scopes: Sequence[Scope]) -> bool:
        """Scopes and one range for each; the run becomes active. False: lease lost. Repeatable."""
        ...

    async def save_retry_plan(self, claim: RunClaim) -> bool:
        """A failed-only run: units from the failed outcomes of the run before (size -1, decision unknown)."""
        ...

    async def save_page(self, claim: RangeClaim, page: ListedPage) -> PageSaved: ...

    async def split_range(self, claim: RangeClaim, at: bytes) -> bool:
        """Hand [at, hi) to a new range; ours ends at `at`. False: lease lost or `at` not beyond the cursor."""
        ...


class WorkLedger(Protocol):
    """Copying."""

    async def checkpoint(
        self, claim: UnitClaim, seq: int, indexes: Sequence[int], segments: Sequence[NewSegment]
    ) -> Checkpointed:
        """Journal outcomes of `indexes` (one segment a kind) in one statement; a repeat changes nothing."""
        ...

    async def mark_current(self, claim: UnitClaim, idx: int) -> bool:
        """Isolation mode: which object is about to be touched (so a crash names it)."""
        ...

    async def note_restoring(self, claim: UnitClaim) -> bool:
        """Objects of the unit have been asked back: whoever claims it next looks before it reads."""
        ...

    async def find_upload(self, claim: UnitClaim, idx: int) -> UploadRow | None:
        """The live upload of this object, with its parts."""
        ...

    async def plan_upload(
        self, claim: UnitClaim, idx: int, dst_key: bytes, src_etag: str, src_size: int, part_size: int
    ) -> UploadRow | None:
        """An intent, before the store is asked. None: lease lost."""
        ...

    async def open_upload(self, claim: UnitClaim, row: UploadRow, upload_id: str) -> bool: ...
    async def add_parts(self, claim: UnitClaim, row: UploadRow, parts: Sequence[StoredPart]) -> bool: ...
    async def close_upload(self, row: UploadRow) -> None: ...


class SpanLedger(Protocol):
    """Parts of one large object that several workers send."""

    async def share_parts(
        self, claim: UnitClaim, row: UploadRow, key: bytes, version: str, spans: Sequence[tuple[int, int]]
    ) -> bool:
        """The owner of an open upload offers parts of it, read from `key` in its `version`. False: lease lost."""
        ...

    async def shared_spans(self, row: UploadRow) -> tuple[tuple[int, int], ...]:
        """First and last part of each span that is left, whoever has it. One is gone when its parts are recorded."""
        ...

    async def take_span(self, claim: UnitClaim, row: UploadRow) -> PartSpan | None:
        """The first span that nobody holds becomes the owner's again."""
        ...

    async def claim_span(self, task_id: TaskId, worker: str) -> SpanClaim | None:
        """The right to send the parts of a span whose object another worker has."""
        ...

    async def add_span_parts(self, claim: SpanClaim, parts: Sequence[StoredPart]) -> bool:
        """Keeps acknowledged parts. False: lease lost, or the upload is open no more."""
        ...

    async def end_span(self, claim: SpanClaim) -> None:
        """Its parts are recorded, or nobody wants them any more."""
        ...

    async def return_span(self, claim: SpanClaim) -> None:
        """What is left of it is for the object's owner alone."""
        ...


class FinishLedger(Protocol):
    """Records and the end of a run."""

    def record_payloads(self, claim: RecordClaim) -> AsyncIterator[bytes]:
        """The encoded segments of a record, in a fixed order."""
        ...

    def failed_payloads(self, claim: RunClaim) -> AsyncIterator[bytes]:
        """The encoded segments of failures of the run."""
        ...

    async def record_written(self, claim: RecordClaim, sha256: bytes) -> bool: ...
    async def record_failed(self, claim: RecordClaim, code: str) -> bool: ...
    async def open_uploads(self, task_id: TaskId) -> tuple[UploadRow, ...]:
        """Those of the task, and what deleted tasks left in its bucket (state `leaked`)."""
        ...

    async def verify_run(self, claim: RunClaim) -> Verification: ...

    async def end_run(self, claim: RunClaim, failure: tuple[str, str] | None = None) -> Verification | None:
        """Recount = counters, no gap, digests agree: then 5, or 4 when objects failed, or 4/TRF.0012 with none;

        credentials wiped; notification in the outbox; one transaction. Otherwise nothing changes and the Verification
        says why. None: lease lost. `failure` (code, message) takes the place of TRF.0004 when no object succeeded.
        """
        ...

    async def end_batch(self, claim: RunClaim) -> Verification | None:
        """Recount as for `end_run`; then the batch of a synchronisation task is removed. None: lease lost."""
        ...


class GroupLedger(Protocol):
    """Making the tasks of a group out of what its scanner has listed."""

    async def cut(self, claim: RunClaim, now: datetime) -> bool:
        """One more task from what is listed; False: there is no rest, or the group is to stop."""
        ...

    async def save_list_tasks(self, claim: RunClaim, keys: Sequence[str], now: datetime) -> bool:
        """One task for each list. False: lease lost. Repeatable."""
        ...

    async def end_creation(self, claim: RunClaim) -> Creation | None:
        """Ends the scanner when its coverage is proved and all of it belongs to tasks. None: lease lost."""
        ...

    async def pieces(self, task_id: TaskId) -> tuple[Scope, ...]:
        """What a task of a group covers."""
        ...


class EndpointLedger(Protocol):
    """What destinations were seen to do; one process at a time looks."""

    async def endpoint(self, name: str) -> Known: ...

    async def claim_endpoint(self, name: str, seconds: float) -> str | None:
        """A token that stays the same for this destination; None while somebody else looks."""
        ...

    async def save_endpoint(self, name: str, found: Found, *, parts: bool) -> None: ...
    async def leave_endpoint(self, name: str) -> None: ...
    async def show_endpoint(self, task_id: TaskId, run_no: int, found: Found) -> None: ...


class RequestLedger(Protocol):
    """What the stores were asked for."""

    async def count_requests(self, counts: Sequence[RequestCount]) -> Counted:
        """Running totals: repeatable. A task whose ceiling is reached by them pauses."""
        ...


class Ledger(
    ClaimLedger,
    ScanLedger,
    WorkLedger,
    SpanLedger,
    FinishLedger,
    GroupLedger,
    EndpointLedger,
    RequestLedger,
    Protocol,
):
    """All of it."""
