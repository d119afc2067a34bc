"""The simulator on every change: thousands of seeds, no promise broken; and it can tell a planted bug."""

import subprocess
import sys

import pytest

from tests.sim.mutate import tried
from tests.sim.mutations import MUTATIONS

SEEDS = 4_000
# Findings that are not mended.
OPEN: set[int] = set()
# One of each kind, each noticed within a few seeds.
SAMPLE = (
    "reads take any version",
    "what is done is done again",
    "no lists are written",
    "no_overwrite overwrites",
    "a retry does everything again",
    "what goes in one piece is not paid",
)


def simulated(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A run of `python -m tests.sim`."""
    command = [sys.executable, "-m", "tests.sim", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_promise_is_broken_in_thousands_of_simulated_worlds() -> None:
    run = simulated("--seeds", str(SEEDS))
    print(run.stdout)
    assert f"{SEEDS} seeds," in run.stdout, run.stderr[-4000:]
    failing = [line for line in run.stdout.splitlines() if line.startswith("failing seeds:")]
    assert {int(seed) for line in failing for seed in line.split()[2:]} <= OPEN, run.stdout[-4000:]


@pytest.mark.parametrize("seed", [3, 17, 29])
def test_a_seed_is_the_same_world_each_time(seed: int) -> None:
    run = simulated("--seed", str(seed))
    assert run.returncode == 0, run.stdout
    assert "not deterministic" not in run.stdout
    assert run.stdout == simulated("--seed", str(seed)).stdout


def test_an_unknown_kind_of_fault_is_refused() -> None:
    assert "no such faults" in simulated("--off", "meteor").stderr


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", SAMPLE)
def test_a_planted_bug_is_noticed(name: str) -> None:
    mutation = {one.name: one for one in MUTATIONS}[name]
    verdict = tried(mutation)
    assert verdict.as_wanted, f"not noticed in {mutation.seeds} seeds"


def test_every_planted_bug_still_finds_its_place() -> None:
    for mutation in MUTATIONS:
        source = mutation.file.read_text()
        compile(mutation.applied(source), mutation.path, "exec")


def test_there_are_enough_planted_bugs_with_names_of_their_own() -> None:
    reachable = [one for one in MUTATIONS if not one.unreachable]
    assert len(reachable) >= 40
    assert len({one.name for one in MUTATIONS}) == len(MUTATIONS)
