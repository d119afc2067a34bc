"""When to try again: waits between tries, and how many retries a task may spend (clouds.md E)."""

from collections import deque
from collections.abc import Iterator
from typing import Final, Protocol

TRIES: Final = 6
FIRST_DELAY: Final = 0.2
LONGEST_DELAY: Final = 30.0
LONGEST_RETRY_AFTER: Final = 60.0
BUDGET_SHARE: Final = 0.10
BUDGET_SECONDS: Final = 60
BUDGET_FREE: Final = 10


class Random(Protocol):
    """A source of chance, such as random.Random."""

    def random(self) -> float:
        """A number in [0, 1)."""
        ...


def delays(random: Random) -> Iterator[float]:
    """The five waits between six tries, in seconds: full jitter under 0.2 s, doubling, at most 30 s."""
    for tried in range(TRIES - 1):
        yield random.random() * min(LONGEST_DELAY, FIRST_DELAY * 2**tried)


def wait(delay: float, retry_after: float | None) -> float:
    """The seconds to wait: the store's own `retry_after` up to a minute, or `delay` if that is longer."""
    return max(delay, min(LONGEST_RETRY_AFTER, retry_after or 0.0))


class RetryBudget:
    """Retries: ten, and a tenth of the requests of a minute. `now` is monotonic seconds."""

    __slots__ = ("_requests", "_retries")

    def __init__(self) -> None:
        self._requests: deque[list[int]] = deque(maxlen=BUDGET_SECONDS + 1)
        self._retries: deque[list[int]] = deque(maxlen=BUDGET_SECONDS + 1)

    def on_request(self, now: float) -> None:
        """Counts a request that is sent for the first time."""
        _count(self._requests, int(now))

    def spend(self, now: float) -> bool:
        """Takes one retry out of the budget; False when none is left and the window has to shrink instead."""
        second = int(now)
        allowed = BUDGET_FREE + _total(self._requests, second) * BUDGET_SHARE
        if _total(self._retries, second) + 1 > allowed:
            return False
        _count(self._retries, second)
        return True


def _count(seconds: deque[list[int]], second: int) -> None:
    if seconds and seconds[-1][0] >= second:
        seconds[-1][1] += 1
    else:
        seconds.append([second, 1])


def _total(seconds: deque[list[int]], second: int) -> int:
    while seconds and seconds[0][0] <= second - BUDGET_SECONDS:
        seconds.popleft()
    return sum(count for _, count in seconds)
