"""The life of a task group: its own states, and what its tasks make of them (oms-behaviour 5.2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Final

from engine.spec import TaskType
from engine.states import TaskStatus


class GroupType(StrEnum):
    """How the objects of a group are chosen (OMS table 5-131)."""

    PREFIX = "PREFIX"
    LIST = "LIST"
    URL_LIST = "URL_LIST"

    @property
    def task_type(self) -> TaskType:
        """The same choice in a task's words."""
        return TaskType(self.value.lower())


class GroupStatus(IntEnum):
    """The numbers of OMS 5.4.1."""

    WAITING = 0
    CREATING = 1
    MONITORING = 2
    PAUSED = 3
    CREATION_FAILED = 4
    FAILED = 5
    COMPLETE = 6
    PAUSING = 7
    TO_BE_DELETED = 8
    DELETING = 9


class GroupEvent(StrEnum):
    """What can happen to a group. The first six are asked for by the user."""

    STOPPED = "stopped"
    STARTED_CREATING = "started creating"
    STARTED_MONITORING = "started monitoring"
    RETRIED = "retried"
    LIMITED = "limited"
    DELETED = "deleted"
    SCHEDULED = "scheduled"
    CREATED = "created"
    CREATION_FAILED = "creation failed"
    FINISHED = "finished"
    FAILED = "failed"
    DRAINED = "drained"
    REMOVING = "removing"


class GroupRefused(Exception):
    """The event does not fit the status. `code`: the OMS code of a user's request, "" for other events."""

    def __init__(self, code: str, status: GroupStatus, event: GroupEvent) -> None:
        super().__init__(f"{event} refused in status {status.value}: {code or 'no such transition'}")
        self.code = code
        self.status = status
        self.event = event


_S = GroupStatus
_E = GroupEvent

TRANSITIONS: Final[Mapping[tuple[GroupStatus, GroupEvent], GroupStatus]] = MappingProxyType(
    {
        (_S.WAITING, _E.SCHEDULED): _S.CREATING,
        (_S.CREATING, _E.CREATED): _S.MONITORING,
        (_S.CREATING, _E.CREATION_FAILED): _S.CREATION_FAILED,
        (_S.MONITORING, _E.FINISHED): _S.COMPLETE,
        (_S.MONITORING, _E.FAILED): _S.FAILED,
        (_S.CREATING, _E.STOPPED): _S.PAUSING,
        (_S.MONITORING, _E.STOPPED): _S.PAUSING,
        (_S.PAUSING, _E.DRAINED): _S.PAUSED,
        (_S.PAUSING, _E.CREATION_FAILED): _S.CREATION_FAILED,
        (_S.PAUSING, _E.FINISHED): _S.COMPLETE,
        (_S.PAUSING, _E.FAILED): _S.FAILED,
        (_S.PAUSED, _E.STARTED_CREATING): _S.CREATING,
        (_S.PAUSED, _E.STARTED_MONITORING): _S.MONITORING,
        (_S.CREATION_FAILED, _E.RETRIED): _S.CREATING,
        (_S.FAILED, _E.RETRIED): _S.MONITORING,
        (_S.TO_BE_DELETED, _E.REMOVING): _S.DELETING,
        **{(status, _E.DELETED): _S.TO_BE_DELETED
           for status in (_S.WAITING, _S.PAUSED, _S.CREATION_FAILED, _S.FAILED, _S.COMPLETE)},
        **{(status, _E.LIMITED): status
           for status in _S if status not in (_S.COMPLETE, _S.TO_BE_DELETED, _S.DELETING)},
    }
)  # fmt: skip

_REFUSALS: Final[Mapping[GroupEvent, str]] = {
    _E.STOPPED: "OMS.1038",
    _E.STARTED_CREATING: "OMS.1039",
    _E.STARTED_MONITORING: "OMS.1039",
    _E.RETRIED: "OMS.1040",
    _E.LIMITED: "OMS.1036",
    _E.DELETED: "OMS.1047",
}


def advance(status: GroupStatus, event: GroupEvent) -> GroupStatus:
    """The status after `event`. Raises GroupRefused where the table has no way (OMS 5.4.4-5.4.8)."""
    following = TRANSITIONS.get((status, event))
    if following is None:
        raise GroupRefused(_REFUSALS.get(event, ""), status, event)
    return following


@dataclass(frozen=True, slots=True)
class Children:
    """A group's tasks as far as its state depends on them. `scanner` is the hidden task that lists."""

    scanner: TaskStatus
    waiting: int = 0
    executing: int = 0
    paused: int = 0
    failed: int = 0
    complete: int = 0

    @property
    def busy(self) -> bool:
        """Whether anything waits for a slot, runs or drains."""
        return bool(self.waiting or self.executing) or self.scanner not in _AT_REST

    @property
    def ended(self) -> bool:
        """Whether everything that was listed has come to its end."""
        return self.scanner is TaskStatus.SUCCEEDED and not (self.waiting or self.executing or self.paused)


_AT_REST: Final = (TaskStatus.PAUSED, TaskStatus.FAILED, TaskStatus.SUCCEEDED)


def next_event(status: GroupStatus, children: Children) -> GroupEvent | None:
    """What the group's tasks make of it now, one step at a time; None: nothing."""
    match status:
        case GroupStatus.WAITING:
            return None if children.scanner is TaskStatus.WAITING else GroupEvent.SCHEDULED
        case GroupStatus.CREATING:
            return _created(children)
        case GroupStatus.MONITORING:
            return _finished(children)
        case GroupStatus.PAUSING:
            return _drained(children)
        case GroupStatus.TO_BE_DELETED:
            return GroupEvent.REMOVING
        case _:
            return None


def resumed(children: Children) -> GroupEvent:
    """Where a start leads: on with the creation, or with the run of what was created."""
    over = children.scanner is TaskStatus.SUCCEEDED
    return GroupEvent.STARTED_MONITORING if over else GroupEvent.STARTED_CREATING


def parked(status: TaskStatus) -> TaskStatus:
    """What stopping its group makes of a task: one that waits pauses at once, one that runs drains first."""
    match status:
        case TaskStatus.WAITING:
            return TaskStatus.PAUSED
        case TaskStatus.MIGRATING | TaskStatus.RETRYING:
            return TaskStatus.PAUSING
        case _:
            return status


def deletable_member(status: GroupStatus) -> bool:
    """Whether a single task of a group in `status` may be deleted (oms-behaviour 5.2)."""
    return status in (
        GroupStatus.PAUSED,
        GroupStatus.CREATION_FAILED,
        GroupStatus.FAILED,
        GroupStatus.COMPLETE,
    )


def startable_member(status: GroupStatus) -> bool:
    """Whether a single task of a group in `status` may be started."""
    return status not in (GroupStatus.TO_BE_DELETED, GroupStatus.DELETING)


def _created(children: Children) -> GroupEvent | None:
    if children.scanner is TaskStatus.SUCCEEDED:
        return GroupEvent.CREATED
    return GroupEvent.CREATION_FAILED if children.scanner is TaskStatus.FAILED else None


def _finished(children: Children) -> GroupEvent | None:
    if not children.ended:
        return None
    return GroupEvent.FAILED if children.failed else GroupEvent.FINISHED


def _drained(children: Children) -> GroupEvent | None:
    if children.busy:
        return None
    if children.scanner is TaskStatus.FAILED:
        return GroupEvent.CREATION_FAILED
    return _finished(children) or GroupEvent.DRAINED
