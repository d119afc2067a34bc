"""Small sizes, so that a dozen tiny objects reach what production reaches with millions of large ones.

Only numbers are replaced; what is done with them is production's.
"""

from collections.abc import Callable
from importlib import import_module

SINGLE = 32
PAGE = 3
KEY_BYTES = 160

SIZES: dict[str, dict[str, object]] = {
    "engine.parts": {"SINGLE_MAX": SINGLE, "MIB": 8, "MIN_PIECE": 8},
    "workers.transfer.copying": {"SINGLE_MAX": SINGLE},
    "workers.transfer.decisions": {"SINGLE_MAX": SINGLE},
    "workers.transfer.sifting": {"SINGLE_MAX": SINGLE, "UNIT_BYTES": 96},
    "workers.transfer.listing": {"PAGE": PAGE},
    "workers.transfer.destination": {"PAGE": PAGE},
    "workers.transfer.grouping": {"PAGE": PAGE},
    "workers.transfer.records": {"PART": 256},
    "workers.transfer.lists": {"BLOCK": 24},
    "workers.transfer.runs": {"RUN_ROWS": 3},
    "workers.transfer.streaks": {"SUSPICIOUS": 6},
    "workers.transfer.context": {"LEAST": 8},
    "workers.transfer.strays": {"SKEW_MS": 2_000},
    "workers.transfer.worker": {"TICK": 0.7},
    "workers.transfer.board": {"REFRESH": 0.8},
    "workers.transfer.calls": {"THROTTLED_FOR": 20.0},
    "engine.retry": {"LONGEST_RETRY_AFTER": 4.0},
}


def shrink(replace: Callable[[object, str, object], None] = setattr) -> None:
    """Replace them, each where it is used. Raises AttributeError for one that production no longer has."""
    for module, names in SIZES.items():
        found = import_module(module)
        for name, value in names.items():
            getattr(found, name)
            replace(found, name, value)
