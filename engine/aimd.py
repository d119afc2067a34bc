"""How many requests may be in the air to one store: more while that pays, fewer when the store asks."""

from typing import Final

FLOOR: Final = 1
START: Final = 16
CEILING: Final = 512
INTERVAL: Final = 0.5
RISE: Final = 1.10
STEP: Final = 4

# What a request weighs beside its bytes, so that many small objects and few large ones are one measure.
_REQUEST_WEIGHT: Final = 64 << 10


class Window:
    """A window of requests. `now` is monotonic seconds, handed in; not for several threads.

    It doubles every half second while throughput rises by a tenth, then grows by steps. A throttle halves it,
    once a round trip; it comes back by doubling to the last window that held, then grows by steps again. A half
    second in which nobody had to wait for it says nothing about it, and leaves it as it is.
    """

    __slots__ = (
        "_best", "_ceiling", "_cut_at", "_floor", "_goal", "_good", "_limit", "_refused", "_since", "_wanted",
        "_work",
    )  # fmt: skip

    def __init__(self, *, start: int = START, floor: int = FLOOR, ceiling: int = CEILING) -> None:
        self._floor = max(1, floor)
        self._ceiling = max(self._floor, ceiling)
        self._limit = self._bounded(start)
        self._good = self._limit
        # Doubling goes on up to here; then come steps.
        self._goal = self._ceiling
        self._best: float | None = None
        self._work = 0
        self._since: float | None = None
        self._wanted = False
        self._refused = False
        self._cut_at = float("-inf")

    @property
    def limit(self) -> int:
        """Requests that may be in the air now."""
        return self._limit

    def bound(self, ceiling: int) -> None:
        """Sets a new ceiling (the store's limit shared by the workers that live)."""
        self._ceiling = max(self._floor, ceiling)
        self._limit = self._bounded(self._limit)

    def on_wait(self) -> None:
        """Somebody has to wait, so the window is what holds the rate down."""
        self._wanted = True

    def on_success(self, now: float, size: int) -> None:
        """A request of `size` bytes came back well."""
        if self._since is None:
            self._since = now
            return
        self._work += size + _REQUEST_WEIGHT
        if now - self._since >= INTERVAL:
            if self._wanted:
                self._judge(self._work / (now - self._since))
            self._begin(now)

    def narrow(self, limit: int) -> None:
        """Goes on with `limit` in the air; what was known of the rate is forgotten."""
        self._limit = self._bounded(limit)
        self._best = None

    def on_throttle(self, now: float, sent_at: float) -> None:
        """The store refused a request sent at `sent_at`; those sent before the last cut say nothing new."""
        if sent_at <= self._cut_at:
            return
        # A window that held before and is refused now does not hold any more. Refusals without a good half second
        # between them are one storm, and say so once.
        lowered = self._good >= self._limit and not self._refused
        self._good = self._goal = self._bounded(self._good * 7 // 8 if lowered else self._good)
        self._refused = self._refused or lowered
        self._limit = self._bounded(self._limit // 2)
        self._cut_at = now
        self._best = None
        self._begin(now)

    def _judge(self, rate: float) -> None:
        self._refused = False
        # On its way back the window that held before is still the one to reach.
        self._good = self._goal if self._recovering else self._limit
        if self._limit >= self._goal:
            grown = self._limit + STEP
        elif self._recovering or self._best is None or rate >= self._best * RISE:
            grown = min(self._limit * 2, self._goal)
        else:
            # More in the air no longer pays: the goal is reached.
            self._goal = self._limit
            grown = self._limit + STEP
        self._best = max(rate, self._best or 0.0)
        self._limit = self._bounded(grown)

    @property
    def _recovering(self) -> bool:
        return self._goal < self._ceiling and self._limit < self._goal

    def _begin(self, now: float) -> None:
        self._since = now
        self._work = 0
        self._wanted = False

    def _bounded(self, limit: int) -> int:
        return min(self._ceiling, max(self._floor, limit))
