"""The life of a task, every status with every event (oms-behaviour 4.1; checks 48-50, 52, 58)."""

import pytest

from engine.states import (
    TRANSITIONS,
    Refused,
    TaskEvent,
    TaskStatus,
    advance,
    bandwidth_refusal,
    priority_change_allowed,
)

# A digit is the next status, a code the refusal, "-" an event of the engine that cannot happen there.
EVENTS = "SCHEDULED FINISHED FAILED STOPPED STARTED DRAINED EXPIRED DELETED"
TABLE = {
    1: "2 - 4 OMS.0066 OMS.0065 - 4 1",
    2: "- 5 4 7 OMS.0065 - - OMS.0063",
    3: "- - - OMS.0066 1 - - 3",
    4: "- - - OMS.0066 1 - - 4",
    5: "- - - OMS.0070 OMS.0070 - - 5",
    6: "2 - 4 7 OMS.0065 - - OMS.0063",
    7: "- 5 4 OMS.0066 OMS.0065 3 - OMS.0063",
}
CASES = [
    (TaskStatus(number), TaskEvent[event], expected)
    for number, row in TABLE.items()
    for event, expected in zip(EVENTS.split(), row.split(), strict=True)
]


@pytest.mark.parametrize(("status", "event", "expected"), CASES)
def test_every_event_in_every_status_does_what_the_table_says(status, event, expected):
    if expected.isdigit():
        assert advance(status, event) is TaskStatus(int(expected))
        return
    with pytest.raises(Refused) as refused:
        advance(status, event)
    assert refused.value.code == ("" if expected == "-" else expected)
    assert (refused.value.status, refused.value.event) == (status, event)


def test_the_table_covers_all_pairs():
    assert len({case[:2] for case in CASES}) == len(TaskStatus) * len(TaskEvent) == 56


def test_no_transition_is_beyond_the_table():
    assert len(TRANSITIONS) == sum(expected.isdigit() for _, _, expected in CASES)


def test_only_a_complete_task_refuses_a_bandwidth_policy():
    assert {status for status in TaskStatus if bandwidth_refusal(status)} == {TaskStatus.SUCCEEDED}
    assert bandwidth_refusal(TaskStatus.SUCCEEDED) == "S3M.0071"


def test_priority_changes_while_waiting_paused_or_failed_only():
    assert [status.value for status in TaskStatus if priority_change_allowed(status)] == [1, 3, 4]


def test_a_stopped_task_can_be_started_again_and_ends_where_it_would_have():
    status = TaskStatus.WAITING
    for event in ("scheduled", "stopped", "drained", "started", "scheduled", "finished"):
        status = advance(status, TaskEvent(event))
    assert status is TaskStatus.SUCCEEDED
