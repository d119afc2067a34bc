"""Lines of URL lists: `URL TAB key` (oms-behaviour 1.2)."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from engine.failures import COMPARE_SIZE
from engine.listfile import Line, decoded
from engine.policy import UNKNOWN
from engine.spec import ConsistencyCheck, OverwriteMode

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


@dataclass(frozen=True, slots=True)
class ReadLine:
    """Any line: the key it is counted under, and what it reads from or why it cannot be done.

    A line that names nothing is counted under itself, and its `url` is "".
    """

    number: int
    key: bytes
    url: str
    code: str = ""
    reason: str = ""


def read_url_line(line: Line) -> ReadLine:
    """What `parse_url_line` makes of a line, also where it refuses it."""
    try:
        found = parse_url_line(line)
    except UrlLineRefused as refused:
        if refused.code == KEY_TOO_LONG:
            url, _, key = line.raw.partition(b"\t")
            return ReadLine(line.number, decoded(key), url.decode(), KEY_TOO_LONG, refused.reason)
        return ReadLine(line.number, line.raw, "", refused.code, refused.reason)
    return ReadLine(found.number, found.key, found.url)


def superseded(mode: OverwriteMode, place: int, count: int) -> bool:
    """Whether line `place` of `count` lines with one key has no effect at all: each is overwritten by the last.

    In the other modes the lines follow one another and each meets what the one before has left (oms-behaviour 1.2).
    """
    return mode is OverwriteMode.FULL_OVERWRITE and place < count - 1


def length_problem(size: int, check: ConsistencyCheck) -> str | None:
    """Why an object cannot be compared after its copy: only `no_check` takes one whose length nobody tells."""
    return COMPARE_SIZE if size == UNKNOWN and check is not ConsistencyCheck.NO_CHECK else None
