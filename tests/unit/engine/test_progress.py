"""The figures of a task (oms-behaviour 4.7; checks 54, 56)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.outcomes import Tally
from engine.progress import Progress, figures, monotone
from engine.spec import TaskType
from engine.states import TaskStatus

RUNNING = Progress(
    status=TaskStatus.MIGRATING,
    task_type=TaskType.PREFIX,
    listed=10,
    listed_bytes=1000,
    tally=Tally(ok=2, skip=1, fail=1, ok_bytes=100, skip_bytes=50, fail_bytes=50),
    is_query_over=True,
    running_ms=5000,
    speed=40,
)


def test_a_running_task_counts_bytes():
    found = figures(RUNNING)
    assert found.progress == 0.2
    assert (found.complete_size, found.real_size, found.total_size) == (200, 100, 1000)
    assert (found.total_num, found.successful_num, found.failed_num, found.skipped_num) == (10, 2, 1, 1)
    assert (found.migrate_speed, found.left_time, found.total_time) == (40, 20_000, 5000)


@pytest.mark.parametrize("task_type", [TaskType.LIST, TaskType.URL_LIST])
def test_a_list_task_counts_objects(task_type):
    assert figures(replace(RUNNING, task_type=task_type)).progress == 0.4


def test_the_sample_of_the_vendor():
    whole = Tally(ok=3, ok_bytes=2_223_728)
    found = figures(Progress(TaskStatus.SUCCEEDED, TaskType.PREFIX, 3, 2_223_728, whole, True, 31_111, 99))
    assert (found.progress, found.migrate_speed, found.left_time) == (1.0, 71_477, 0)
    assert found.complete_size == found.real_size == found.total_size == 2_223_728


def test_nothing_shows_as_done_before_it_is():
    everything = Tally(ok=10, ok_bytes=1000)
    assert figures(replace(RUNNING, tally=everything)).progress == 0.99
    assert figures(replace(RUNNING, tally=everything, is_query_over=False)).progress == 0.99
    assert figures(replace(RUNNING, tally=everything, status=TaskStatus.FAILED)).progress == 0.99


def test_an_empty_task_that_succeeded_is_done():
    empty = Progress(TaskStatus.SUCCEEDED, TaskType.PREFIX, 0, 0, Tally(), True, 0)
    assert (figures(empty).progress, figures(empty).migrate_speed) == (1.0, 0)
    assert figures(replace(empty, status=TaskStatus.MIGRATING)).progress == 0.0


def test_totals_never_lag_behind_what_was_decided():
    found = figures(replace(RUNNING, listed=0, listed_bytes=0))
    assert (found.total_num, found.total_size) == (4, 200)


@pytest.mark.parametrize(
    "known",
    [
        replace(RUNNING, speed=0),
        replace(RUNNING, is_query_over=False),
        replace(RUNNING, status=TaskStatus.PAUSED),
        replace(RUNNING, status=TaskStatus.WAITING),
        replace(RUNNING, status=TaskStatus.FAILED),
    ],
)
def test_the_time_left_is_0_when_unknown_or_over(known):
    assert figures(known).left_time == 0


def test_a_task_that_does_not_run_has_no_speed_and_a_failed_one_its_average():
    assert figures(replace(RUNNING, status=TaskStatus.PAUSED)).migrate_speed == 0
    assert figures(replace(RUNNING, status=TaskStatus.FAILED)).migrate_speed == 20


def test_progress_does_not_go_back():
    assert monotone(0.5, 0.4) == 0.5
    assert monotone(0.5, 0.6) == 0.6


COUNT = st.integers(0, 1 << 40)


@given(
    st.sampled_from(TaskStatus),
    st.sampled_from(TaskType),
    st.tuples(*[COUNT] * 8),
    st.booleans(),
    COUNT,
    COUNT,
)
def test_figures_are_within_the_ranges_of_the_api(status, task_type, counts, over, running, speed):
    listed, listed_bytes, *rest = counts
    found = figures(Progress(status, task_type, listed, listed_bytes, Tally(*rest), over, running, speed))
    assert 0 <= found.progress <= 1
    assert (found.progress == 1) == (status is TaskStatus.SUCCEEDED)
    assert found.real_size <= found.complete_size <= found.total_size
    assert found.successful_num + found.failed_num + found.skipped_num <= found.total_num
    assert found.left_time >= 0
    assert found.migrate_speed >= 0
