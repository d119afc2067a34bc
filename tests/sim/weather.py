"""What may go wrong in one run: drawn from the seed, each kind off, rare or frequent on its own (swarm)."""

from collections import Counter
from dataclasses import dataclass, field
from random import Random

# Chance of each kind for one request, rare and frequent.
STORE = {
    "refused": (0.02, 0.2),  # an error before anything happened
    "lost": (0.02, 0.15),  # it happened, the answer did not come
    "zombie": (0.01, 0.1),  # an error now, and it happens later
    "throttled": (0.02, 0.2),
    "flipped": (0.02, 0.15),  # one byte of a body is another
    "corrupted": (0.01, 0.1),  # an answer that fails a check
    "slow": (0.02, 0.2),  # seconds instead of milliseconds
    "empty_page": (0.1, 0.5),  # a page without objects, and a way on
    "dropped_upload": (0.02, 0.15),  # the store has forgotten an upload
}
LEDGER = {
    "failed": (0.01, 0.1),  # rolled back, run again
    "unknown": (0.02, 0.2),  # committed, answer lost, run again
    "away": (0.005, 0.04),  # the pool's patience ended, nothing written
    "away_after": (0.005, 0.04),  # the pool's patience ended, and yet it is written
    "late": (0.01, 0.1),
}
# Mean seconds between two of a kind.
EVENTS = {
    "kill": (25.0, 6.0),
    "stop_worker": (25.0, 8.0),
    "freeze": (25.0, 7.0),
    "cut_off": (30.0, 9.0),  # the ledger cannot be reached by one worker
    "pause": (15.0, 5.0),
    "delete": (200.0, 60.0),
    "overwrite": (10.0, 2.0),
    "remove": (15.0, 5.0),
    "create": (15.0, 5.0),
    "intrude": (15.0, 4.0),  # somebody else writes into the destination
    "limit": (15.0, 5.0),
    "outage": (30.0, 12.0),  # a store refuses everything for a while
    "revoked": (60.0, 20.0),  # keys are refused for a while
}
# Each port call: a fuse that kills its process.
FUSE = {"fuse": (1 / 150, 1 / 30)}
KINDS = (*STORE, *LEDGER, *EVENTS, *FUSE)
CLEAR, RARE, FREQUENT = range(3)


@dataclass(slots=True)
class Weather:
    """The level of each kind, and what has happened. `calm`: nothing goes wrong any more."""

    random: Random
    levels: dict[str, int]
    calm: bool = False
    seen: Counter[str] = field(default_factory=Counter)

    @classmethod
    def drawn(cls, random: Random, off: frozenset[str]) -> "Weather":
        """Most seeds see a handful of kinds; one in eight sees none at all."""
        share = random.choice((0.0, 0.15, 0.3, 0.3, 0.5, 0.5, 0.8, 1.0))
        levels = {}
        for kind in KINDS:
            level = random.choice((RARE, RARE, FREQUENT)) if random.random() < share else CLEAR
            levels[kind] = CLEAR if kind in off else level
        return cls(random, levels)

    def store(self, *kinds: str) -> str:
        """What befalls one request to a store, "" for nothing."""
        return self._one_of(STORE, kinds)

    def ledger(self) -> str:
        """What befalls one call of the ledger."""
        return self._one_of(LEDGER, tuple(LEDGER))

    def _one_of(self, table: dict[str, tuple[float, float]], kinds: tuple[str, ...]) -> str:
        if self.calm:
            return ""
        for kind in kinds:
            level = self.levels[kind]
            if level and self.random.random() < table[kind][level - 1]:
                self.seen[kind] += 1
                return kind
        return ""

    def every(self, kind: str) -> float | None:
        """Seconds until the next event of a kind; None when there is none."""
        level = self.levels[kind]
        if not level or self.calm:
            return None
        return self.random.expovariate(1 / EVENTS[kind][level - 1])

    def fuse(self) -> int:
        """After how many calls a process dies; 0: never."""
        level = self.levels["fuse"]
        if not level or self.calm:
            return 0
        return 1 + int(self.random.expovariate(FUSE["fuse"][level - 1]))
