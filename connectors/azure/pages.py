"""One page of a container as the store writes it, parsed strictly; names may be percent-encoded one by one."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter
from urllib.parse import unquote_to_bytes
from xml.etree.ElementTree import Element

from connectors.objects import Availability, ObjectInfo
from connectors.s3.channel import Ask
from connectors.s3.dates import http_date_ms
from connectors.s3.dialects import Dialect
from connectors.s3.headers import plain_etag
from connectors.s3.listing import Wanted
from connectors.s3.xml import BrokenXml, Document
from connectors.wire.encoding import Query
from engine.failures import Operation

MOST = 5000


@dataclass(frozen=True, slots=True)
class Entry:
    """An object, or a folder, which has no `info`."""

    name: bytes
    info: ObjectInfo | None


@dataclass(frozen=True, slots=True)
class Page:
    """Entries in byte order. `marker` is the way on, "" at the end."""

    entries: tuple[Entry, ...]
    marker: str

    def follows(self, edge: "Edge") -> bool:
        """Whether all of it lies after the page that ended there, in either order; a folder may show on both."""
        first = self.entries[0]
        if first.name > edge.entry.name or (first.info is None and first == edge.entry):
            return True
        return min(utf16(entry.name) for entry in self.entries) > edge.unit_name

    def edge(self) -> "Edge":
        """Where it ends."""
        last = self.entries[-1]
        if last.name.isascii():
            return Edge(last, utf16(last.name))
        return Edge(last, max(utf16(entry.name) for entry in self.entries))


@dataclass(frozen=True, slots=True)
class Edge:
    """The end of a page: its last entry in byte order, and its greatest name in 16-bit units."""

    entry: Entry
    unit_name: bytes


def ask(wanted: Wanted, marker: str) -> Ask:
    """The request for the page at `marker`."""
    query: list[tuple[str, str | bytes | None]] = [("restype", "container"), ("comp", "list")]
    query += [("prefix", wanted.prefix)] if wanted.prefix else []
    query += [("delimiter", wanted.delimiter)] if wanted.delimiter else []
    query += [("marker", marker)] if marker else []
    found: Query = (*query, ("maxresults", str(min(wanted.limit, MOST))))
    return Ask(Operation.LIST, "GET", query=found)


def parse(body: bytes, dialect: Dialect, wanted: Wanted) -> Page:
    """Raises ValueError when it is not one whole document with what was asked for, in one of the two orders."""
    document = Document(body, "EnumerationResults")
    blobs, marker = next(document.all("Blobs"), None), next(document.all("NextMarker"), None)
    if blobs is None or marker is None:
        raise BrokenXml("the page does not say what it holds, or where it ends")
    tag = document.tag("Blob")
    objects = [Entry((info := _object(document, one, dialect)).key, info) for one in blobs if one.tag == tag]
    folder = document.tag("BlobPrefix")
    folders = [Entry(name_of(document, one), None) for one in blobs if one.tag == folder]
    _check_names(objects, folders, wanted)
    return Page(_joined(objects, folders), marker.text or "")


def name_of(document: Document, element: Element) -> bytes:
    """The name of an entry; characters that XML cannot hold come percent-encoded (clouds.md B7 row 3)."""
    name = element.find(document.tag("Name"))
    text = "" if name is None else name.text or ""
    encoded = name is not None and name.get("Encoded", "false").lower() == "true"
    return unquote_to_bytes(text) if encoded else text.encode()


def utf16(name: bytes) -> bytes:
    """What a name is sorted by where text is kept in 16-bit units."""
    return name.decode(errors="surrogateescape").encode("utf-16-be", "surrogatepass")


def _object(document: Document, element: Element, dialect: Dialect) -> ObjectInfo:
    told = element.find(document.tag("Properties"))
    size = "" if told is None else document.text("Content-Length", told)
    modified = 0 if told is None else http_date_ms(document.text("Last-Modified", told))
    if told is None or not (size.isascii() and size.isdigit()) or not modified:
        raise BrokenXml("an entry without size or date")
    word, state = document.text("AccessTier", told), Availability.READABLE
    if word in dialect.archived_classes:
        state = dialect.availability(word, archive_status=document.text("ArchiveStatus", told))
    etag = plain_etag(document.text("Etag", told))
    return ObjectInfo(name_of(document, element), int(size), modified, etag, word, state)


def _check_names(objects: Sequence[Entry], folders: Sequence[Entry], wanted: Wanted) -> None:
    prefix, end = wanted.prefix, wanted.delimiter.encode()
    for entries in (objects, folders):
        names = [entry.name for entry in entries]
        if not _increasing(names) and not _increasing([utf16(name) for name in names]):
            raise BrokenXml("the page is out of order")
        if not all(name and name.startswith(prefix) for name in names):
            raise BrokenXml("the page holds a name outside the prefix")
    for entry in folders:
        below = entry.name[len(prefix) :]
        if not end or below.find(end) != len(below) - len(end):
            raise BrokenXml("the page holds a folder that was not asked for")


def _increasing(names: Sequence[bytes]) -> bool:
    return all(earlier <= later for earlier, later in pairwise(names))


def _joined(objects: list[Entry], folders: list[Entry]) -> tuple[Entry, ...]:
    found = sorted([*objects, *folders], key=attrgetter("name"))
    for earlier, later in pairwise(found):
        if earlier.name == later.name and earlier != later:
            raise BrokenXml("the page holds a name twice")
    return tuple(one for index, one in enumerate(found) if not index or found[index - 1].name != one.name)
