"""What the demo's source holds: files of this machine's Python, sizes from nothing to 300 MB, and awkward keys."""

import hashlib
import sysconfig
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.storeserver.process import ServerProcess

FILES = 6_000
LARGEST_FILE = 4_000_000
MB = 1_000_000
SIZES = {"sizes/empty": 0, "sizes/one-byte": 1, "sizes/50-MB": 50 * MB, "sizes/300-MB": 300 * MB}
AWKWARD = [
    b"a/../b", b"a/./b", b"../x", b"..", b".", b"/lead", b"a//b", b"//two", b"back\\slash", b"ctl\x01", b"nl\n",
    b"tab\t", "uni-é中".encode(), b"sp ace+plus%41", b"q?m#f", b"tilde~!*'()", b"end/", b"end/..", b"%2F", b"+",
    "emoji-\U0001f600".encode(), "nfc-\u00e9".encode(), "nfd-e\u0301".encode(), b"Case", b"case", b"k" * 1024,
]  # fmt: skip


def fill(server: ServerProcess, bucket: str) -> int:
    """Put what is not there yet; how many objects the bucket holds then."""
    there = set(server.keys(bucket))
    missing = [(key, source) for key, source in _objects() if key not in there]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: server.put(bucket, one[0], _body(one[1])), missing))
    return len(there) + len(missing)


def _objects() -> Iterator[tuple[bytes, Path | int | bytes]]:
    yield from ((key.encode(), size) for key, size in SIZES.items())
    yield from ((key, b"the object at " + key) for key in AWKWARD)
    for number, (name, path) in enumerate(_files()):
        if number == FILES:
            return
        yield name.encode(), path


def _files() -> Iterator[tuple[str, Path]]:
    """Files of the standard library and of installed packages, in a fixed order, without what Python itself writes."""
    for name in ("stdlib", "purelib"):
        root = Path(sysconfig.get_path(name))
        for path in sorted(root.rglob("*")):
            inside = path.relative_to(root)
            skipped = {"__pycache__", "site-packages"} & set(inside.parts)
            if not skipped and path.is_file() and 0 < path.stat().st_size < LARGEST_FILE:
                yield f"{name}/{inside.as_posix()}", path


def _body(source: Path | int | bytes) -> bytes:
    match source:
        case Path():
            return source.read_bytes()
        case int():
            return hashlib.shake_128(b"demo").digest(source)
        case bytes():
            return source
