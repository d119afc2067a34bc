"""Names that the store may hold in another order than bytes have, sorted outside memory."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterable
from contextlib import closing

from connectors.azure.pages import Entry
from connectors.objects import Availability, ObjectInfo

# The first byte of characters beyond 16 bits. Text in 16-bit units has them before U+E000 to U+FFFF, UTF-8 after.
_BEYOND = 0xF0
_ADD = "INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)"
_READ = "SELECT * FROM entry WHERE name > ? ORDER BY name LIMIT ?"


def common_part(name: bytes, prefix: bytes, *, tree: bool) -> bytes | None:
    """What names have in common that may come in another order from this one on; None when none may.

    It is what precedes the first character beyond 16 bits. In a tree all below a directory comes before its
    siblings that go on with a character smaller than the slash: there it is the first directory below `prefix`.
    """
    beyond = None if name.isascii() else next((at for at, byte in enumerate(name) if byte >= _BEYOND), None)
    slash = name.find(b"/", len(prefix)) if tree else -1
    ends = [at for at in (beyond, slash) if at is not None and at >= 0]
    return name[: min(ends)] if ends else None


class Group:
    """Entries on disk by their names' bytes. The file is temporary and has no name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._file = sqlite3.connect("", check_same_thread=False)
        # Nothing of it is ever taken back, and it does not outlive the process.
        self._file.execute("PRAGMA journal_mode = OFF").close()
        self._file.execute(
            "CREATE TABLE entry (name BLOB PRIMARY KEY, folder, size, modified, etag, class, state) WITHOUT ROWID"
        )

    async def add(self, entries: Iterable[Entry]) -> None:
        """More of them, in any order."""
        await asyncio.to_thread(self._add, [_row(entry) for entry in entries])

    async def read(self, after: bytes, limit: int) -> list[Entry]:
        """Up to `limit` entries whose names are greater than `after`, in byte order."""
        return [_entry(row) for row in await asyncio.to_thread(self._read, after, limit)]

    # No cursor leaves the lock: it would be finished by whichever thread drops it, beside the next statement.
    def _add(self, rows: "list[_Row]") -> None:
        with self._lock:
            self._file.executemany(_ADD, rows).close()

    def _read(self, after: bytes, limit: int) -> "list[_Row]":
        with self._lock, closing(self._file.execute(_READ, (after, limit))) as cursor:
            return cursor.fetchall()


_Row = tuple[bytes, bool, int, int, str, str, str]


def _row(entry: Entry) -> _Row:
    info = entry.info
    if info is None:
        return entry.name, True, 0, 0, "", "", ""
    return (
        entry.name,
        False,
        info.size,
        info.modified_ms,
        info.etag,
        info.storage_class,
        info.availability.value,
    )


def _entry(row: _Row) -> Entry:
    name, is_folder, size, modified, etag, word, state = row
    if is_folder:
        return Entry(name, None)
    return Entry(name, ObjectInfo(name, size, modified, etag, word, Availability(state)))
