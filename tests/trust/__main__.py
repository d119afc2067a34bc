"""`python -m tests.trust`: takes each promise's mechanism out of a copy of the tree, and its test has to notice."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import SimpleQueue

from tests.trust.page import PAGE, RESULT, figures_of, filled, merged, to_text
from tests.trust.promises import PROMISES, ROOT, Promise
from tests.trust.trying import Copy, Verdict, copies, fails_as_it_is, tried


def main() -> int:
    """The exit code: 0 when every test noticed."""
    parser = argparse.ArgumentParser(prog="python -m tests.trust", description=__doc__)
    parser.add_argument(
        "--only", default="", help="promises by number, with commas; of others the last word stays"
    )
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--bench", type=Path, default=ROOT / "bench/results.json", help="the last make bench")
    parser.add_argument("--chaos", type=Path, default=ROOT / "build/chaos.json", help="the last make chaos")
    wanted = parser.parse_args()
    numbers = set(filter(None, wanted.only.split(",")))
    chosen = [one for one in PROMISES if not numbers or one.number in numbers]
    figures = figures_of(wanted.bench, wanted.chaos)
    verdicts = []
    for one in all_tried(chosen, wanted.jobs):
        print(_line(one), flush=True)
        verdicts.append(one)
        # A pass that is cut off keeps what it has found.
        document = merged(verdicts, figures)
        RESULT.write_text(to_text(document))
        PAGE.write_text(filled(PAGE.read_text(), document))
    caught = sum(one.word == "caught" for one in verdicts)
    print(f"{caught} of {len(verdicts)} promises have a test that notices when their mechanism is gone")
    return int(caught < len(verdicts))


def all_tried(chosen: Sequence[Promise], jobs: int) -> Iterator[Verdict]:
    """Verdicts as they are known."""
    with copies(jobs) as made, ThreadPoolExecutor(jobs) as pool:
        unfit = fails_as_it_is(made[0], chosen)
        free = SimpleQueue[Copy]()
        for one in made:
            free.put(one)

        def attempt(promise: Promise) -> Verdict:
            if promise.test in unfit:
                return Verdict(promise, "MISSED", f"fails as it is: {unfit[promise.test]}")
            copy = free.get()
            try:
                return tried(copy, promise)
            finally:
                free.put(copy)

        for done in as_completed([pool.submit(attempt, one) for one in chosen]):
            yield done.result()


def _line(one: Verdict) -> str:
    promise = one.promise
    why = f"  [{one.notice}]" if one.word != "caught" and one.notice else ""
    return f"{promise.number} {one.word:<18} {promise.test}  {promise.mutation}{why}"


if __name__ == "__main__":
    sys.exit(main())
