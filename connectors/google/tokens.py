"""Access tokens of a service account: a signed assertion goes to its token URL, the token is kept until shortly before
it ends (RFC 7523).
"""

import asyncio
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from connectors.endpoints import ANY, Endpoints
from connectors.errors import Fatal, StoreError, Throttled, Transient, Unavailable
from connectors.google.accounts import KeyFileError, ServiceAccount
from connectors.s3.dates import http_date_ms
from connectors.s3.errors import unanswered
from connectors.s3.json_answers import Answer, BrokenJson
from connectors.wire import Limits, Target, Wire, WireAnswer, WireFailure, WireRequest
from engine.failures import Meaning, Operation

# Whom the assertion is for, wherever it is sent: the vendor's library writes the same.
AUDIENCE: Final = "https://oauth2.googleapis.com/token"
_OWN: Final = frozenset(
    {
        AUDIENCE,
        "https://accounts.google.com/o/oauth2/token",
        "https://www.googleapis.com/oauth2/v4/token",
    }
)
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFETIME_S: Final = 3600
_MARGIN_S: Final = 300.0
_LIMITS: Final = Limits(body_max=64 << 10)


@dataclass(frozen=True, slots=True)
class TokenUrl:
    """Where tokens are to be had."""

    target: Target
    path: str


def token_url(url: str, endpoints: Endpoints) -> TokenUrl:
    """The place that a key file names. Raises KeyFileError unless it is Google's own or the operator named its host.

    The file comes from whoever creates a task: an address in it must not lead this service anywhere else
    (reliability.md 5.1).
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if url in _OWN:
        return TokenUrl(Target("https", host, 443), parts.path)
    for line in endpoints.lines:
        same_place = (line.scheme, line.host, line.port) == (parts.scheme, host, port)
        if same_place and line.cloud_type in (ANY, "Google") and not (parts.query or parts.fragment):
            return TokenUrl(line.target, parts.path or "/")
    raise KeyFileError("token_uri is neither Google's nor on a host that the endpoints file names for Google")


def assertion(account: ServiceAccount, scope: str, now: int) -> str:
    """The signed claim by which an account asks for a token; `now` in seconds."""
    header = {"typ": "JWT", "alg": "RS256", "kid": account.key_id}
    claims = {
        "iat": now,
        "exp": now + _LIFETIME_S,
        "iss": account.email,
        "aud": AUDIENCE,
        "scope": scope,
    }
    signed = f"{_encoded(json.dumps(header).encode())}.{_encoded(json.dumps(claims).encode())}"
    return f"{signed}.{_encoded(account.key.sign(signed.encode(), PKCS1v15(), SHA256()))}"


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    renewed_at: float
    ends_at: float


class Tokens:
    """Tokens of one account for one scope; many may ask at once, one request is sent."""

    def __init__(
        self,
        wire: Wire,
        account: ServiceAccount,
        place: TokenUrl,
        scope: str,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wire = wire
        self._account = account
        self._place = place
        self._scope = scope
        self._clock = clock
        self._monotonic = monotonic
        self._offset = 0.0
        self._token: _Token | None = None
        self._renewing = asyncio.Lock()

    async def token(self, operation: Operation) -> str:
        """A token that holds for some minutes more. Raises StoreError with the operation that needs it."""
        if self._token is None or self._monotonic() >= self._token.renewed_at:
            async with self._renewing:
                if self._token is None or self._monotonic() >= self._token.renewed_at:
                    await self._renew(operation)
        assert self._token is not None
        return self._token.text

    def drop(self, token: str) -> None:
        """Forget a token that the store does not take."""
        if self._token is not None and self._token.text == token:
            self._token = None

    async def _renew(self, operation: Operation) -> None:
        try:
            self._token = await self._fetched(operation)
        except Transient:
            # What still holds is good enough while the token URL is away.
            if self._token is None or self._monotonic() >= self._token.ends_at:
                raise

    async def _fetched(self, operation: Operation) -> _Token:
        began = self._monotonic()
        answer = await self._ask(operation)
        if answer.status == 400 and self._learns_clock(answer):
            began = self._monotonic()
            answer = await self._ask(operation)
        if answer.status != 200:
            raise _refusal(operation, answer)
        try:
            fields = Answer.parse(answer.document)
            text, seconds = fields.text("access_token"), fields.number("expires_in")
        except BrokenJson as error:
            raise _unusable(operation, answer) from error
        if not text or not text.isascii() or not text.isprintable() or " " in text:
            raise _unusable(operation, answer)
        return _Token(text, began + seconds - min(_MARGIN_S, seconds / 4), began + seconds)

    async def _ask(self, operation: Operation) -> WireAnswer:
        now = int(self._clock() + self._offset)
        form = {"assertion": assertion(self._account, self._scope, now), "grant_type": _GRANT}
        request = WireRequest(
            method="POST",
            target=self._place.target,
            raw_target=self._place.path,
            headers={"content-type": "application/x-www-form-urlencoded"},
            body=urlencode(form).encode(),
            limits=_LIMITS,
            store=self._place.target.authority,
            operation="token",
        )
        try:
            return await self._wire.send(request)
        except WireFailure as failure:
            raise unanswered(operation, failure) from failure

    def _learns_clock(self, answer: WireAnswer) -> bool:
        """True when the claim's times were the trouble and the answer tells a better one."""
        theirs = http_date_ms(answer.header("date"))
        if not theirs or not _about_times(answer):
            return False
        self._offset = theirs / 1000 - self._clock()
        return True


def _told(answer: WireAnswer) -> tuple[str, str]:
    """The code and the words of a refusal."""
    try:
        fields = Answer.parse(answer.document)
        return fields.text("error"), fields.text("error_description")
    except ValueError:
        return "", ""


def _about_times(answer: WireAnswer) -> bool:
    code, words = _told(answer)
    return code == "invalid_grant" and ("iat" in words or "reasonable timeframe" in words)


def _refusal(operation: Operation, answer: WireAnswer) -> StoreError:
    code, words = _told(answer)
    kind: type[StoreError] = Fatal
    meaning = Meaning.CLOCK_SKEW if _about_times(answer) else Meaning.BAD_CREDENTIALS
    if answer.status == 429:
        kind, meaning = Throttled, Meaning.THROTTLED
    elif answer.status >= 500 or answer.status in {200, 408}:
        kind, meaning = Unavailable, Meaning.UNAVAILABLE
    return kind(meaning, operation, status=answer.status, code=code[:64], message=words[:300])


def _unusable(operation: Operation, answer: WireAnswer) -> StoreError:
    return Unavailable(
        Meaning.BROKEN_ANSWER, operation, status=answer.status, message="the answer holds no usable token"
    )
