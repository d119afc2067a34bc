"""Waits and budgets."""

import random

import pytest

from engine.retry import RetryBudget, delays, wait


class Always:
    def __init__(self, value):
        self.value = value

    def random(self):
        return self.value


def test_six_tries_wait_five_times_under_a_doubling_roof():
    assert list(delays(Always(1.0))) == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2])
    assert list(delays(Always(0.0))) == [0.0] * 5
    assert all(0 <= delay <= 3.2 for seed in range(50) for delay in delays(random.Random(seed)))


@pytest.mark.parametrize(
    ("delay", "retry_after", "seconds"),
    [(0.5, None, 0.5), (0.5, 3.0, 3.0), (5.0, 3.0, 5.0), (0.5, 3600.0, 60.0), (0.5, 0.0, 0.5)],
)
def test_the_stores_own_wait_is_honoured_up_to_a_minute(delay, retry_after, seconds):
    assert wait(delay, retry_after) == seconds


def test_a_tenth_of_the_requests_and_ten_more_may_be_retried():
    budget = RetryBudget()
    for _ in range(200):
        budget.on_request(0.0)
    assert [budget.spend(1.0) for _ in range(31)] == [True] * 30 + [False]


def test_a_task_that_just_began_may_retry_ten_times():
    budget = RetryBudget()
    assert sum(budget.spend(0.0) for _ in range(20)) == 10


def test_the_budget_looks_back_one_minute():
    budget = RetryBudget()
    for _ in range(1000):
        budget.on_request(0.0)
    assert sum(budget.spend(59.9) for _ in range(200)) == 110
    assert not budget.spend(60.0)
    assert sum(budget.spend(120.0) for _ in range(200)) == 10


def test_counting_for_long_takes_no_memory():
    budget = RetryBudget()
    for second in range(10_000):
        budget.on_request(float(second))
    assert budget.spend(10_000.0)
    assert len(budget._requests) <= 61
