"""Bodies and answers of request counts, an extension beside the OMS calls of a task."""

from pydantic import BaseModel

from api.validation import Long
from engine.failures import Side


class RequestLimitBody(BaseModel):
    """The ceiling of each run; null takes it away."""

    max_requests: Long | None


class OperationAnswer(BaseModel):
    """One operation at one side. Bytes are those of bodies, seen from the engine: `received` left the store."""

    side: Side
    operation: str
    requests: int
    sent_bytes: int
    received_bytes: int


class SideAnswer(BaseModel):
    """All operations of a side."""

    side: Side
    requests: int
    sent_bytes: int
    received_bytes: int


class CountsAnswer(BaseModel):
    """Sums by side and by operation."""

    requests: int
    sides: list[SideAnswer]
    operations: list[OperationAnswer]


class RunAnswer(CountsAnswer):
    """Those of one run."""

    run_no: int


class RequestsAnswer(CountsAnswer):
    """Those of the task, and of each of its runs. `limit_reached`: the present run pauses, or may not go on."""

    task_id: int
    max_requests: int | None
    limit_reached: bool
    runs: list[RunAnswer]
