"""What was promised beside what was found: each bar a figure, a limit and a verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.clients import Client

Rows = Mapping[str, Mapping[str, Any]]
PRODUCT, BARE, BARES, AIOHTTP, RCLONE, RCLONE_64, _ = (one.value for one in Client)
_KEY_BYTES = {"A": 16}


@dataclass(frozen=True, slots=True)
class Bar:
    """`least`: the figure must not be smaller than `limit`; else it must not be larger."""

    name: str
    found: float
    limit: float
    least: bool = False

    @property
    def wanted(self) -> str:
        """In words."""
        return f"{'≥' if self.least else '≤'} {self.limit:g}"

    @property
    def holds(self) -> bool:
        """The verdict."""
        return self.found >= self.limit if self.least else self.found <= self.limit


def bars(results: Mapping[str, Any]) -> list[Bar]:
    """Those that the scenarios which ran can tell of."""
    found = results["summary"]
    told: list[Bar] = []
    for scenario, judge in _JUDGES.items():
        rows = found.get(scenario)
        if rows and PRODUCT in rows:
            told += judge(rows)
    return told


def _against(
    rows: Rows, other: str, name: str, limit: float, figure: str = "product_rate_ratio"
) -> Iterator[Bar]:
    if other in rows and figure in rows[other]:
        yield Bar(name, rows[other][figure], limit, least=figure == "product_rate_ratio")


def _small(rows: Rows) -> Iterator[Bar]:
    ours = rows[PRODUCT]
    yield from _against(rows, RCLONE, "A: objects/s, as a multiple of rclone's", 2.0)
    yield from _against(rows, RCLONE_64, "A: objects/s, as a multiple of rclone's with 64 transfers", 1.3)
    loops = (AIOHTTP, "the aiohttp loop's"), (BARES, "as many bare loops'"), (BARE, "one bare loop's")
    for other, name in loops:
        yield from _against(rows, other, f"A: objects/s, as a share of {name}", 0.8)
        yield from _against(
            rows, other, f"A: CPU of all processes, as a multiple of {name}", 1.4, "product_cpu_ratio"
        )
    asked = ours["requests_per_object"]
    yield Bar("A: GET and PUT a new object", asked.get("get", 0) + asked.get("put", 0), 2.0)
    beyond = ours["ledger_bytes"] / ours["objects"] - _KEY_BYTES["A"]
    yield Bar("A: ledger bytes a copied object, beyond its key", beyond, 60)


def _far(rows: Rows) -> Iterator[Bar]:
    yield Bar(
        "B: objects/s of one worker process at 20 ms", rows[PRODUCT]["objects_per_second"], 2000, least=True
    )


def _unchanged(rows: Rows) -> Iterator[Bar]:
    ours = rows[PRODUCT]
    millions = ours["objects"] / 1e6
    yield Bar("C2: seconds a million unchanged objects", ours["seconds"] / millions, 60)
    listings = 2000 * millions + 4 * ours.get("ranges", 0)
    yield Bar("C2: listing requests", ours["requests"].get("list", 0), listings)
    asked = ours["requests_per_object"]
    yield Bar(
        "C2: GET, HEAD and PUT an unchanged object",
        sum(asked.get(one, 0) for one in ("get", "head", "put")),
        0,
    )
    yield Bar("C2: RSS of a worker, MB", ours["rss_mb"], 150)
    yield Bar("C2: MB that the ledger grew at most, a million", ours["ledger_bytes"] / 1e6 / millions, 48)
    yield Bar("C2: MB that the ledger kept, a million", ours["ledger_after_bytes"] / 1e6 / millions, 2)


def _flat(rows: Rows) -> Iterator[Bar]:
    ours = rows[PRODUCT]
    if BARE in rows:
        faster = rows[BARE]["listing_seconds"] / ours["listing_seconds"]
        yield Bar("D: speed of listing, as a multiple of one cursor's", faster, 5.0, least=True)
    yield Bar("D: seconds of listing a million keys", ours["listing_seconds"] / ours["objects"] * 1e6, 8)
    yield Bar("D: RSS of a worker, MB", ours["rss_mb"], 150)


def _large(rows: Rows) -> Iterator[Bar]:
    ours = rows[PRODUCT]
    yield from _against(rows, RCLONE, "E: MB/s, as a multiple of rclone's", 1.2)
    if RCLONE in rows:
        yield Bar("E: CPU-seconds a GB", ours["cpu_seconds_per_gb"], rows[RCLONE]["cpu_seconds_per_gb"])
    yield Bar("E: RSS of a worker, MB, budget of 101 MB included", ours["rss_mb"], 221)


def _killed(rows: Rows) -> Iterator[Bar]:
    ours = rows[PRODUCT]
    yield Bar("F: seconds from the kill to the next byte", ours["first_byte_again_seconds"], 10)
    yield Bar("F: objects read again", ours["read_again"], ours["at_risk"])
    # A range goes on at its last page in the ledger; one page may have been on its way, another asked for ahead.
    anew = ours["listed_after"] - ours["pages_to_come"]
    yield Bar("F: pages of the source listed again", anew, 2 * ours["open_ranges"])


def _limited(rows: Rows) -> Iterator[Bar]:
    error = abs(rows[PRODUCT]["error"])
    yield Bar(f"L: error of a bandwidth limit, {rows[PRODUCT]['workers']:g} workers", error, 0.05)


def _stormy(rows: Rows) -> Iterator[Bar]:
    yield Bar("S: what a storm of 503 costs of the time after it", rows[PRODUCT]["cost"], 0.10)
    yield Bar("S: objects that failed", rows[PRODUCT]["failed"], 0)


def _prompt(rows: Rows) -> Iterator[Bar]:
    yield Bar("P: seconds from the call to the first byte", rows[PRODUCT]["first_byte_seconds"], 1.0)


_JUDGES: Mapping[str, Callable[[Rows], Iterator[Bar]]] = {
    "A": _small, "B": _far, "C2": _unchanged, "D": _flat, "E": _large, "F": _killed,
    "L1": _limited, "L4": _limited, "L16": _limited, "S": _stormy, "P": _prompt,
}  # fmt: skip
