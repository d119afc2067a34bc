"""What a watcher tells of a task: its speed of the last ten seconds, and progress that never goes back."""

from api.tasks.speed import SpeedGauge
from ledger.values import TaskId

TASK = TaskId(7)


def test_the_first_look_shows_the_average_and_later_ones_the_change() -> None:
    gauge = SpeedGauge()
    assert gauge.measure(TASK, 1, (0, 1000), 42) == 42
    assert gauge.measure(TASK, 1, (100, 1100), 42) == 42
    assert gauge.measure(TASK, 1, (1000, 3000), 42) == 2000
    assert gauge.measure(TASK, 1, (2000, 3000), 42) == 1000


def test_only_the_last_ten_seconds_count() -> None:
    gauge = SpeedGauge()
    for second in range(30):
        speed = gauge.measure(TASK, 1, (second * 1000, second * 100 if second < 15 else 1400), 0)
    assert speed == 0
    assert gauge.measure(TASK, 1, (100_000, 1400), 5) == 5


def test_a_new_run_starts_from_nothing() -> None:
    gauge = SpeedGauge()
    gauge.measure(TASK, 1, (0, 5000), 0)
    assert gauge.furthest(TASK, 1, 0.8) == 0.8
    assert gauge.furthest(TASK, 1, 0.5) == 0.8
    assert gauge.furthest(TASK, 2, 0.1) == 0.1
    assert gauge.measure(TASK, 2, (1000, 100), 9) == 9


def test_memory_is_bounded() -> None:
    gauge = SpeedGauge()
    for number in range(6000):
        gauge.measure(TaskId(number), 1, (0, 0), 0)
    assert len(gauge._watched) == 5000
