"""Looks at objects through a CDN: one byte of each, by an address that is signed for this one request."""

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from connectors.endpoints import Endpoints
from connectors.wire import Limits, Target, Wire, WireAnswer, WireFailure, WireRequest
from engine.cdn import CdnAccess, CdnForm, CdnGet, forms, signed_target
from engine.failures import Meaning, Operation

_LIMITS = Limits(idle=15.0, grace=15.0, body_max=1 << 20)
_ONE_BYTE = {"range": "bytes=0-0"}
_DOMAIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9.-]{0,252}|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?")


def cdn_target(endpoints: Endpoints, scheme: str, domain: str) -> Target:
    """Where a CDN's domain, perhaps with a port, is asked. Raises ValueError for what is none."""
    found = _DOMAIN.fullmatch(domain)
    port = int(found[2]) if found and found[2] else (443 if scheme == "https" else 80)
    if found is None or not 0 < port < 65_536:
        raise ValueError("a host name, perhaps with a port")
    return endpoints.target_at("CDN", scheme, found[1].strip("[]").lower(), port)


@dataclass(frozen=True, slots=True)
class CdnSight:
    """What the CDN said about one object. `status` 0: no usable answer came. `size` None: it did not tell."""

    status: int = 0
    etag: str = ""
    size: int | None = None
    headers: frozenset[str] = frozenset()

    @property
    def found(self) -> bool:
        """True when the CDN gave the object."""
        return self.status in (200, 206)


class CdnProbe:
    """One CDN; remembers which reading of the signing rules it takes."""

    def __init__(
        self, wire: Wire, target: Target, access: CdnAccess, clock: Callable[[], float] = time.time
    ) -> None:
        self._wire = wire
        self._target = target
        self._access = access
        self._clock = clock
        self._form = CdnForm()

    async def look(self, key: bytes, size: int) -> CdnSight:
        """The CDN's object; `size` is the bucket's. Raises WireFailure for an address that may not be dialled."""
        candidates = forms(self._access.kind, key)
        preferred = sorted(candidates, key=lambda form: form != self._form)
        sight = CdnSight()
        for form in preferred:
            sight = await self._ask("GET", key, size, form)
            if sight.status != 403:
                self._form = form if sight.status else self._form
                break
        return sight

    async def _ask(self, method: str, key: bytes, size: int, form: CdnForm) -> CdnSight:
        get = CdnGet(key, size, int(self._clock()), secrets.token_hex(8), method)
        request = WireRequest(
            method=method,
            target=self._target,
            raw_target=signed_target(self._access, get, form),
            headers=_ONE_BYTE if size and method == "GET" else {},
            limits=_LIMITS,
            store=self._target.authority,
            operation=Operation.HEAD,
        )
        try:
            return _sight(await self._wire.send(request))
        except WireFailure as failure:
            if failure.meaning is Meaning.FORBIDDEN_ADDRESS:
                raise
            if failure.meaning is Meaning.BROKEN_ANSWER and method == "GET":
                # A CDN that ignores ranges sends more than is taken here; its headers are enough.
                return await self._ask("HEAD", key, size, form)
            return CdnSight()


def _sight(answer: WireAnswer) -> CdnSight:
    seen = CdnSight(
        status=answer.status,
        etag=answer.header("etag").strip().removeprefix("W/").strip('"'),
        headers=frozenset(answer.headers),
    )
    told = answer.header("content-range").rpartition("/")[2] or answer.header("content-length")
    return replace(seen, size=int(told)) if told.isascii() and told.isdigit() else seen
