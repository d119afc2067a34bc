"""What the ledger hands out and takes in: claims, pages, segments, controls. Instants are ms UTC, keys bytes."""

import builtins
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType
from uuid import UUID

from engine.spec import TaskSpec
from engine.states import TaskStatus
from engine.windows import BandwidthWindow

TaskId = NewType("TaskId", int)


class Leased(StrEnum):
    """The tables that hold leases."""

    RUN = "run"
    RANGE = "key_range"
    UNIT = "unit"
    RECORD = "record"
    SPAN = "part_span"


class TaskKind(StrEnum):
    """What a task's units do: copy for a migration or for events, or compare."""

    MIGRATION = "migration"
    BATCH = "batch"
    VERIFICATION = "verification"


class Desired(StrEnum):
    """What the owner (or a fatal error) wants of a task."""

    RUN = "run"
    PAUSE = "pause"
    HALT = "halt"


@dataclass(frozen=True, slots=True)
class Fence:
    """A right to write: void once the row's epoch or claim id differ. `row` is the id (a run's is its run_no)."""

    table: Leased
    task_id: TaskId
    run_no: int
    row: int
    epoch: int
    claim_id: UUID


@dataclass(frozen=True, slots=True)
class OpenWork:
    """What a task offers to claim right now.

    `cut`: its group's next task can be made of what it has listed, or its listing is over. `ahead`: that many tasks
    of its group wait already that listing on would only fill the ledger. `spans`: parts of a large object whose owner
    would have them sent by others.
    """

    task_id: TaskId
    run_no: int
    project_id: str
    prepare: bool
    ranges: int
    units: int
    large: int
    leased: int
    record: bool
    finish: bool
    cut: bool = False
    ahead: bool = False
    spans: bool = False


@dataclass(frozen=True, slots=True)
class Control:
    """What a worker must know of a task while it works on it; read anew every half second.

    `status`/`desired` as of one snapshot. A task that is gone has no Control. `starts` counts what may have brought
    other keys.
    """

    task_id: TaskId
    run_no: int
    starts: int
    desired: Desired
    status: TaskStatus
    bandwidth: tuple[BandwidthWindow, ...]
    version: int
    failed_only: bool


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """A task's immutable side, enough to open its stores (credentials are read apart).

    `scanner`: it only lists, for the other tasks of its group. `verifies`: the ended task that it looks at again,
    with `reread` byte by byte.
    """

    task_id: TaskId
    project_id: str
    name: str
    group_id: str | None
    region: str
    spec: TaskSpec
    sync_id: str | None = None
    scanner: bool = False
    verifies: TaskId | None = None
    reread: bool = False

    @property
    def kind(self) -> TaskKind:
        """What its units do."""
        if self.verifies is not None:
            return TaskKind.VERIFICATION
        return TaskKind.BATCH if self.sync_id else TaskKind.MIGRATION


class ListHeld(Exception):
    """A list of the run is locked by a writer that has not come to the end of its transaction."""


@dataclass(frozen=True, slots=True)
class RunClaim:
    """The right to prepare or to finish a run."""

    fence: Fence
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class RangeClaim:
    """The right to list one key range from its cursor on. hi None = open end; cursor b"" = nothing listed yet."""

    fence: Fence
    lo: bytes
    hi: bytes | None
    prefix: bytes
    exact: bool
    cursor: bytes
    page_no: int
    attempts: int


@dataclass(frozen=True, slots=True)
class UnitClaim:
    """The right to do a unit. `done` tells per index what is already journalled; `seq` numbers the next segment.

    `decided_ms` is when the listing decided its objects. `crashes` counts owners that died over this unit in a row,
    `suspect` is the index they were at. `restoring_ms` is when objects of it were last asked back (0: never),
    `restoring_asks` in how many claims.
    """

    fence: Fence
    manifest: bytes
    n: int
    large: bool
    done: tuple[bool, ...]
    seq: int
    attempts: int
    decided_ms: int = 0
    crashes: int = 0
    suspect: int | None = None
    restoring_ms: int = 0
    restoring_asks: int = 0


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts and bytes by outcome."""

    ok: int = 0
    ok_bytes: int = 0
    skip: int = 0
    skip_bytes: int = 0
    fail: int = 0
    fail_bytes: int = 0


@dataclass(frozen=True, slots=True)
class NewSegment:
    """Encoded outcomes of one kind. `digest` is the coverage digest (32 bytes) over their source keys, sizes, ETags."""

    kind: str
    n: int
    bytes: int
    digest: builtins.bytes
    payload: builtins.bytes


@dataclass(frozen=True, slots=True)
class NewUnit:
    """A manifest to be claimed later."""

    manifest: bytes
    n: int
    bytes: int
    large: bool


@dataclass(frozen=True, slots=True)
class ListedPage:
    """All that one listed page leaves in the ledger, written in one transaction.

    `digest` is over everything listed on the page; units and segments together hold every listed object once.
    `last` ends the range.
    """

    page_no: int
    cursor: bytes
    listed: int
    listed_bytes: int
    digest: bytes
    units: tuple[NewUnit, ...]
    segments: tuple[NewSegment, ...]
    last: bool


@dataclass(frozen=True, slots=True)
class PageSaved:
    """`alive` False: the lease is lost, drop everything. `backlog` = open units of the task."""

    alive: bool
    desired: Desired = Desired.RUN
    backlog: int = 0


@dataclass(frozen=True, slots=True)
class Checkpointed:
    """`alive` False: the lease is lost, drop everything. `closed` True: the unit is done."""

    alive: bool
    desired: Desired = Desired.RUN
    closed: bool = False


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part that the destination has. `crc64` None: its bytes went by before anybody kept that."""

    number: int
    etag: str
    size: int
    md5: bytes
    crc64: int | None


@dataclass(frozen=True, slots=True)
class UploadRow:
    """One multipart upload of ours. `upload_id` "" while only intended."""

    id: int
    task_id: TaskId
    dst_key: bytes
    upload_id: str
    src_etag: str
    src_size: int
    part_size: int
    state: str
    created_ms: int
    parts: tuple[StoredPart, ...] = ()


@dataclass(frozen=True, slots=True)
class PartSpan:
    """Parts `first` to `last` of an upload; `stored` are those of them that are recorded."""

    first: int
    last: int
    stored: tuple[StoredPart, ...] = ()


@dataclass(frozen=True, slots=True)
class SpanClaim:
    """The right to send a span of an upload, read from `source_key` in its `version` ("": the store names none)."""

    fence: Fence
    upload: UploadRow
    source_key: bytes
    version: str
    span: PartSpan


@dataclass(frozen=True, slots=True)
class RecordClaim:
    """The right to write one record object; its segments are fixed."""

    fence: Fence
    kind: str
    object_key: str
    opened_ms: int
    lines: int
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class Verification:
    """What the recount found: all empty and equal is the gate of success."""

    counted: Tally
    recounted: Tally
    listed: int
    listed_bytes: int
    ranges_listed: int
    gaps: tuple[str, ...] = ()
    digest_equal: bool = True
    problems: tuple[str, ...] = field(default=())
