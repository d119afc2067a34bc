"""A list of URLs as a source that can only be read; the key of an object is its URL (oms-behaviour 1.2)."""

from typing import Final

from connectors.capabilities import ReadStream
from connectors.endpoints import Endpoints
from connectors.errors import Changed, Corrupted, Fatal, Rejected
from connectors.objects import ByteRange, Guard, ObjectHead, ObjectPage, ReadAnswer
from connectors.traits import Traits
from connectors.url.answers import (
    etag_of,
    is_strong,
    object_head,
    problem,
    refused,
    told_range,
    told_size,
)
from connectors.url.hops import Hops, UrlAsk
from connectors.url.stream import UrlStream
from connectors.wire import Limits, TooLong, Wire, WireAnswer, WireFailure
from engine.failures import Meaning, Operation
from engine.parts import SINGLE_MAX
from engine.policy import UNKNOWN
from engine.urls import Url, parse_url

_SMALL: Final = 1 << 16
# HEAD is not offered, or an address is signed for GET alone: the first byte of a GET tells the same.
_ASK_OTHERWISE: Final = frozenset({400, 401, 403, 405, 501})


class UrlStore:
    """HEAD and GET of any URL whose host may be dialled."""

    traits = Traits(
        ordered=False,
        start_after=False,
        conditional_put=False,
        conditional_complete=False,
        conditional_read=False,
        md5_enforced=False,
        etag_is_md5=False,
        window_max=128,
    )
    name = "urls/@"

    def __init__(self, wire: Wire, endpoints: Endpoints) -> None:
        self._hops = Hops(wire, endpoints, "URLSource")

    async def check_bucket(self) -> None:
        """There is none: each URL stands for itself."""

    async def list_page(self, prefix: bytes, after: bytes, limit: int = 1000) -> ObjectPage:
        """The list file is the listing: nobody may ask for another."""
        raise Fatal(Meaning.ACCESS_DENIED, Operation.LIST, message="URLs cannot be listed")

    async def head(self, key: bytes) -> ObjectHead:
        """See `Reader.head`; a size that nobody tells is UNKNOWN.

        Costs a GET of one byte besides where HEAD tells no length, or one that is too large to be read at once.
        """
        url = _url(key, Operation.HEAD)
        answer = await self._send(url, UrlAsk(Operation.HEAD, "HEAD", limits=Limits(body_max=_SMALL)))
        size = UNKNOWN
        if answer.status not in _ASK_OTHERWISE:
            _check(answer, Operation.HEAD)
            size = told_size(answer.status, answer.headers)
        if 0 < size <= SINGLE_MAX:
            return object_head(key, size, answer.headers, ranged=False)
        return await self._first_byte(key, url)

    async def read(self, key: bytes, guard: Guard, part: ByteRange | None = None) -> ReadAnswer:
        """See `Reader.read`. Parts need a strong ETag to belong together; a weak one is compared only."""
        wanted = part or ByteRange(0, guard.size)
        whole = wanted.start == 0 and wanted.length == guard.size
        headers = _conditions(guard)
        if not whole:
            headers["range"] = f"bytes={wanted.start}-{wanted.last}"
        limits = Limits(body_max=max(wanted.length, _SMALL))
        ask = UrlAsk(Operation.READ, "GET", headers, limits, expected=wanted.length)
        try:
            answer = await self._send(_url(key, Operation.READ), ask)
        except Corrupted as error:
            if whole and isinstance(error.__cause__, TooLong):
                raise Changed(Meaning.CHANGED, Operation.READ, message=error.message) from error
            raise
        if answer.status == 416 and not guard.size:
            raise _changed(answer, "nothing is there")
        _check(answer, Operation.READ)
        _check_version(answer, guard)
        _check_length(answer, guard, wanted, whole=whole)
        return ReadAnswer(answer.body, object_head(key, guard.size, answer.headers, ranged=not whole))

    async def stream(self, key: bytes, guard: Guard, start: int = 0) -> ReadStream:
        """See `Streamer.stream`. Goes on at `start` only under the strong ETag of `guard` (If-Range)."""
        headers: dict[str, str] = {}
        if start and is_strong(guard.etag):
            headers = {"range": f"bytes={start}-", "if-range": f'"{guard.etag}"'}
        elif not start:
            headers = _conditions(guard)
        try:
            opened = await self._hops.open(_url(key, Operation.READ), UrlAsk(Operation.READ, "GET", headers))
        except WireFailure as failure:
            raise refused(failure, Operation.READ) from failure
        return UrlStream.checked(opened, key, guard, start)

    async def _first_byte(self, key: bytes, url: Url) -> ObjectHead:
        """What a ranged GET tells: 206 means that ranges are answered, and for large objects they are needed."""
        ask = UrlAsk(Operation.HEAD, "GET", {"range": "bytes=0-0"})
        try:
            stream = await self._hops.open(url, ask)
        except WireFailure as failure:
            raise refused(failure, Operation.HEAD) from failure
        stream.close()
        head = stream.head
        # Of an empty object there is no first byte.
        empty = head.status == 416 and told_size(416, head.headers) == 0
        failed = None if empty else problem(head.status, head.headers, Operation.HEAD)
        if failed is not None:
            raise failed
        ranged = head.status == 206 and is_strong(etag_of(head.headers))
        return object_head(key, told_size(head.status, head.headers), head.headers, ranged=ranged)

    async def _send(self, url: Url, ask: UrlAsk) -> WireAnswer:
        try:
            return await self._hops.send(url, ask)
        except WireFailure as failure:
            raise refused(failure, ask.operation) from failure


def _url(key: bytes, operation: Operation) -> Url:
    try:
        return parse_url(key.decode("ascii"))
    except ValueError as error:
        raise Rejected(Meaning.FORBIDDEN_HOST, operation, message=str(error)) from error


def _conditions(guard: Guard) -> dict[str, str]:
    # A weak ETag never matches an If-Match (RFC 9110 13.1.1).
    return {"if-match": f'"{guard.etag}"'} if is_strong(guard.etag) else {}


def _check(answer: WireAnswer, operation: Operation) -> None:
    failed = problem(answer.status, answer.headers, operation)
    if failed is not None:
        raise failed


def _check_version(answer: WireAnswer, guard: Guard) -> None:
    if guard.etag and etag_of(answer.headers) != guard.etag:
        raise _changed(answer, "the answer has another ETag")


def _check_length(answer: WireAnswer, guard: Guard, wanted: ByteRange, *, whole: bool) -> None:
    told = told_range(answer.headers)
    if answer.status == 206 or (told is not None and not whole):
        if told is None:
            raise _broken(answer, "a 206 without a Content-Range")
        if told[2] != guard.size:
            raise _changed(answer, "the object has another size")
        if told[:2] != (wanted.start, wanted.last):
            raise _broken(answer, "another range than asked came")
    elif not whole:
        raise _broken(answer, "the range was ignored")
    elif len(answer.body) != wanted.length:
        raise _changed(answer, "the object has another size")
    if len(answer.body) != wanted.length:
        raise Corrupted(Meaning.CUT_SHORT, Operation.READ, status=answer.status, message="too few bytes came")


def _changed(answer: WireAnswer, message: str) -> Changed:
    return Changed(Meaning.CHANGED, Operation.READ, status=answer.status, message=message)


def _broken(answer: WireAnswer, message: str) -> Corrupted:
    return Corrupted(Meaning.BROKEN_ANSWER, Operation.READ, status=answer.status, message=message)
