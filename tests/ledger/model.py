"""A run in plain Python: what the ledger has to answer, without a database."""

from dataclasses import dataclass, field

from ledger.values import RangeClaim, UnitClaim

TOTAL = 60


@dataclass
class Lease:
    """Who holds a row. `holder` None: nobody; `expired`: anybody may take it."""

    holder: int | None = None
    expired: bool = False
    done: bool = False

    @property
    def free(self) -> bool:
        """Whether a claim gets it."""
        return not self.done and (self.holder is None or self.expired)


@dataclass
class ModelRange(Lease):
    """Objects [lo, hi) in order, listed up to `at`."""

    lo: int = 0
    hi: int = TOTAL
    at: int = 0
    page_no: int = 0


@dataclass
class ModelUnit(Lease):
    """Objects, and what became of them by index."""

    numbers: tuple[int, ...] = ()
    outcomes: dict[int, str] = field(default_factory=dict)
    seq: int = 0
    current: int | None = None
    suspect: int | None = None
    crashes: int = 0


@dataclass
class HeldRange:
    """A claim that somebody believes to have, with the last page that it saved."""

    token: int
    claim: RangeClaim
    range: ModelRange
    last_page: tuple[int, tuple[int, ...], tuple[int, ...], bool] | None = None

    @property
    def valid(self) -> bool:
        """Whether the ledger listens to it; also after it has ended the range itself."""
        return self.range.holder == self.token


@dataclass
class HeldUnit:
    """A claim that somebody believes to have, with the last outcomes that it journalled."""

    token: int
    claim: UnitClaim
    unit: ModelUnit
    last: tuple[int, dict[int, str]] | None = None

    @property
    def valid(self) -> bool:
        """Whether the ledger listens to it; also after it has ended the unit itself."""
        return self.unit.holder == self.token


@dataclass
class Model:
    """One task."""

    running: bool = True
    ranges: list[ModelRange] = field(default_factory=lambda: [ModelRange()])
    units: list[ModelUnit] = field(default_factory=list)
    skipped: set[int] = field(default_factory=set)

    def free_range(self) -> ModelRange | None:
        """The range that a claim gets."""
        free = sorted((one for one in self.ranges if one.free), key=lambda one: one.lo)
        return free[0] if free and self.running else None

    def free_unit(self) -> ModelUnit | None:
        """The unit that a claim gets."""
        return next((one for one in self.units if one.free), None) if self.running else None

    def counts(self) -> dict[str, int]:
        """What the counters must say."""
        found = [kind for unit in self.units for kind in unit.outcomes.values()]
        return {
            "listed": sum(one.at - one.lo for one in self.ranges),
            "ok": found.count("ok"),
            "skip": found.count("skip") + len(self.skipped),
            "fail": found.count("fail"),
            "ok_bytes": 10 * found.count("ok"),
        }
