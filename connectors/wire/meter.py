"""Counts of requests and bytes by store and operation, for metrics and proofs."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


class Meter(Protocol):
    """Told once for each request that was begun on a connection, also for those without an answer (`status` 0)."""

    def count(self, store: str, operation: str, status: int, sent: int, received: int) -> None: ...


class NoMeter:
    """Counts nothing."""

    def count(self, store: str, operation: str, status: int, sent: int, received: int) -> None:
        """Forget it."""


@dataclass(slots=True)
class Tally:
    """Requests, body bytes sent and body bytes received."""

    requests: int = 0
    sent: int = 0
    received: int = 0


class Counters:
    """A Meter that keeps sums by (store, operation, status class); the class is "2xx" ... "5xx" or "none"."""

    def __init__(self) -> None:
        self.tallies: defaultdict[tuple[str, str, str], Tally] = defaultdict(Tally)

    def count(self, store: str, operation: str, status: int, sent: int, received: int) -> None:
        """Add one request."""
        tally = self.tallies[store, operation, f"{status // 100}xx" if status else "none"]
        tally.requests += 1
        tally.sent += sent
        tally.received += received

    def requests(self, operation: str, store: str | None = None) -> int:
        """How many requests of `operation` were sent, to one store or to all."""
        return sum(
            tally.requests
            for (name, asked, _), tally in self.tallies.items()
            if asked == operation and store in (None, name)
        )


class OperationCounts:
    """A Meter of one task's side: plain sums by operation, taken out from time to time."""

    def __init__(self) -> None:
        self._tallies: dict[str, Tally] = {}

    def count(self, store: str, operation: str, status: int, sent: int, received: int) -> None:
        """Add one request; what it was answered and by which store makes no difference."""
        tally = self._tallies.get(operation)
        if tally is None:
            tally = self._tallies[operation] = Tally()
        tally.requests += 1
        tally.sent += sent
        tally.received += received

    def take(self) -> Mapping[str, Tally]:
        """What was counted since the last call."""
        taken, self._tallies = self._tallies, {}
        return taken
