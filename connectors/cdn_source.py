"""A bucket whose bytes come through its CDN; listing and facts are the bucket's (oms-behaviour 10)."""

import secrets
import time
from collections.abc import Callable
from typing import Final

from connectors.capabilities import SourceStore
from connectors.cdn import cdn_target
from connectors.endpoints import Endpoints
from connectors.errors import Changed, Corrupted, Denied, Fatal, Rejected, StoreError
from connectors.objects import ByteRange, Guard, ObjectHead, ObjectPage, ReadAnswer
from connectors.traits import Traits
from connectors.url.answers import etag_of, modified_ms, problem, refused, told_range
from connectors.url.hops import Hops, UrlAsk
from connectors.wire import Limits, TooLong, Wire, WireAnswer, WireFailure
from engine.cdn import CdnAccess, CdnForm, CdnGet, forms, signed_target
from engine.failures import Meaning, Operation
from engine.policy import UNKNOWN
from engine.urls import Url

_SMALL: Final = 1 << 16
_FORBIDDEN: Final = frozenset({Meaning.FORBIDDEN_ADDRESS, Meaning.FORBIDDEN_HOST})


class CdnSource:
    """A `SourceStore`. Each read is signed for itself, and costs a HEAD of the bucket: what it says must hold."""

    def __init__(
        self,
        bucket: SourceStore,
        access: CdnAccess,
        wire: Wire,
        endpoints: Endpoints,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._bucket = bucket
        self._access = access
        scheme, _, domain = access.origin.partition("://")
        self._target = cdn_target(endpoints, scheme, domain)
        self._hops = Hops(wire, endpoints, "CDN")
        self._clock = clock
        self._form = CdnForm()

    @property
    def traits(self) -> Traits:
        """The bucket's."""
        return self._bucket.traits

    @property
    def name(self) -> str:
        """The bucket's, so that it is still known as the same bucket."""
        return self._bucket.name

    async def check_bucket(self) -> None:
        """See `BucketChecker`; Fatal also for a CDN that is never asked."""
        await self._bucket.check_bucket()
        try:
            self._hops.target(self._url("/"), Operation.CHECK_BUCKET)
        except Rejected as error:
            raise _fatal(error) from error

    async def list_page(self, prefix: bytes, after: bytes, limit: int = 1000) -> ObjectPage:
        """The bucket's listing."""
        return await self._bucket.list_page(prefix, after, limit)

    async def head(self, key: bytes) -> ObjectHead:
        """The bucket's object."""
        return await self._bucket.head(key)

    async def read(self, key: bytes, guard: Guard, part: ByteRange | None = None) -> ReadAnswer:
        """The CDN's bytes under the bucket's description.

        Rejected CDN_DIFFERS when the CDN has another size or time than the bucket, Denied CDN_DENIED when it takes
        no reading of the signature; Changed when the bucket's object is another one than was listed.
        """
        head = await self._bucket.head(key)
        if (guard.etag and head.info.etag != guard.etag) or head.info.size != guard.size:
            raise Changed(Meaning.CHANGED, Operation.READ, message="the bucket has another version")
        wanted = part or ByteRange(0, guard.size)
        whole = wanted.start == 0 and wanted.length == guard.size
        answer = await self._answer(key, guard.size, _ask(wanted, whole=whole))
        _compare(answer, head, wanted, whole=whole)
        return ReadAnswer(answer.body, head)

    async def _answer(self, key: bytes, size: int, ask: UrlAsk) -> WireAnswer:
        """By the reading of the signing rules that was taken last, else by the others."""
        for form in sorted(forms(self._access.kind, key), key=lambda one: one != self._form):
            answer = await self._send(key, size, form, ask)
            if answer.status not in (401, 403):
                self._form = form
                return _usable(answer)
        raise Denied(Meaning.CDN_DENIED, Operation.READ, status=answer.status, message="the CDN refused")

    async def _send(self, key: bytes, size: int, form: CdnForm, ask: UrlAsk) -> WireAnswer:
        get = CdnGet(key, size, int(self._clock()), secrets.token_hex(8))
        try:
            return await self._hops.send(self._url(signed_target(self._access, get, form)), ask)
        except TooLong as failure:
            raise Rejected(Meaning.CDN_DIFFERS, Operation.READ, message=str(failure)) from failure
        except WireFailure as failure:
            error = refused(failure, Operation.READ)
            raise _fatal(error) if error.meaning in _FORBIDDEN else error from failure

    def _url(self, target: str) -> Url:
        return Url(self._target.scheme, self._target.host, self._target.port, target)


def _ask(wanted: ByteRange, *, whole: bool) -> UrlAsk:
    headers = {} if whole else {"range": f"bytes={wanted.start}-{wanted.last}"}
    limits = Limits(body_max=max(wanted.length, _SMALL))
    return UrlAsk(Operation.READ, "GET", headers, limits, expected=wanted.length)


def _usable(answer: WireAnswer) -> WireAnswer:
    """What the bucket has and the CDN has not is a difference."""
    if answer.status in (404, 410, 412, 416):
        raise _differs(answer, f"the CDN answers {answer.status}")
    failed = problem(answer.status, answer.headers, Operation.READ)
    if failed is not None:
        raise failed
    return answer


def _compare(answer: WireAnswer, head: ObjectHead, wanted: ByteRange, *, whole: bool) -> None:
    told, size = told_range(answer.headers), head.info.size
    if answer.status == 206 or not whole:
        if told is None:
            raise Corrupted(
                Meaning.BROKEN_ANSWER, Operation.READ, status=answer.status, message="no range came"
            )
        if told[2] != size:
            raise _differs(answer, f"{told[2]} bytes instead of {size}")
        if told[:2] != (wanted.start, wanted.last):
            raise Corrupted(Meaning.BROKEN_ANSWER, Operation.READ, message="another range than asked came")
    if len(answer.body) != wanted.length:
        raise _differs(answer, f"{len(answer.body)} bytes instead of {wanted.length}")
    seen, same = modified_ms(answer.headers), etag_of(answer.headers) == head.info.etag
    if seen != UNKNOWN and seen // 1000 != head.info.modified_ms // 1000:
        raise _differs(answer, "another time")
    if not whole and seen == UNKNOWN and not same:
        # Nothing else tells that all parts are of one version.
        raise _differs(answer, "a part without a time or the bucket's ETag")


def _differs(answer: WireAnswer, message: str) -> Rejected:
    return Rejected(Meaning.CDN_DIFFERS, Operation.READ, status=answer.status, message=message)


def _fatal(error: StoreError) -> Fatal:
    return Fatal(error.meaning, Operation.CHECK_BUCKET, message=error.message)
