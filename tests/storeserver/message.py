"""Requests, answers and errors as values, and the dates that they carry."""

from __future__ import annotations

import calendar
import email.utils
import functools
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from tests.storeserver.flavors import BY_PREFIX, Flavor

if TYPE_CHECKING:
    from tests.storeserver.body import Body, Reader, Sink
    from tests.storeserver.faults import Fault


class S3Error(Exception):
    """A refusal in the vendors' form: HTTP status, code, message and further elements or headers."""

    def __init__(self, status: int, code: str, message: str = "", **extra: str | bytes) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message or code
        self.extra = extra
        self.headers: list[tuple[str, str]] = []


@dataclass(slots=True)
class Request:
    """One request; header values are latin-1 text, so any bytes survive; query values are bytes."""

    method: str
    path: bytes
    raw_query: bytes
    headers: dict[str, str]
    version: bytes = b"HTTP/1.1"
    query: dict[str, bytes] = field(default_factory=dict)
    bucket: str = ""
    key: bytes = b""
    op: str = ""
    virtual: bool = False
    host_region: str = ""
    account: str = ""
    rest: bool = False  # asked of the JSON interface of Google
    prefix: str = "x-amz-"
    vendor: Flavor | None = None
    access_key: str = ""
    sink: Sink | None = None
    body: Body | None = None
    content_sha256: str = ""
    fault: Fault | None = None
    refusal: S3Error | None = None
    started: float = 0.0
    bytes_in: int = 0

    @property
    def flavor(self) -> Flavor:
        """The vendor whose dialect the request speaks."""
        return self.vendor or BY_PREFIX[self.prefix]

    @property
    def obs(self) -> bool:
        """Whether the request speaks the OBS dialect."""
        return self.prefix == "x-obs-"

    def own(self, name: str) -> str | None:
        """The value of a header with the dialect's prefix."""
        return self.headers.get(self.prefix + name)


@dataclass(slots=True)
class Response:
    """One answer. `reader` streams `length` bytes from `start`; else `body` is the whole of it."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    reader: Reader | None = None
    start: int = 0
    length: int = 0
    head_only: bool = False
    close: bool = False

    @property
    def size(self) -> int:
        """Bytes that the Content-Length header names."""
        return self.length if self.reader is not None or self.head_only else len(self.body)


def parse_query(raw: bytes) -> dict[str, bytes]:
    """Names and values of a query; `+` is a blank, as form decoding has it; the first value wins."""
    result: dict[str, bytes] = {}
    for pair in raw.split(b"&"):
        if pair:
            name, _, value = pair.partition(b"=")
            result.setdefault(decode_form(name).decode("latin-1"), decode_form(value))
    return result


def decode_form(value: bytes) -> bytes:
    """Percent-decoding with `+` as blank."""
    return unquote_to_bytes(value.replace(b"+", b" "))


@functools.lru_cache(maxsize=4096)
def http_date(seconds: int) -> str:
    """`Sun, 06 Nov 1994 08:49:37 GMT`."""
    return email.utils.formatdate(seconds, usegmt=True)


def iso_ms(seconds: float) -> str:
    """`2024-01-02T03:04:05.678Z`."""
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{_iso_second(whole)}.{thousandths:03d}Z"


def shown_time(request: Request, seconds: float) -> str:
    """An instant as the request's vendor writes it."""
    return iso_ms(int(seconds) if request.flavor.whole_seconds else seconds)


@functools.lru_cache(maxsize=4096)
def _iso_second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def parse_date(text: str) -> float | None:
    """Seconds since the epoch of an HTTP date or a basic ISO date; None when it is neither."""
    try:
        if len(text) == 16 and text[8] == "T":
            return calendar.timegm(time.strptime(text, "%Y%m%dT%H%M%SZ"))
        return email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError):
        return None
