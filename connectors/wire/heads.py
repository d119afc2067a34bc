"""The head of an answer: status, headers, and how its body ends. Strict: what is not plain HTTP/1.1 is broken."""

import re
from collections.abc import Mapping
from enum import StrEnum

from connectors.wire.failures import WireFailure
from engine.failures import Meaning
from engine.values import value

_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: [^\r\n]*)?")
# Lines with their ends: a name right before its colon, and no line feed but at the end.
_LINES = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n]*(?:\r(?!\n)[^\r\n]*)*\r\n)*")
_LENGTH = re.compile(r"[0-9]{1,18}")
# What a store spreads over several lines that make one list (RFC 9110 5.3).
_LISTS = frozenset({"x-goog-hash"})


class Framing(StrEnum):
    """What tells the end of a body."""

    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"
    END = "end of the connection"


@value(frozen=True, slots=True)
class Head:
    """Header names in lower case, the first of equal names counts. `length` is of a body that names it."""

    status: int
    headers: Mapping[str, str]
    framing: Framing
    length: int
    keeps: bool


def parse_head(raw: bytes, method: str) -> Head:
    """The head before the empty line. Raises WireFailure BROKEN_ANSWER."""
    first, _, rest = raw.partition(b"\r\n")
    status = _STATUS.fullmatch(first)
    if status is None:
        raise _broken("no status line")
    if rest and _LINES.fullmatch(rest + b"\r\n") is None:
        raise _broken("no header line")
    headers: dict[str, str] = {}
    lengths: set[str] = set()
    for line in rest.decode("utf-8", "surrogateescape").split("\r\n") if rest else ():
        name, _, value = line.partition(":")
        word, text = name.lower(), value.strip(" \t")
        if word in _LISTS and word in headers:
            text = f"{headers[word]},{text}"
            headers[word] = text
        headers.setdefault(word, text)
        if word == "content-length":
            lengths.add(text)
    code = int(status[2])
    framing, length = _framing(code, method, headers, lengths)
    connection = headers.get("connection", "").lower()
    keeps = "close" not in connection and (status[1] == b"1" or "keep-alive" in connection)
    return Head(code, headers, framing, length, keeps and framing is not Framing.END)


def _framing(code: int, method: str, headers: Mapping[str, str], lengths: set[str]) -> tuple[Framing, int]:
    if method == "HEAD" or code < 200 or code in {204, 304}:
        return Framing.NONE, 0
    coding = headers.get("transfer-encoding")
    if coding is not None:
        return (Framing.CHUNKED if coding.lower().endswith("chunked") else Framing.END), 0
    if not lengths:
        return Framing.END, 0
    if len(lengths) > 1 or _LENGTH.fullmatch(text := lengths.pop()) is None:
        raise _broken("no usable Content-Length")
    return Framing.LENGTH, int(text)


def _broken(what: str) -> WireFailure:
    return WireFailure(Meaning.BROKEN_ANSWER, what)
