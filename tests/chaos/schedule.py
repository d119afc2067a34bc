"""Which fault comes when: a pure function of the seed, so a run can be had again."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

ROUND_SECONDS = 190
QUIET_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Draw:
    """One fault: begins `at` seconds after the start and is held for `hold` seconds."""

    at: float
    kind: str
    hold: float


def schedule(kinds: Sequence[str], seconds: float, seed: int) -> list[Draw]:
    """Every kind once a round, in an order of its own each time; a round for every 190 seconds, one at least."""
    rng = Random(seed)
    order: list[str] = []
    for _ in range(max(1, int(seconds // ROUND_SECONDS))):
        order += rng.sample(list(kinds), len(kinds))
    first, last = seconds * QUIET_SHARE, seconds * (1 - QUIET_SHARE)
    step = (last - first) / len(order)
    return [
        Draw(first + step * (n + rng.random() / 2), kind, rng.uniform(1.0, 3.0))
        for n, kind in enumerate(order)
    ]
