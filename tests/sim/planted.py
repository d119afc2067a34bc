"""`python -m tests.sim.planted NAME TEST`: one test with a bug planted; it has to fail."""

import sys

import pytest

from tests.sim.mutants import plant


def main(name: str, test: str) -> int:
    """pytest's exit code: 1 when the test notices the bug."""
    plant(name)
    return pytest.main(["-q", "-x", "--tb=line", "-p", "no:cacheprovider", test])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
