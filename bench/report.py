"""What the runs say together: medians, ratios, a file for machines and a table for people."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from bench.bars import bars
from bench.clients import Client
from bench.measure import Run
from bench.stage import FAR_MS, Sizes

Summary = dict[str, dict[str, dict[str, Any]]]
_COLUMNS = ("CPU-ms/object", "client alone", "requests/object", "RSS MB", "ledger MB", "also")
_BEGIN, _END = "<!-- bench: begin -->", "<!-- bench: end -->"


@dataclass(frozen=True, slots=True)
class Title:
    """A scenario in the table; `unit` is what its rate counts."""

    text: str
    unit: str = "objects/s"


def summary(runs: Sequence[Run]) -> Summary:
    """Medians by scenario and client; for the product also its rate and CPU beside each other client's."""
    found: Summary = {}
    for scenario in dict.fromkeys(run.scenario for run in runs):
        rows = {
            client.value: _medians(ones)
            for client in Client
            if (ones := [run for run in runs if (run.scenario, run.client) == (scenario, client)])
        }
        ours = rows.get(Client.PRODUCT)
        for name, row in rows.items():
            if ours is not None and name != Client.PRODUCT and "objects_per_second" in row:
                row["product_rate_ratio"] = round(ours["objects_per_second"] / row["objects_per_second"], 3)
                row["product_cpu_ratio"] = round(ours["cpu_ms_per_object"] / row["cpu_ms_per_object"], 3)
        found[scenario] = rows
    return found


def _medians(runs: Sequence[Run]) -> dict[str, Any]:
    if not runs[0].objects:
        seconds = median(run.usage.seconds for run in runs)
        return {"repetitions": len(runs), "seconds": round(seconds, 3), **_more(runs)}

    def middle(values: Iterable[float], digits: int = 3) -> float:
        return round(median(values), digits)

    parts = dict.fromkeys(part for run in runs for part in run.usage.cpu)
    operations = dict.fromkeys(op for run in runs for op in run.requests)
    return {
        "repetitions": len(runs),
        "objects": runs[0].objects,
        "seconds": middle(run.usage.seconds for run in runs),
        "objects_per_second": middle(run.objects / run.usage.seconds for run in runs),
        "mb_per_second": middle(run.bytes / run.usage.seconds / 1e6 for run in runs),
        "cpu_ms_per_object": middle((1000 * run.cpu / run.objects for run in runs), 5),
        "cpu_seconds_per_gb": _per_gb(runs),
        "cpu_ms_per_object_by_part": {
            part: middle((1000 * run.usage.cpu.get(part, 0.0) / run.objects for run in runs), 5)
            for part in parts
        },
        "requests_per_object": {
            op: middle((run.requests.get(op, 0) / run.objects for run in runs), 5) for op in operations
        },
        "requests": {op: middle((run.requests.get(op, 0) for run in runs), 0) for op in operations},
        "record_requests": middle((run.record_requests for run in runs), 0),
        "rss_mb": middle((run.usage.rss / 1e6 for run in runs), 1),
        "rss_together_mb": middle((run.usage.rss_together / 1e6 for run in runs), 1),
        "ledger_bytes": max(run.ledger_bytes for run in runs),
        "store_cpu_ms_per_object": middle((1000 * run.store_cpu / run.objects for run in runs), 5),
        **_more(runs),
    }


def _per_gb(runs: Sequence[Run]) -> float | None:
    if not all(run.bytes for run in runs):
        return None
    return round(median(run.cpu / run.bytes * 1e9 for run in runs), 3)


def _more(runs: Sequence[Run]) -> dict[str, float]:
    names = dict.fromkeys(name for run in runs for name in run.more)
    return {name: round(median(run.more[name] for run in runs if name in run.more), 3) for name in names}


def machine_readable(runs: Sequence[Run], sizes: Sizes, seconds: float) -> dict[str, Any]:
    """All that was found, and where."""
    found = summary(runs)
    return {
        "commit": commit(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "took_seconds": round(seconds),
        "machine": {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version(),
                    "load_at_the_end": round(os.getloadavg()[0], 1)},
        "sizes": asdict(sizes),
        "summary": found,
        "bars": [asdict(one) | {"holds": one.holds} for one in bars({"summary": found})],
        "runs": [asdict(run) for run in runs],
    }  # fmt: skip


def commit() -> str:
    """Of the sources that were measured; "unknown" outside a clone."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=10"]
    try:
        told = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return told.stdout.strip()


def titles(sizes: Mapping[str, int]) -> dict[str, Title]:
    """Scenarios in words."""
    return {
        "A": Title(f"{sizes['small']:,} objects of 4 KiB"),
        "C1": Title("the same again, nothing to do, default settings"),
        "B": Title(f"{sizes['far']:,} objects of 4 KiB, {FAR_MS} ms a request (rclone by default: {sizes['few']:,})"),
        "C2": Title(f"{sizes['unchanged']:,} unchanged objects, random keys"),
        "D": Title(f"listing {sizes['flat']:,} flat keys, {FAR_MS} ms a request (rclone size, s5cmd ls)"),
        "E": Title(f"{sizes['large']} objects of {sizes['large_mib']} MiB", "MB/s"),
        "F": Title(f"{sizes['killed']:,} objects of 4 KiB, kill -9 at 40 % (rclone: its second run)"),
    }  # fmt: skip


def table(results: Mapping[str, Any]) -> str:
    """The table of `docs/performance.md`."""
    machine = results["machine"]
    told = (
        f"Commit {results['commit']}, {results['at']}, {machine['cores']} cores, Python {machine['python']}, load"
        f" {machine['load_at_the_end']} at the end; medians of {results['sizes']['repetitions']} interleaved runs."
    )
    lines = [told]
    for scenario, title in titles(results["sizes"]).items():
        rows = results["summary"].get(scenario)
        if rows and "objects_per_second" in next(iter(rows.values())):
            lines += ["", f"**{scenario}: {title.text}**", "", *_rows(rows, title.unit)]
    held = bars(results)
    if held:
        lines += ["", "**Promises**", "", "| promise | found | wanted | holds |", "|---|---|---|---|"]
        lines += [
            f"| {one.name} | {one.found:.4g} | {one.wanted} | {'yes' if one.holds else 'no'} |"
            for one in held
        ]
    return "\n".join(lines) + "\n"


def _rows(rows: Mapping[str, Mapping[str, Any]], unit: str) -> list[str]:
    columns = ("client", "s", unit, "product is", *_COLUMNS)
    found = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    for name, row in rows.items():
        rate = row["mb_per_second"] if unit == "MB/s" else row["objects_per_second"]
        faster = f"{row['product_rate_ratio']:.2f} ×" if "product_rate_ratio" in row else ""
        ledger = f"{row['ledger_bytes'] / 1e6:.1f}" if name == Client.PRODUCT else ""
        parts = row["cpu_ms_per_object_by_part"]
        alone = parts.get("workers", parts.get("client", 0.0))
        asked = ", ".join(
            f"{op} {value:.4g}" for op, value in row["requests_per_object"].items() if value >= 0.0005
        )
        found.append(
            f"| {name} | {row['seconds']:.2f} | {rate:,.0f} | {faster} | {row['cpu_ms_per_object']:.4g} | {alone:.4g}"
            f" | {asked} | {row['rss_mb']:.0f} | {ledger} | {_also(row)} |"
        )
    return found


_TOLD = (
    "listing_seconds", "first_byte_seconds", "first_byte_again_seconds", "read_again", "written_again", "at_risk",
    "ranges", "pages",
)  # fmt: skip


def _also(row: Mapping[str, Any]) -> str:
    told = [f"{name.replace('_', ' ')} {row[name]:g}" for name in _TOLD if name in row]
    if "ledger_after_bytes" in row:
        told.append(f"ledger after {row['ledger_after_bytes'] / 1e6:.1f} MB")
    if row["cpu_seconds_per_gb"] is not None and row["mb_per_second"] > 50:
        told.append(f"CPU-s/GB {row['cpu_seconds_per_gb']:.2f}")
    return "; ".join(told)


def write(results: Mapping[str, Any], file: Path, page: Path | None) -> None:
    """The machine's file, and the table between the marks of the page."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(results, indent=1) + "\n")
    if page is not None:
        before, _, rest = page.read_text().partition(_BEGIN)
        after = rest.partition(_END)[2]
        page.write_text(f"{before}{_BEGIN}\n{table(results)}{_END}{after}")
