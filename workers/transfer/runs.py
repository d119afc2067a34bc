"""Sorting outside memory: rows are spilled in sorted runs, and merging the runs gives them in order (design 3.6)."""

import heapq
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

RUN_ROWS = 200_000

# A key, a number that orders equal keys, and whatever belongs to them.
Row = tuple[bytes, int, bytes]


class Runs:
    """Sorted runs of rows in files of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: list[Row] = []
        self._written = 0

    def add(self, row: Row) -> None:
        """Take a row; every so often a run is written."""
        self._rows.append(row)
        if len(self._rows) >= RUN_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what is left."""
        if not self._rows:
            return
        self._rows.sort()
        with (self._folder / f"run-{self._written:09}").open("wb") as out:
            for key, number, raw in self._rows:
                out.write(b"%d %d %d\n" % (len(key), number, len(raw)) + key + raw + b"\n")
        self._rows, self._written = [], self._written + 1

    def read(self, after: bytes) -> Iterator[Row]:
        """Rows whose key is greater than `after`, by key and then number."""
        with ExitStack() as stack:
            runs = [stack.enter_context(path.open("rb")) for path in sorted(self._folder.glob("run-*"))]
            for row in heapq.merge(*map(_rows, runs)):
                if row[0] > after:
                    yield row


def _rows(run: IO[bytes]) -> Iterator[Row]:
    while header := run.readline():
        n, number, m = map(int, header.split())
        body = run.read(n + m + 1)
        yield body[:n], number, body[n : n + m]


def spool_folder() -> tempfile.TemporaryDirectory[str]:
    """A private folder that goes away with its user."""
    return tempfile.TemporaryDirectory(prefix="oms-list-")
