"""The figures that the API shows of a task (oms-behaviour 4.7): bytes, ms, bytes a second."""

from dataclasses import dataclass
from typing import Final

from engine.outcomes import Tally
from engine.spec import TaskType
from engine.states import TaskStatus

NOT_YET_DONE: Final = 0.99
_ENDED: Final = (TaskStatus.SUCCEEDED, TaskStatus.FAILED)
_RUNNING: Final = (TaskStatus.MIGRATING, TaskStatus.PAUSING, TaskStatus.RETRYING)
_BY_OBJECTS: Final = (TaskType.LIST, TaskType.URL_LIST)


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known of a run. `listed` and `listed_bytes` are all that was seen, skipped objects included.

    `speed` is the average of the last ten seconds; `running_ms` leaves paused time out.
    """

    status: TaskStatus
    task_type: TaskType
    listed: int
    listed_bytes: int
    tally: Tally
    is_query_over: bool
    running_ms: int
    speed: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """The fields of OMS 5.2.2 by their names."""

    progress: float
    complete_size: int
    real_size: int
    total_size: int
    total_num: int
    successful_num: int
    failed_num: int
    skipped_num: int
    migrate_speed: int
    left_time: int
    total_time: int


def figures(known: Progress) -> Figures:
    """The figures of this instant. What was decided is never more than the total."""
    counts = known.tally
    complete = counts.ok_bytes + counts.skip_bytes + counts.fail_bytes
    decided = counts.ok + counts.skip + counts.fail
    total_size, total_num = max(known.listed_bytes, complete), max(known.listed, decided)
    done, of = (decided, total_num) if known.task_type in _BY_OBJECTS else (complete, total_size)
    speed = _speed(known)
    return Figures(
        progress=_share(known.status, done, of),
        complete_size=complete,
        real_size=counts.ok_bytes,
        total_size=total_size,
        total_num=total_num,
        successful_num=counts.ok,
        failed_num=counts.fail,
        skipped_num=counts.skip,
        migrate_speed=speed,
        left_time=_left(known, total_size - complete, speed),
        total_time=known.running_ms,
    )


def monotone(shown: float, current: float) -> float:
    """Progress never goes back within a run, though totals grow while the source is listed."""
    return max(shown, current)


def _share(status: TaskStatus, done: int, of: int) -> float:
    if status is TaskStatus.SUCCEEDED:
        return 1.0
    return min(NOT_YET_DONE, done / of) if of else 0.0


def _speed(known: Progress) -> int:
    if known.status in _ENDED:
        return known.tally.ok_bytes * 1000 // known.running_ms if known.running_ms else 0
    return known.speed if known.status in _RUNNING else 0


def _left(known: Progress, remaining: int, speed: int) -> int:
    if known.status not in _RUNNING or speed <= 0 or not known.is_query_over:
        return 0
    return remaining * 1000 // speed
