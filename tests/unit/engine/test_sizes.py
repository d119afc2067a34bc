"""Sizes as the bucket calls show them."""

import pytest

from engine.sizes import shown_size

KB, MB = 1 << 10, 1 << 20


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0.00 B"),
        (1, "1.00 B"),
        (1023, "1023.00 B"),
        (1024, "1.00 KB"),
        (1536, "1.50 KB"),
        (77_164_708, "73.59 MB"),
        (MB - 1, "1.00 MB"),
        (MB - 6, "1023.99 KB"),
        (1 << 30, "1.00 GB"),
        (1 << 40, "1.00 TB"),
        (5 << 50, "5120.00 TB"),
    ],
)
def test_a_size_is_shown_in_steps_of_1024_with_two_decimals(size: int, shown: str) -> None:
    assert shown_size(size) == shown
