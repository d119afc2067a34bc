"""Pages of keys: ListObjects V1 and V2, each parsed strictly and checked for order and progress (P-14, P-15)."""

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from operator import lt
from typing import NamedTuple, Protocol
from xml.etree.ElementTree import Element

from connectors.objects import Availability, ObjectInfo, ObjectPage
from connectors.s3.channel import Ask, Channel
from connectors.s3.dates import iso_ms
from connectors.s3.dialects import Dialect
from connectors.s3.errors import broken
from connectors.s3.xml import BrokenXml, Document, decode_key, decode_keys
from connectors.wire import WireAnswer
from engine.failures import Operation
from engine.values import value

# Empty or repeated pages that one call follows before it calls the listing broken.
_MOST_HOPS = 50
# An entry as most stores write it, with nothing in it that XML would read in another way.
_PLAIN = rb"[^<>&\x00-\x1f]*+"
_QUOTE = rb"(?:&quot;|\")?"
# No possessive groups: up to Python 3.11.4 one that fails leaves its place advanced (CPython gh-106052).
_MORE = (
    rb"(?:<Owner>(?:<ID>%b</ID>)?(?:<DisplayName>%b</DisplayName>)?</Owner>|<Type>[0-9A-Za-z_]*+</Type>)?"
    % (_PLAIN, _PLAIN)
)
_ENTRY = re.compile(
    rb"<Contents><Key>(%b)</Key><LastModified>([0-9TZ:.-]*+)</LastModified>"
    rb"<ETag>%b([0-9A-Za-z-]*+)%b</ETag><Size>([0-9]++)</Size>"
    rb"%b<StorageClass>([0-9A-Z_]*+)</StorageClass>%b</Contents>" % (_PLAIN, _QUOTE, _QUOTE, _MORE, _MORE)
)
_MARK = b"<Contents/>"
# What many stores write instead of a character that XML cannot hold.
_LOST = "\ufffd"
# And two that no document may hold.
_NOT_PLAIN = (_LOST, "\ufffe", "\uffff")


class Plain(NamedTuple):
    """Entries as they are written, column by column."""

    keys: list[bytes]
    modified: list[bytes]
    etags: list[bytes]
    sizes: list[bytes]
    classes: list[bytes]


@value(frozen=True, slots=True)
class RawPage:
    """One page as the store wrote it. `marker` is the way on in V1, `token` in V2, "" where it names none."""

    objects: tuple[ObjectInfo, ...]
    truncated: bool
    marker: bytes = b""
    token: str = ""
    folders: tuple[bytes, ...] = ()

    def last(self) -> bytes:
        """The greatest name of the page, b"" when it is empty."""
        last_key = self.objects[-1].key if self.objects else b""
        return max(last_key, self.folders[-1]) if self.folders else last_key


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a page is asked for; with a `delimiter`, one level only."""

    prefix: bytes
    after: bytes
    limit: int
    delimiter: str = ""


class PageForm(Protocol):
    """How a vendor is asked for a page and writes it."""

    def ask(self, dialect: Dialect, wanted: Wanted, after: bytes, token: str) -> Ask:
        """The request for what follows `after`, or `token` where the store gave one."""
        ...

    def parse(self, body: bytes, dialect: Dialect) -> RawPage:
        """The page. Raises ValueError when it is not one whole, complete document."""
        ...


class XmlPages:
    """ListObjects V1 and V2, as the dialect says."""

    def ask(self, dialect: Dialect, wanted: Wanted, after: bytes, token: str) -> Ask:
        """See `PageForm`."""
        return _ask(dialect, wanted, after, token)

    def parse(self, body: bytes, dialect: Dialect) -> RawPage:
        """See `PageForm`."""
        return parse_page(body, dialect)


XML_PAGES = XmlPages()


async def list_page(
    channel: Channel, prefix: bytes, after: bytes, limit: int, form: PageForm = XML_PAGES
) -> ObjectPage:
    """See `Lister.list_page`."""
    page = await fetch(channel, Wanted(prefix, after, limit), form)
    return ObjectPage(page.objects, page.objects[-1].key if page.truncated else None)


async def fetch(channel: Channel, wanted: Wanted, form: PageForm = XML_PAGES) -> RawPage:
    """The next page that brings something new, without what lies at or below `after`; empty only at the end.

    Pages that bring nothing new are followed by the store's own token or marker.
    """
    token, cursor, after, seen = "", wanted.after, wanted.after, set[str]()
    for _ in range(_MOST_HOPS):
        answer = await channel.call(form.ask(channel.dialect, wanted, cursor, token))
        page = _checked(answer, channel.dialect, wanted, form)
        fresh = _fresh(page, after)
        if fresh.last() or not page.truncated:
            return fresh
        if page.token:
            if page.token in seen:
                raise broken(Operation.LIST, answer, "the listing repeats its token")
            seen.add(page.token)
            token = page.token
        elif page.marker > cursor:
            cursor = page.marker
        else:
            raise broken(Operation.LIST, answer, "a truncated page shows no way on")
    raise broken(Operation.LIST, answer, "the listing does not advance")


def _fresh(page: RawPage, after: bytes) -> RawPage:
    return replace(
        page,
        objects=tuple(info for info in page.objects if info.key > after),
        folders=tuple(folder for folder in page.folders if folder > after),
    )


def _ask(dialect: Dialect, wanted: Wanted, after: bytes, token: str) -> Ask:
    query: list[tuple[str, str | bytes | None]] = []
    if dialect.encode_listing:
        query.append(("encoding-type", "url"))
    if wanted.prefix:
        query.append(("prefix", wanted.prefix))
    if wanted.delimiter:
        query.append(("delimiter", wanted.delimiter))
    query.append(("max-keys", str(min(wanted.limit, 1000))))
    if dialect.list_version == 2:
        query.append(("list-type", "2"))
        if token:
            query.append(("continuation-token", token))
        if after:
            query.append(("start-after", after))
    elif after:
        query.append(("marker", after))
    return Ask(Operation.LIST, "GET", query=tuple(sorted(query)), headers=dialect.list_headers)


def _checked(answer: WireAnswer, dialect: Dialect, wanted: Wanted, form: PageForm) -> RawPage:
    try:
        page = form.parse(answer.document, dialect)
        check_folders(page.folders, wanted)
        return replace(page, objects=_in_order(page.objects, wanted.prefix))
    except (ValueError, TypeError) as error:
        raise broken(Operation.LIST, answer, str(error)[:200]) from error


def _in_order(objects: tuple[ObjectInfo, ...], prefix: bytes) -> tuple[ObjectInfo, ...]:
    """The page without exact repeats. Raises BrokenXml when a key is too small, too often or not under `prefix`."""
    keys = [info.key for info in objects]
    # What lies between two keys of the prefix has it too.
    if not keys or (all(map(lt, keys, keys[1:])) and keys[0] and _under(prefix, keys[0], keys[-1])):
        return objects
    last: ObjectInfo | None = None
    repeats = set[int]()
    for index, info in enumerate(objects):
        if last is not None and info.key <= last.key:
            if info != last:
                raise BrokenXml("the page is out of order")
            repeats.add(index)
        if not info.key or not info.key.startswith(prefix):
            raise BrokenXml("the page holds a key outside the prefix")
        last = info
    if not repeats:
        return objects
    return tuple(info for index, info in enumerate(objects) if index not in repeats)


def _under(prefix: bytes, *keys: bytes) -> bool:
    return all(key.startswith(prefix) for key in keys)


def check_folders(folders: tuple[bytes, ...], wanted: Wanted) -> None:
    """Raises BrokenXml when a folder is out of order, comes twice or is none of the level that was asked for."""
    if any(later <= earlier for earlier, later in pairwise(folders)):
        raise BrokenXml("the folders are out of order")
    end = wanted.delimiter.encode()
    for folder in folders:
        name = folder.removeprefix(wanted.prefix)
        if not end or not folder.startswith(wanted.prefix) or name.find(end) != len(name) - len(end):
            raise BrokenXml("the page holds a folder that was not asked for")


def parse_page(body: bytes, dialect: Dialect) -> RawPage:
    """A ListBucketResult of either version. Raises ValueError when it is not one whole, complete document."""
    document, plain = _opened(body, dialect)
    truncated = {"true": True, "false": False}.get(document.text("IsTruncated").strip().lower())
    if truncated is None:
        raise BrokenXml("the page does not say whether it is truncated")
    objects = _plain_objects(plain, document, dialect) if plain else _objects(document, dialect)
    if not (plain or document.url_encoded) and any(_LOST.encode() in info.key for info in objects):
        # Whatever the key is, it stands elsewhere in the order, and a listing that goes on after it would miss keys.
        raise BrokenXml("a key holds a character that the store cannot write into its listing")
    return RawPage(
        objects=objects,
        truncated=truncated,
        marker=document.key(document.text("NextMarker")),
        token=document.text("NextContinuationToken"),
        folders=tuple(
            document.key(document.text("Prefix", element)) for element in document.all("CommonPrefixes")
        ),
    )


def _opened(body: bytes, dialect: Dialect) -> tuple[Document, Plain | None]:
    """The page, and its entries where all are plain: these are not in the document, which would take twice as long."""
    first, end = body.find(b"<Contents>"), body.rfind(b"</Contents>") + len(b"</Contents>")
    plain = _plain(body[first:end]) if 0 <= first < end else None
    if plain is not None:
        rest = Document(
            body[:first] + _MARK + body[end:], "ListBucketResult", plus_is_blank=dialect.plus_is_blank
        )
        # The mark is where entries belong, and not in a comment or below something else.
        if len(list(rest.all("Contents"))) == 1:
            return rest, plain
    return Document(body, "ListBucketResult", plus_is_blank=dialect.plus_is_blank), None


def _plain(text: bytes) -> Plain | None:
    """The columns of `text`; None when there is anything in it but plain entries."""
    try:
        characters = text.decode()
    except UnicodeDecodeError:
        return None
    if any(one in characters for one in _NOT_PLAIN):
        return None
    # What lies between the entries, and their fields, in turn.
    fields = _ENTRY.split(text)
    between, *columns = (fields[place::6] for place in range(6))
    return None if any(between) else Plain(*columns)


def _plain_objects(plain: Plain, document: Document, dialect: Dialect) -> tuple[ObjectInfo, ...]:
    """Column by column, which takes half as long as entry by entry."""
    keys = decode_keys(plain.keys, url_encoded=document.url_encoded, plus_is_blank=document.plus_is_blank)
    modified, etags, words = (
        b"\n".join(column).decode().split("\n") for column in (plain.modified, plain.etags, plain.classes)
    )
    states = map(_States(dialect).__getitem__, words)
    return tuple(map(ObjectInfo, keys, map(int, plain.sizes), map(iso_ms, modified), etags, words, states))


def _objects(document: Document, dialect: Dialect) -> tuple[ObjectInfo, ...]:
    key_tag, size_tag = document.tag("Key"), document.tag("Size")
    modified_tag, etag_tag = document.tag("LastModified"), document.tag("ETag")
    class_tag, restore_tag = document.tag("StorageClass"), document.tag("RestoreStatus")
    restore_text_tag, plus_is_blank = document.tag("RestoreInfo"), document.plus_is_blank
    states = _States(dialect)
    readable, encoded = Availability.READABLE, document.url_encoded
    objects = []
    # This loop sets the speed of every listing, so it makes no calls that it can spare.
    for element in document.all("Contents"):
        fields = {child.tag: child.text for child in element}
        try:
            key, size, modified = fields[key_tag] or "", fields[size_tag] or "", fields[modified_tag] or ""
        except KeyError as error:
            raise BrokenXml("an entry without key, size or date") from error
        word = fields.get(class_tag) or ""
        state = states[word]
        if state is not readable and restore_tag in fields:
            state = _restoring(document, element, state)
        elif state is not readable and restore_text_tag in fields:
            state = dialect.availability(word, fields[restore_text_tag] or "")
        etag = (fields.get(etag_tag) or "").removeprefix("W/").strip('"')
        key_bytes = decode_key(key, url_encoded=encoded, plus_is_blank=plus_is_blank)
        objects.append(ObjectInfo(key_bytes, _size(size), iso_ms(modified), etag, word, state))
    return tuple(objects)


class _States(dict[str, Availability]):
    """The availability of each storage class, asked of the dialect once."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__()
        self._dialect = dialect

    def __missing__(self, word: str) -> Availability:
        state = self[word] = self._dialect.availability(word)
        return state


def _size(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise BrokenXml("an entry whose size is no number")
    return int(text)


def _restoring(document: Document, element: Element, state: Availability) -> Availability:
    status = element.find(document.tag("RestoreStatus"))
    if status is None:
        return state
    if document.text("IsRestoreInProgress", status) == "true":
        return Availability.RESTORING
    return Availability.READABLE if document.text("RestoreExpiryDate", status) else state
