"""The objects of a unit of work, as they were listed and decided, and how they are stored."""

from collections.abc import Sequence
from typing import Final

from engine._columns import Damaged, Reader, Writer
from engine.values import value

MAX_ENTRIES: Final = 1000


@value(frozen=True, slots=True)
class Entry:
    """One object to copy. `size` and `modified_ms` are -1 where the list did not tell.

    `decision` is "absent" (no such key at the destination), "overwrite" (`dst_etag` stood there), "unknown";
    `line` is the number in a list file, else 0; `version` is the store's name for what was listed, "" without one;
    `url` is what a line of a list of URLs reads from, else "".
    """

    key: bytes
    size: int
    modified_ms: int
    etag: str
    storage_class: str = ""
    decision: str = "unknown"
    dst_etag: str = ""
    line: int = 0
    version: str = ""
    url: str = ""


def encode(entries: Sequence[Entry]) -> bytes:
    """A manifest: compressed columns, in the order given. Raises ValueError above MAX_ENTRIES."""
    if len(entries) > MAX_ENTRIES:
        raise ValueError(f"{len(entries)} entries in one unit")
    columns = Writer()
    columns.blobs([entry.key for entry in entries])
    columns.numbers([entry.size for entry in entries])
    columns.numbers([entry.modified_ms for entry in entries])
    columns.texts([entry.etag for entry in entries])
    columns.words([entry.storage_class for entry in entries])
    columns.words([entry.decision for entry in entries])
    columns.texts([entry.dst_etag for entry in entries])
    columns.numbers([entry.line for entry in entries])
    columns.texts([entry.version for entry in entries])
    if any(entry.url for entry in entries):
        columns.texts([entry.url for entry in entries])
    return columns.sealed()


def decode(manifest: bytes) -> list[Entry]:
    """What `encode` was given; one from before there were versions has none. Raises Damaged for other bytes."""
    columns = Reader(manifest)
    try:
        keys, sizes, modified, etags = columns.blobs(), columns.numbers(), columns.numbers(), columns.texts()
        classes, decisions = columns.words(), columns.words()
        dst_etags, lines = columns.texts(), columns.numbers()
        versions = columns.texts() if columns.more else [""] * len(keys)
        urls = columns.texts() if columns.more else [""] * len(keys)
    except (IndexError, ValueError) as error:
        raise Damaged(str(error)) from error
    rows = (keys, sizes, modified, etags, classes, decisions, dst_etags, lines, versions, urls)
    if len({len(row) for row in rows}) != 1:
        raise Damaged("columns of different length")
    return list(map(Entry, *rows))
