"""Strict XML answers (reliability.md 5.6): one whole UTF-8 document, no DOCTYPE, the root that was asked for."""

import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes
from xml.etree.ElementTree import Element, ParseError, XMLParser

_ENCODING = re.compile(rb"<\?xml[^>]{0,100}encoding\s*=\s*[\"']([A-Za-z0-9_.-]+)")


class BrokenXml(ValueError):
    """The answer is not the document it must be."""


class Document:
    """A parsed answer whose elements are asked for by their plain names; all share the root's namespace."""

    def __init__(self, body: bytes, *roots: str, plus_is_blank: bool = True) -> None:
        self._root = _parsed(body)
        self._space, _, name = self._root.tag.rpartition("}")
        if self._space:
            self._space += "}"
        if name not in roots:
            raise BrokenXml(f"the root element is not {roots[0]}")
        self.url_encoded = (self.text("EncodingType") or self.text("Encoding-Type")).lower() == "url"
        self.plus_is_blank = plus_is_blank

    def all(self, name: str) -> Iterator[Element]:
        """Direct children of the root called `name`."""
        return self._root.iterfind(self._space + name)

    def text(self, name: str, within: Element | None = None) -> str:
        """The text of a direct child of the root or of `within`, "" when absent."""
        return (self._root if within is None else within).findtext(self._space + name) or ""

    def own_text(self) -> str:
        """The text of the root itself."""
        return (self._root.text or "").strip()

    def tag(self, name: str) -> str:
        """The full tag of an element called `name`."""
        return self._space + name

    def key(self, text: str) -> bytes:
        """A key as the document writes it; decoded exactly once, and only when the document says that it is encoded."""
        return decode_key(text, url_encoded=self.url_encoded, plus_is_blank=self.plus_is_blank)


def decode_key(text: str, *, url_encoded: bool, plus_is_blank: bool = True) -> bytes:
    """The bytes of a key; `+` is a blank in the encoded listings of some vendors (clouds.md A4)."""
    if url_encoded:
        # Most encoded keys hold nothing but encoded slashes, and this spares them the slow decoder.
        text = (text.replace("+", " ") if plus_is_blank else text).replace("%2F", "/")
        if "%" in text:
            return unquote_to_bytes(text)
    return text.encode()


def decode_keys(texts: list[bytes], *, url_encoded: bool, plus_is_blank: bool = True) -> list[bytes]:
    """Many keys at once, none of them with a control character in its text; see `decode_key`."""
    if not url_encoded:
        return texts
    together = b"\n".join(texts)
    together = (together.replace(b"+", b" ") if plus_is_blank else together).replace(b"%2F", b"/")
    keys = together.split(b"\n")
    return [unquote_to_bytes(key) for key in keys] if b"%" in together else keys


def _parsed(body: bytes) -> Element:
    body = body.strip()
    encoding = _ENCODING.match(body)
    if encoding is not None and encoding.group(1).lower() not in {b"utf-8", b"us-ascii"}:
        raise BrokenXml("the document is not UTF-8")
    # Without a DOCTYPE there are no entities to expand; it can stand nowhere else in a document without CDATA.
    if b"<!DOCTYPE" in body or body[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        raise BrokenXml("the document has a DOCTYPE or a foreign encoding")
    parser = XMLParser()  # noqa: S314 -- entity declarations are refused above
    try:
        parser.feed(body)
        root = parser.close()
    except ParseError as error:
        raise BrokenXml(f"not one whole document: {error}") from error
    if not isinstance(root, Element):
        raise BrokenXml("an empty document")
    return root


def escape_text(text: str) -> str:
    """Text as it may stand inside an element."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
