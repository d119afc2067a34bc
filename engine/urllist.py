"""Lines of URL lists: `URL TAB key` (oms-behaviour 1.2)."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from engine.listfile import Line, decoded

FORMAT_ERROR: Final = "URL_LIST_FORMAT_ERROR"
KEY_TOO_LONG: Final = "URL_LIST_OBJECT_KEY_TOO_LONG"
MAX_KEY_CHARS: Final = 1024

_PRINTABLE: Final = re.compile(rb"[\x21-\x7e]+")


class UrlLineRefused(ValueError):
    """A line that names nothing to copy. `code` is the word of the failed list, `reason` what is wrong."""

    def __init__(self, code: str, line: int, reason: str) -> None:
        super().__init__(f"{code}: line {line}: {reason}")
        self.code = code
        self.line = line
        self.reason = reason


@dataclass(frozen=True, slots=True)
class UrlLine:
    """What to fetch, still encoded, and the key to store it under, without save_prefix."""

    number: int
    url: str
    key: bytes


def parse_url_line(line: Line) -> UrlLine:
    """The halves of a line; a key is never made up from the URL. Raises UrlLineRefused."""
    halves = line.raw.split(b"\t")
    if len(halves) != 2:
        raise _malformed(line, "the line must be a URL, one tab and a key")
    url, key = halves[0], decoded(halves[1])
    _check_url(line, url)
    if not key:
        raise _malformed(line, "the key is missing")
    try:
        characters = len(key.decode())
    except UnicodeDecodeError as error:
        raise _malformed(line, "the key is not UTF-8") from error
    if characters > MAX_KEY_CHARS:
        raise UrlLineRefused(KEY_TOO_LONG, line.number, f"the key is longer than {MAX_KEY_CHARS} characters")
    return UrlLine(line.number, url.decode(), key)


def _check_url(line: Line, url: bytes) -> None:
    if not _PRINTABLE.fullmatch(url):
        raise _malformed(line, "the URL must be encoded, without blanks")
    try:
        parts = urlsplit(url.decode())
        whole = _whole(parts)
    except ValueError as error:
        raise _malformed(line, "the URL has a broken host or port") from error
    if not whole:
        raise _malformed(line, "the URL must be http://HOST/... or https://HOST/... without a user name")


def _whole(parts: SplitResult) -> bool:
    # Asking for the port raises ValueError when it is no number.
    usable = parts.port is None or parts.port > 0
    return usable and parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc


def _malformed(line: Line, reason: str) -> UrlLineRefused:
    return UrlLineRefused(FORMAT_ERROR, line.number, reason)
