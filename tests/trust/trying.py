"""Runs a test against a copy of the tree, as it is and with a mechanism taken out; the tree itself stays as it is."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.trust.promises import ROOT, Promise

SECONDS: Final = 240
_LEFT_OUT: Final = shutil.ignore_patterns(".*", "build", "node_modules", "*.egg-info", "trust.json")
# Only what these tests need: to load the rest takes longer than most of them.
_PLUGINS: Final = ("-p", "pytest_asyncio.plugin", "-p", "pytest_timeout")
_WHERE: Final = """
import api, cli, connectors, engine, ledger, workers, tests
for one in (api, cli, connectors, engine, ledger, workers, tests):
    print(one.__path__[0])
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One result of pytest. `problem` is "" when it passed; `failed` False: the surroundings failed, not the test."""

    node: str
    problem: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a promise. `word`: caught, MISSED, or no longer applies; `notice` is what the test said."""

    promise: Promise
    word: str
    notice: str = ""


class Copy:
    """A copy of the tree; whatever runs in it, child processes too, imports the copy's code."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(ROOT, root, ignore=_LEFT_OUT)
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(root),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        }
        self._check()

    def run(self, *tests: str) -> list[Case]:
        """The results of these tests, parameters apart. Raises RuntimeError when pytest itself could not work."""
        report = self.root / "junit.xml"
        report.unlink(missing_ok=True)
        options = [*_PLUGINS, "-p", "no:cacheprovider", f"--timeout={SECONDS}", f"--junitxml={report}"]
        command = [sys.executable, "-m", "pytest", *options, *(["-x"] if len(tests) == 1 else []), *tests]
        done = subprocess.run(
            command, cwd=self.root, env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode not in (0, 1) or not report.exists():
            raise RuntimeError(f"{' '.join(tests)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return list(_cases(report))

    @contextmanager
    def without(self, promise: Promise) -> Iterator[None]:
        """The mechanism of `promise` is gone meanwhile."""
        file = self.root / promise.path
        before = file.read_text()
        self._write(file, promise.mutated(before))
        try:
            yield
        finally:
            self._write(file, before)

    def _write(self, file: Path, text: str) -> None:
        file.write_text(text)
        # Compiled code is told apart by size and second, and two changes may share both.
        if file.suffix == ".py":
            Path(importlib.util.cache_from_source(str(file))).unlink(missing_ok=True)

    def _check(self) -> None:
        found = subprocess.run(
            [sys.executable, "-c", _WHERE],
            cwd="/", env=self._environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        strange = [path for path in found.stdout.split() if not Path(path).is_relative_to(self.root)]
        if strange:
            raise RuntimeError(f"the copy would not run its own code: {strange}")


@contextmanager
def copies(number: int) -> Iterator[list[Copy]]:
    """As many copies of the tree, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="omst-", dir="/tmp") as root:
        yield [Copy(Path(root).resolve() / str(i)) for i in range(number)]


def fails_as_it_is(copy: Copy, promises: Sequence[Promise]) -> dict[str, str]:
    """Tests that do not pass while nothing is taken out, and why."""
    wanted = sorted({one.test for one in promises})
    cases = copy.run(*wanted)
    found: dict[str, str] = {}
    for test in wanted:
        mine = [case for case in cases if case.node == test or case.node.startswith(f"{test}[")]
        problems = [case.problem for case in mine if case.problem]
        if problems or not mine:
            found[test] = problems[0] if problems else "it did not run"
    return found


def tried(copy: Copy, promise: Promise) -> Verdict:
    """Takes the mechanism out and looks whether the test notices."""
    try:
        promise.mutated((ROOT / promise.path).read_text())
    except ValueError as error:
        return Verdict(promise, "no longer applies", str(error))
    with copy.without(promise):
        try:
            cases = copy.run(promise.test)
        except RuntimeError as error:
            return Verdict(promise, "MISSED", f"no verdict: {str(error)[-300:]}")
    failed = [case for case in cases if case.failed]
    if failed:
        return Verdict(promise, "caught", failed[0].problem)
    broken = [case.problem for case in cases if case.problem]
    return Verdict(promise, "MISSED", f"no verdict: {broken[0]}" if broken else "")


def _cases(report: Path) -> Iterator[Case]:
    for case in ET.parse(report).iter("testcase"):
        node = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"
        failure, error = case.find("failure"), case.find("error")
        skipped = case.find("skipped")
        if failure is not None:
            yield Case(node, _words(failure), failed=True)
        elif error is not None:
            yield Case(node, _words(error))
        elif skipped is not None:
            yield Case(node, "it was skipped")
        else:
            yield Case(node)


def _words(element: ET.Element) -> str:
    return " ".join(element.get("message", "").split())[:160]
