"""The life of a group as a table, and what its tasks make of it."""

import pytest

from engine.group_lists import MOST_LISTS, FolderRefused, ListFolder
from engine.group_states import (
    TRANSITIONS,
    Children,
    GroupEvent,
    GroupRefused,
    GroupStatus,
    advance,
    deletable_member,
    next_event,
    parked,
    resumed,
    startable_member,
)
from engine.states import TaskStatus

S, E, T = GroupStatus, GroupEvent, TaskStatus
ALLOWED = {
    E.STOPPED: ({1: 7, 2: 7}, "OMS.1038"),
    E.STARTED_CREATING: ({3: 1}, "OMS.1039"),
    E.STARTED_MONITORING: ({3: 2}, "OMS.1039"),
    E.RETRIED: ({4: 1, 5: 2}, "OMS.1040"),
    E.LIMITED: ({0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 7: 7}, "OMS.1036"),
    E.DELETED: ({0: 8, 3: 8, 4: 8, 5: 8, 6: 8}, "OMS.1047"),
}


@pytest.mark.parametrize("event", list(ALLOWED))
def test_what_the_owner_asks_for_is_allowed_or_has_its_code(event: GroupEvent) -> None:
    ways, code = ALLOWED[event]
    for status in S:
        if status in ways:
            assert advance(status, event) == ways[status]
            continue
        with pytest.raises(GroupRefused) as refused:
            advance(status, event)
        assert refused.value.code == code


def test_every_step_of_the_engine_is_in_the_table() -> None:
    for status in S:
        for scanner in T:
            for counts in range(32):
                names = ("waiting", "executing", "paused", "failed", "complete")
                children = Children(scanner, **{name: counts >> bit & 1 for bit, name in enumerate(names)})
                event = next_event(status, children)
                assert event is None or (status, event) in TRANSITIONS, (status, event)
                assert (S.PAUSED, resumed(children)) in TRANSITIONS


@pytest.mark.parametrize(
    ("status", "children", "event"),
    [
        (S.WAITING, Children(T.WAITING), None),
        (S.WAITING, Children(T.MIGRATING), E.SCHEDULED),
        (S.WAITING, Children(T.FAILED), E.SCHEDULED),
        (S.CREATING, Children(T.MIGRATING, complete=3), None),
        (S.CREATING, Children(T.SUCCEEDED, complete=3), E.CREATED),
        (S.CREATING, Children(T.FAILED, executing=1), E.CREATION_FAILED),
        (S.MONITORING, Children(T.SUCCEEDED, executing=1, failed=1), None),
        (S.MONITORING, Children(T.SUCCEEDED, waiting=1), None),
        (S.MONITORING, Children(T.SUCCEEDED, paused=1, complete=2), None),
        (S.MONITORING, Children(T.SUCCEEDED, complete=2), E.FINISHED),
        (S.MONITORING, Children(T.SUCCEEDED, complete=2, failed=1), E.FAILED),
        (S.PAUSING, Children(T.PAUSING), None),
        (S.PAUSING, Children(T.PAUSED, executing=1), None),
        (S.PAUSING, Children(T.PAUSED, paused=1), E.DRAINED),
        (S.PAUSING, Children(T.SUCCEEDED, paused=1), E.DRAINED),
        (S.PAUSING, Children(T.SUCCEEDED, complete=1), E.FINISHED),
        (S.PAUSING, Children(T.SUCCEEDED, failed=1), E.FAILED),
        (S.PAUSING, Children(T.FAILED, paused=1), E.CREATION_FAILED),
        (S.PAUSED, Children(T.PAUSED), None),
        (S.TO_BE_DELETED, Children(T.PAUSED), E.REMOVING),
        (S.COMPLETE, Children(T.SUCCEEDED, failed=1), None),
    ],
)
def test_what_its_tasks_make_of_a_group(
    status: GroupStatus, children: Children, event: GroupEvent | None
) -> None:
    assert next_event(status, children) is event


def test_stopping_a_group_pauses_what_waits_and_drains_what_runs() -> None:
    assert [parked(status) for status in T] == [
        T.PAUSED,
        T.PAUSING,
        T.PAUSED,
        T.FAILED,
        T.SUCCEEDED,
        T.PAUSING,
        T.PAUSING,
    ]


def test_single_tasks_follow_their_group() -> None:
    assert [status for status in S if deletable_member(status)] == [3, 4, 5, 6]
    assert [status for status in S if not startable_member(status)] == [8, 9]


def lists_of(*found: tuple[str, int], most: int = MOST_LISTS) -> tuple[str, ...]:
    """What a folder `hw/` of these objects holds."""
    folder = ListFolder("hw/", most=most)
    folder.add((key.encode(), size) for key, size in found)
    return folder.lists()


def test_a_folders_direct_children_are_its_lists() -> None:
    assert lists_of(("hw/", 0), ("hw/a.txt", 5), ("hw/b.txt", 1), ("hw/deep/c.csv", 9)) == (
        "hw/a.txt",
        "hw/b.txt",
    )
    assert ListFolder("hw").prefix == b"hw/"


@pytest.mark.check(14)
@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([], "S3M.1042"),
        ([("hw/", 0), ("hw/deep/a.txt", 1)], "S3M.1042"),
        ([("hw/a.csv", 1)], "S3M.1042"),
        ([("hw/a.csv", 1), ("hw/a.txt", 1)], "S3M.1044"),
        ([("hw/a.txt", (1024 << 20) + 1)], "S3M.1043"),
        ([(f"hw/{n}.txt", 1) for n in range(2_001)], "S3M.1045"),
    ],
)
def test_a_folder_that_cannot_be_used_says_why(found: list[tuple[str, int]], code: str) -> None:
    with pytest.raises(FolderRefused) as refused:
        lists_of(*found)
    assert refused.value.code == code


def test_two_thousand_lists_are_allowed() -> None:
    assert len(lists_of(*((f"hw/{n}.txt", 1) for n in range(2_000)))) == 2_000
