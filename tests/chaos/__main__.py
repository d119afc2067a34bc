"""`make chaos SECONDS=600`: faults on real processes; exits with 1 when a promise is not kept."""

import argparse
import secrets
import sys
from pathlib import Path

from tests.chaos.running import run, write

LEAST_RATE = 30.0


def main() -> int:
    """One run and its figures."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--out", type=Path, default=Path("build/chaos.json"))
    parser.add_argument("--logs", type=Path, default=None, help="where the engine's logs are kept")
    given = parser.parse_args()
    seed = secrets.randbelow(1 << 31) if given.seed is None else given.seed
    print(f"chaos: {given.seconds:.0f} s, seed {seed}", flush=True)
    report = run(given.seconds, seed, keep_logs=given.logs)
    write(report, given.out)
    print(report.text())
    missed = [*report.unsafe(), *report.slow(LEAST_RATE)]
    for one in missed[:100]:
        print(f"MISSED {one}")
    print(f"chaos: {'promises kept' if not missed else f'{len(missed)} promises missed'}, see {given.out}")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
