"""`make scale`: an object and a bucket far larger than this machine; exits with 1 when a bar is missed."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.scale.groups import grouped_keys
from tests.scale.keys import unchanged_keys
from tests.scale.large import large_object
from tests.scale.ledger import planned_on_its_own
from tests.scale.place import Figure

GIB = 1 << 30
_PARTS = ("ledger", "object", "keys", "group")


def main() -> int:
    """Each proof with its figures, one a line."""
    parser = argparse.ArgumentParser(prog="scale", description=__doc__)
    parser.add_argument("--object-gib", type=float, default=64.0)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--keys", type=int, default=10_000_000)
    parser.add_argument("--only", choices=_PARTS, action="append", help="may be given more than once")
    given = parser.parse_args()
    chosen = given.only or _PARTS
    missed = 0
    with tempfile.TemporaryDirectory(prefix="scale-") as root:
        proofs: dict[str, Callable[[], Iterable[Figure]]] = {
            "ledger": lambda: asyncio.run(planned_on_its_own()),
            "object": lambda: large_object(Path(root) / "object", int(given.object_gib * GIB), given.kills),
            "keys": lambda: unchanged_keys(Path(root) / "keys", given.keys),
            "group": lambda: grouped_keys(Path(root) / "group", given.keys),
        }
        for name in chosen:
            for figure in proofs[name]():
                print(f"{name}: {figure.text()}", flush=True)
                missed += bool(figure.missed)
    print(f"scale: {'every bar held' if not missed else f'{missed} bars missed'}")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
