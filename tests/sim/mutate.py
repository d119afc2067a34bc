"""`python -m tests.sim.mutate`: each planted bug, the seeds or the test that it took, and what is left unnoticed."""

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from tests.sim.mutations import MUTATIONS, Mutation


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one: whether it was noticed, and after which seed or by which test."""

    mutation: Mutation
    noticed: bool
    how: str

    @property
    def as_wanted(self) -> bool:
        """Noticed, or known to be out of sight."""
        return self.noticed != bool(self.mutation.unreachable)


def tried(mutation: Mutation, most: int = 1 << 30) -> Verdict:
    """Runs seeds in a process of its own until one breaks a promise, `most` at most; or the test that is named."""
    return _tested(mutation) if mutation.test else _hunted(mutation, min(most, mutation.seeds))


def _hunted(mutation: Mutation, most: int) -> Verdict:
    found = _python("tests.sim", "--mutation", mutation.name, "--seeds", str(most))
    words = found.stdout.split()
    if found.returncode not in (0, 1) or words[:1] not in (["caught"], ["missed"]):
        raise RuntimeError(f"{mutation.name}: {found.stdout[-500:]}{found.stderr[-2000:]}")
    if words[0] == "missed":
        return Verdict(mutation, noticed=False, how=f"in {most:>6} seeds")
    return Verdict(mutation, noticed=True, how=f"at seed {words[1]:>5} by {' '.join(words[2:])}")


def _tested(mutation: Mutation) -> Verdict:
    found = _python("tests.sim.planted", mutation.name, mutation.test)
    if found.returncode not in (0, 1) or bool(found.returncode) != ("FAILED" in found.stdout):
        raise RuntimeError(f"{mutation.name}: {found.stdout[-2000:]}{found.stderr[-2000:]}")
    return Verdict(mutation, noticed=bool(found.returncode), how=f"by {mutation.test}")


def _python(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *arguments]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def main() -> int:
    """The exit code: 0 when everything that can be noticed was."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim.mutate", description=__doc__)
    parser.add_argument("--only", default="", help="those whose name or promise contains this")
    parser.add_argument("--jobs", type=int, default=max(1, len(os.sched_getaffinity(0))))
    parser.add_argument("--most", type=int, default=1 << 30, help="no more seeds than this for each")
    wanted = parser.parse_args()
    chosen = [one for one in MUTATIONS if wanted.only in one.name or wanted.only == one.promise]
    with ThreadPoolExecutor(wanted.jobs) as pool:
        verdicts = []
        for trial in as_completed([pool.submit(tried, one, wanted.most) for one in chosen]):
            verdicts.append(trial.result())
            print(_line(verdicts[-1]), flush=True)
    caught = sum(one.noticed for one in verdicts)
    unreachable = sum(bool(one.mutation.unreachable) for one in verdicts)
    wrong = [one for one in verdicts if not one.as_wanted]
    print(
        f"{caught} of {len(verdicts)} planted bugs caught, {unreachable} known to be out of sight,"
        f" {len(wrong)} not as wanted"
    )
    return bool(wrong)


def _line(one: Verdict) -> str:
    mutation, word = one.mutation, "caught" if one.noticed else "MISSED"
    why = f"  ({mutation.unreachable})" if mutation.unreachable else ""
    return f"{mutation.promise}  {word}  {mutation.name}  {one.how}{why}"


if __name__ == "__main__":
    sys.exit(main())
