"""Bodies and answers of verifications, an extension beside the OMS calls of a task."""

from enum import StrEnum

from pydantic import BaseModel

from api.tasks.schemas import StartTaskBody
from api.validation import Flag


class VerifyBody(StartTaskBody):
    """The keys of both sides, as for a start; `reread`: every byte of both sides is read and compared."""

    reread: Flag | None = False


class VerificationState(StrEnum):
    """`EQUAL` and `DIFFERENT` are proven over the whole key space; `FAILED` could not look at all of it."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    EQUAL = "EQUAL"
    DIFFERENT = "DIFFERENT"
    FAILED = "FAILED"


class VerificationAnswer(BaseModel):
    """One verification. Counts are objects, instants ms UTC."""

    id: int
    task_id: int
    status: VerificationState
    reread: bool
    listed: int
    equal: int
    equal_bytes: int
    different: int
    error_code: str | None
    error_msg: str | None
    created_at: int
    ended_at: int | None


class VerificationList(BaseModel):
    """Those of a task, the newest first."""

    verifications: list[VerificationAnswer]


class Finding(BaseModel):
    """An object that differs. `key` is percent-encoded UTF-8; `code` tells how, `detail` what the store said."""

    key: str
    size: int
    code: str
    detail: str


class FindingList(BaseModel):
    """What differs; `next_marker` goes on, None at the end."""

    findings: list[Finding]
    next_marker: int | None
