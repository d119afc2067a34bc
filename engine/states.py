"""The life of a task: states, events, and which requests a state refuses (oms-behaviour 4.1)."""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Final


class TaskStatus(IntEnum):
    """The numbers of OMS 5.2.2."""

    WAITING = 1
    MIGRATING = 2
    PAUSED = 3
    FAILED = 4
    SUCCEEDED = 5
    RETRYING = 6
    PAUSING = 7


class TaskEvent(StrEnum):
    """What can happen to a task. STOPPED, STARTED and DELETED are asked for by the user."""

    SCHEDULED = "scheduled"
    FINISHED = "finished"
    FAILED = "failed"
    STOPPED = "stopped"
    DRAINED = "drained"
    STARTED = "started"
    EXPIRED = "expired"
    DELETED = "deleted"


class Refused(Exception):
    """The event does not fit the status. `code`: the OMS code of a user's request, "" for other events."""

    def __init__(self, code: str, status: TaskStatus, event: TaskEvent) -> None:
        super().__init__(f"{event} refused in status {status.value}: {code or 'no such transition'}")
        self.code = code
        self.status = status
        self.event = event


_S = TaskStatus
_E = TaskEvent

# A deleted task keeps its status: its row goes. A task that finishes while it is pausing has finished.
TRANSITIONS: Final[Mapping[tuple[TaskStatus, TaskEvent], TaskStatus]] = MappingProxyType(
    {
        (_S.WAITING, _E.SCHEDULED): _S.MIGRATING,
        (_S.WAITING, _E.FAILED): _S.FAILED,
        (_S.WAITING, _E.EXPIRED): _S.FAILED,
        (_S.WAITING, _E.DELETED): _S.WAITING,
        (_S.MIGRATING, _E.FINISHED): _S.SUCCEEDED,
        (_S.MIGRATING, _E.FAILED): _S.FAILED,
        (_S.MIGRATING, _E.STOPPED): _S.PAUSING,
        (_S.PAUSED, _E.STARTED): _S.WAITING,
        (_S.PAUSED, _E.DELETED): _S.PAUSED,
        (_S.FAILED, _E.STARTED): _S.WAITING,
        (_S.FAILED, _E.DELETED): _S.FAILED,
        (_S.SUCCEEDED, _E.DELETED): _S.SUCCEEDED,
        (_S.RETRYING, _E.SCHEDULED): _S.MIGRATING,
        (_S.RETRYING, _E.FAILED): _S.FAILED,
        (_S.RETRYING, _E.STOPPED): _S.PAUSING,
        (_S.PAUSING, _E.DRAINED): _S.PAUSED,
        (_S.PAUSING, _E.FINISHED): _S.SUCCEEDED,
        (_S.PAUSING, _E.FAILED): _S.FAILED,
    }
)

_REFUSALS: Final[Mapping[TaskEvent, str]] = {
    _E.STOPPED: "OMS.0066",
    _E.STARTED: "OMS.0065",
    _E.DELETED: "OMS.0063",
}


def advance(status: TaskStatus, event: TaskEvent) -> TaskStatus:
    """The status after `event`. Raises Refused where the table has no way (OMS 5.2.4-5.2.6)."""
    following = TRANSITIONS.get((status, event))
    if following is None:
        raise Refused(_refusal(status, event), status, event)
    return following


def _refusal(status: TaskStatus, event: TaskEvent) -> str:
    if status is TaskStatus.SUCCEEDED and event in (TaskEvent.STARTED, TaskEvent.STOPPED):
        return "OMS.0070"
    return _REFUSALS.get(event, "")


def bandwidth_refusal(status: TaskStatus) -> str | None:
    """The code that refuses a new bandwidth policy in `status`; S3M.0071 has no OMS twin (OMS 5.2.7)."""
    return "S3M.0071" if status is TaskStatus.SUCCEEDED else None


def priority_change_allowed(status: TaskStatus) -> bool:
    """Whether the priority may change: waiting, paused or failed tasks only (OMS 5.2.8)."""
    return status in (TaskStatus.WAITING, TaskStatus.PAUSED, TaskStatus.FAILED)
