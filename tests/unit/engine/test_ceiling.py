"""When a run has asked for enough."""

import pytest

from engine.ceiling import reached


@pytest.mark.parametrize(
    ("most", "asked", "expected"),
    [(None, 10**15, False), (10, 9, False), (10, 10, True), (10, 11, True), (0, 0, True)],
)
def test_a_run_pauses_at_its_ceiling_and_never_without_one(
    most: int | None, asked: int, expected: bool
) -> None:
    assert reached(most, asked) is expected
