"""`python -m bench`: runs the scenarios, writes the results and the table."""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from dataclasses import fields, replace
from pathlib import Path

from bench.promises import PROMISES
from bench.report import machine_readable, table, write
from bench.scenarios import SCENARIOS
from bench.stage import FULL, QUICK, Bench, Sizes

_HERE = Path(__file__).parent
_ALL = {**SCENARIOS, **PROMISES}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    preset = parser.add_mutually_exclusive_group()
    preset.add_argument(
        "--quick", action="store_true", help="small sizes, two repetitions, about three minutes"
    )
    preset.add_argument("--full", action="store_true", help="the sizes of the promises, about half an hour")
    parser.add_argument("--only", default="".join(_ALL), help="scenarios by letter, such as ACE")
    parser.add_argument("--results", type=Path, default=_HERE / "results.json", help="where the numbers go")
    parser.add_argument("--page", type=Path, help="where the table goes, between its marks")
    parser.add_argument("--keep", type=Path, help="keep data directories and logs here")
    for one in fields(Sizes):
        parser.add_argument(f"--{one.name.replace('_', '-')}", type=int, metavar="N")
    return parser.parse_args()


def _sizes(arguments: argparse.Namespace) -> Sizes:
    preset = QUICK if arguments.quick else FULL if arguments.full else Sizes()
    given = {one.name: getattr(arguments, one.name) for one in fields(Sizes)}
    return replace(preset, **{name: value for name, value in given.items() if value is not None})


def main() -> None:
    """Runs what was asked for."""
    arguments = _arguments()
    # Sockets below the data directory need short paths.
    root = arguments.keep or Path(tempfile.mkdtemp(prefix="bench-"))
    began, runs, sizes = time.monotonic(), [], _sizes(arguments)
    try:
        for letter in arguments.only:
            bench = Bench(root / letter, sizes, lambda line: print(line, flush=True))
            _ALL[letter](bench)
            runs += bench.runs
    finally:
        if arguments.keep is None:
            shutil.rmtree(root, ignore_errors=True)
    results = machine_readable(runs, sizes, time.monotonic() - began)
    write(results, arguments.results, arguments.page)
    print(table(results))


if __name__ == "__main__":
    main()
