"""One page of a container as the store writes it, parsed strictly; names may be percent-encoded one by one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
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
Order = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Entry:
    """An object, or a folder, which has no `info`."""

    name: bytes
    info: ObjectInfo | None


@dataclass(frozen=True, slots=True)
class Page:
    """Entries sorted by 16-bit units, and in a `tree` directory by directory. `marker` is the way on, "" at the end.

    `tree`: the account has a hierarchical namespace, whose names come that way. Each page is in one of several orders,
    which cannot be told from few names; sorted like this it is safe to hand out by the rules of `Listing` in any.
    """

    entries: tuple[Entry, ...]
    marker: str
    tree: bool = False

    def follows(self, edge: "Edge") -> bool:
        """Whether all of it lies after the page that ended there, in one of its orders; a folder may show on both."""
        if self.entries[0].info is None and self.entries[0] == edge.entry:
            return True
        return any(
            min(order(entry.name) for entry in self.entries) > order(name)
            for order, name in zip(_orders(tree=self.tree), edge.names, strict=False)
        )

    def edge(self) -> "Edge":
        """Where it ends."""
        last = self.entries[-1]
        names = tuple(
            max((entry.name for entry in self.entries), key=order) for order in _orders(tree=self.tree)
        )
        return Edge(last, names)


@dataclass(frozen=True, slots=True)
class Edge:
    """The end of a page: its last entry, and its greatest name in each of its orders."""

    entry: Entry
    names: tuple[bytes, ...]


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
    tree = b"<ResourceType>" in body
    if blobs is None or marker is None:
        raise BrokenXml("the page does not say what it holds, or where it ends")
    tag = document.tag("Blob")
    objects = [Entry((info := _object(document, one, dialect)).key, info) for one in blobs if one.tag == tag]
    folder = document.tag("BlobPrefix")
    folders = [Entry(name_of(document, one), None) for one in blobs if one.tag == folder]
    _check_names(objects, folders, wanted, _orders(tree=tree))
    return Page(_joined(objects, folders, _orders(tree=tree)[-1]), marker.text or "", tree)


def name_of(document: Document, element: Element) -> bytes:
    """The name of an entry; characters that XML cannot hold come percent-encoded (clouds.md B7 row 3)."""
    name = element.find(document.tag("Name"))
    text = "" if name is None else name.text or ""
    encoded = name is not None and name.get("Encoded", "false").lower() == "true"
    return unquote_to_bytes(text) if encoded else text.encode()


def utf16(name: bytes) -> bytes:
    """What a name is sorted by where text is kept in 16-bit units."""
    return name.decode(errors="surrogateescape").encode("utf-16-be", "surrogatepass")


def _directory(name: bytes) -> bytes:
    """What a name is sorted by where all below a directory comes right after it."""
    return name.replace(b"/", b"\0")


def _orders(*, tree: bool) -> tuple[Order, ...]:
    """In which orders a page may be; names of a tree are known to come by directories (clouds.md B7 row 3)."""
    flat: tuple[Order, ...] = (bytes, utf16)
    return (*flat, _directory, lambda name: utf16(_directory(name))) if tree else flat


def _object(document: Document, element: Element, dialect: Dialect) -> ObjectInfo:
    told = element.find(document.tag("Properties"))
    if told is None:
        raise BrokenXml("an entry without properties")
    # One walk over the fields: this sets the speed of every listing.
    space = len(document.tag(""))
    fields = {child.tag[space:]: child.text or "" for child in told}
    size, modified = fields.get("Content-Length", ""), http_date_ms(fields.get("Last-Modified", ""))
    if not (size.isascii() and size.isdigit()) or not modified:
        raise BrokenXml("an entry without size or date")
    word, state = fields.get("AccessTier", ""), Availability.READABLE
    if word in dialect.archived_classes:
        state = dialect.availability(word, archive_status=fields.get("ArchiveStatus", ""))
    etag = plain_etag(fields.get("Etag", ""))
    return ObjectInfo(name_of(document, element), int(size), modified, etag, word, state)


def _check_names(
    objects: Sequence[Entry], folders: Sequence[Entry], wanted: Wanted, orders: Sequence[Order]
) -> None:
    prefix, end = wanted.prefix, wanted.delimiter.encode()
    for entries in (objects, folders):
        names = [entry.name for entry in entries]
        if not any(_increasing([order(name) for name in names]) for order in orders):
            raise BrokenXml("the page is out of order")
        if not all(name and name.startswith(prefix) for name in names):
            raise BrokenXml("the page holds a name outside the prefix")
    for entry in folders:
        below = entry.name[len(prefix) :]
        if not end or below.find(end) != len(below) - len(end):
            raise BrokenXml("the page holds a folder that was not asked for")


def _increasing(names: Sequence[bytes]) -> bool:
    return all(earlier <= later for earlier, later in pairwise(names))


def _joined(objects: list[Entry], folders: list[Entry], order: Order) -> tuple[Entry, ...]:
    found = sorted([*objects, *folders], key=lambda entry: order(entry.name))
    for earlier, later in pairwise(found):
        if earlier.name == later.name and earlier != later:
            raise BrokenXml("the page holds a name twice")
    return tuple(one for index, one in enumerate(found) if not index or found[index - 1].name != one.name)
