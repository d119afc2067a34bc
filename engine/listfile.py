"""Object lists that a user wrote: what they must look like, and the keys in them (oms-behaviour 1.1)."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from engine.codes import message

MAX_LINE_CHARS: Final = 65_535
MAX_BYTES: Final = 1024 << 20

_BOM: Final = b"\xef\xbb\xbf"
_MALFORMED: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
# Four bytes a character, a byte order mark, a carriage return: what is longer is too long in any case.
MAX_LINE_BYTES: Final = 4 * MAX_LINE_CHARS + 4


class ListRefused(ValueError):
    """The list cannot be used; `code` is the task's TRF code, `line` the line at fault (0: the file)."""

    def __init__(self, code: str, line: int = 0) -> None:
        self.code = code
        self.line = line
        super().__init__(f"{code}: {message(code)}" + (f" Line {line}." if line else ""))


@dataclass(frozen=True, slots=True)
class Line:
    """A line, its number from 1, as written and percent-decoded: two keys to look for if they differ."""

    number: int
    raw: bytes
    key: bytes


def check_head(
    key: str,
    size: int,
    content_type: str,
    content_encoding: str,
    *,
    strict: bool,
    max_bytes: int = MAX_BYTES,
) -> None:
    """Raises ListRefused: not `.txt` or too large TRF.0014, of the wrong type TRF.0019, empty TRF.0017.

    `strict` off leaves the type alone.
    """
    if not key.endswith(".txt") or size > max_bytes:
        raise ListRefused("TRF.0014")
    if strict and (content_type.strip().lower() != "text/plain" or content_encoding.strip() != ""):
        raise ListRefused("TRF.0019")
    if size == 0:
        raise ListRefused("TRF.0017")


def parse_lines(chunks: Iterable[bytes]) -> Iterator[Line]:
    """The lines that hold something. One byte order mark and one carriage return a line are no part of a key.

    Blanks are part of it, `+` stays `+`, and a line with a malformed `%` is taken as it stands.
    Raises ListRefused TRF.0018 for a line above 65,535 characters.
    """
    for number, written in enumerate(_physical_lines(chunks), start=1):
        line = read_line(number, written)
        if line is not None:
            yield line


def read_line(number: int, written: bytes) -> Line | None:
    """Line `number` of a file without its line feed; None when it holds nothing. Raises as `parse_lines`."""
    raw = written.removeprefix(_BOM) if number == 1 else written
    raw = raw.removesuffix(b"\r")
    if len(raw) > MAX_LINE_CHARS and len(raw.decode(errors="replace")) > MAX_LINE_CHARS:
        raise ListRefused("TRF.0018", number)
    return Line(number, raw, decoded(raw)) if raw else None


def decoded(raw: bytes) -> bytes:
    """The key that a line names: `%XX` decoded, all of it or nothing."""
    if b"%" not in raw or _MALFORMED.search(raw):
        return raw
    return unquote_to_bytes(raw)


def _physical_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    number, rest = 1, b""
    for chunk in chunks:
        lines = (rest + chunk).split(b"\n")
        rest = lines.pop()
        yield from lines
        number += len(lines)
        if len(rest) > MAX_LINE_BYTES:
            raise ListRefused("TRF.0018", number)
    yield rest
