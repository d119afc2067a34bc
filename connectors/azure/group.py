"""Names that the store may hold in another order than bytes have, sorted outside memory."""

import asyncio
import sqlite3
from collections.abc import Iterable

from connectors.azure.pages import Entry
from connectors.objects import Availability, ObjectInfo

# The first byte of characters beyond 16 bits. Text in 16-bit units has them before U+E000 to U+FFFF, UTF-8 after.
_BEYOND = 0xF0
_ADD = "INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)"
_READ = "SELECT * FROM entry WHERE name > ? ORDER BY name LIMIT ?"


def common_part(name: bytes) -> bytes | None:
    """What precedes the first character beyond 16 bits; None when there is none."""
    if name.isascii():
        return None
    at = next((index for index, byte in enumerate(name) if byte >= _BEYOND), None)
    return None if at is None else name[:at]


class Group:
    """Entries on disk by their names' bytes. The file is temporary and has no name."""

    def __init__(self) -> None:
        self._file = sqlite3.connect("", check_same_thread=False)
        self._file.execute(
            "CREATE TABLE entry (name BLOB PRIMARY KEY, folder, size, modified, etag, class, state) WITHOUT ROWID"
        )

    async def add(self, entries: Iterable[Entry]) -> None:
        """More of them, in any order."""
        await asyncio.to_thread(self._file.executemany, _ADD, [_row(entry) for entry in entries])

    async def read(self, after: bytes, limit: int) -> list[Entry]:
        """Up to `limit` entries whose names are greater than `after`, in byte order."""
        rows = await asyncio.to_thread(lambda: self._file.execute(_READ, (after, limit)).fetchall())
        return [_entry(row) for row in rows]


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
