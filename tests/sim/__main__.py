"""`python -m tests.sim`: seeds of the simulator. A failing one prints the line that replays it."""

import argparse
import os
import sys
from collections import Counter

if "--mutation" in sys.argv:
    # Before anything of the product is imported.
    from tests.sim.mutants import plant

    plant(sys.argv[sys.argv.index("--mutation") + 1])

from tests.sim.runner import Result, clock, cores, run_many, run_seed
from tests.sim.weather import KINDS

SHOWN = 10


def main() -> int:
    """The exit code: 0 when no promise was broken."""
    wanted = _arguments()
    off = frozenset(wanted.off.split(",")) - {""}
    if unknown := off - set(KINDS):
        sys.exit(f"no such faults: {sorted(unknown)}")
    if wanted.mutation and wanted.seed is None:
        return _hunt(wanted, off)
    if wanted.seed is not None:
        return _one(wanted.seed, off)
    return _many(wanted, off)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--seed", type=int, help="run this one, and run it twice to see that it is the same")
    parser.add_argument("--seeds", type=int, default=2_000, help="how many")
    parser.add_argument("--base", type=int, default=0, help="the first of them")
    parser.add_argument("--jobs", type=int, default=cores(), help="processes")
    parser.add_argument("--off", default="", help="kinds of faults that are to stay away, with commas")
    parser.add_argument("--mutation", help="with this bug planted: until a seed notices it")
    return parser.parse_args()


def _hunt(wanted: argparse.Namespace, off: frozenset[str]) -> int:
    for n, seed in enumerate(range(wanted.base, wanted.base + wanted.seeds), start=1):
        result = run_seed(seed, off)
        if result.violations:
            print("caught", n, *dict.fromkeys(promise for promise, _ in result.violations))
            return 0
    print("missed", wanted.seeds)
    return 1


def _one(seed: int, off: frozenset[str]) -> int:
    first, second = run_seed(seed, off), run_seed(seed, off)
    print(first.trace)
    if first.trace != second.trace:
        print("not deterministic:", second.trace)
        return 1
    _show(first, off)
    return bool(first.violations)


def _many(wanted: argparse.Namespace, off: frozenset[str]) -> int:
    began, failed = clock(), list[Result]()
    seen, ends, virtual, calls = Counter[str](), Counter[str](), 0.0, 0
    for result in run_many(range(wanted.base, wanted.base + wanted.seeds), jobs=wanted.jobs, off=off):
        seen.update(result.seen)
        ends.update(result.ends)
        virtual, calls = virtual + result.virtual_seconds, calls + result.calls
        if result.violations:
            failed.append(result)
            if len(failed) <= SHOWN:
                _show(result, off)
    seconds = clock() - began
    print(
        f"{wanted.seeds} seeds, {len(failed)} broke a promise; {seconds:.0f} s, {wanted.seeds / seconds:.0f} a second"
    )
    print(f"{virtual / 3600:.0f} hours of virtual time, {calls} calls, {sum(seen.values())} faults")
    print("faults:", ", ".join(f"{n} {kind}" for kind, n in seen.most_common()))
    print("ends:", ", ".join(f"{n} {end}" for end, n in ends.most_common()))
    if failed:
        print("failing seeds:", *sorted(one.seed for one in failed)[:50])
    return bool(failed)


def _show(result: Result, off: frozenset[str]) -> None:
    for promise, what in result.violations[:4]:
        print(f"seed {result.seed}: {promise}: {what}")
    if result.violations:
        more = f" --off {','.join(sorted(off))}" if off else ""
        print(f"replay: .venv/bin/python -m tests.sim --seed {result.seed}{more}", flush=True)


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        # Sets of strings must come in the same order each time.
        os.execve(
            sys.executable,
            [sys.executable, "-m", "tests.sim", *sys.argv[1:]],
            {**os.environ, "PYTHONHASHSEED": "0"},
        )
    sys.exit(main())
