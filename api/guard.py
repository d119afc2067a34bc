"""Who calls, and may they: authentication by token or signature before a body is looked at (oms-behaviour 7, 4.8)."""

import hmac
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from api.context import Services, services
from api.errors import ApiError
from api.iam import signing
from api.openapi import GUARDED
from api.validation import BodyFault, check_json
from ledger import iam
from ledger.audit import Actor
from ledger.iam import Principal, Project, Role

MAX_TOKEN = 16_384
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_NOBODYS_SECRET = secrets.token_hex(20)


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated user. `project` None: nothing narrower than the account was asked for or proved.

    `signed`: by access key, which reaches every project of the account.
    """

    principal: Principal
    project: Project | None
    signed: bool


class OpenRoute(APIRoute):
    """A route that checks the form of its body, not who sends it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Adds the checks before FastAPI's own handling."""
        inner = super().get_route_handler()
        wants_body = self.body_field is not None

        async def handle(request: Request) -> Response:
            request.state.route_path = self.path
            await self.admit(request)
            if wants_body:
                await _check_body(request)
            return await inner(request)

        return handle

    async def admit(self, request: Request) -> None:
        """Lets everybody in."""


class GuardedRoute(OpenRoute):
    """A route for authenticated callers only."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """As APIRoute, and described as asking for credentials."""
        extra = {**(options.pop("openapi_extra", None) or {}), "security": GUARDED}
        super().__init__(*args, **options, openapi_extra=extra)

    async def admit(self, request: Request) -> None:
        """Finds out who calls; raises ApiError 401 or 403."""
        request.state.caller = await authenticate(request)


class ProjectRoute(GuardedRoute):
    """A route below `/v2/{project_id}`: the caller's project and role must fit."""

    only_looks = False

    async def admit(self, request: Request) -> None:
        """As GuardedRoute, then compares the project and the role; raises ApiError 401 or 403."""
        caller = await authenticate(request)
        request.state.caller = caller
        request.state.project = await _project_of(request, caller)
        _check_role(caller.principal.role, looks=self.only_looks or request.method in _READING)


class LookingRoute(ProjectRoute):
    """A route that changes nothing, whatever its method: the reader's too."""

    only_looks = True


async def authenticate(request: Request) -> Caller:
    """The caller by X-Auth-Token if there is one, else by signature. Raises ApiError OMS.9999 or OMS.0068."""
    token = request.headers.get("x-auth-token")
    if token:
        return await _by_token(services(request), token)
    authorization = request.headers.get("authorization")
    if authorization:
        return await _by_signature(services(request), request, authorization)
    raise ApiError("OMS.9999")


def caller_of(request: Request) -> Caller:
    """The caller whom the route has admitted."""
    caller: Caller = request.state.caller
    return caller


def project_of(request: Request) -> Project:
    """The project whom the route has admitted."""
    project: Project = request.state.project
    return project


def actor_of(request: Request) -> Actor:
    """The caller as audit rows name them."""
    caller = caller_of(request)
    return Actor(project_of(request).id, caller.principal.name, request.state.request_id, address_of(request))


def address_of(request: Request) -> str:
    """Where the request comes from, "" when the server does not know."""
    return request.client.host if request.client else ""


async def _by_token(parts: Services, value: str) -> Caller:
    if len(value) > MAX_TOKEN:
        raise ApiError("S3M.0163")
    token = await parts.database.read(lambda connection: iam.find_token(connection, iam.token_digest(value)))
    if token is None:
        raise ApiError("OMS.0068")
    return Caller(token.principal, token.project, signed=False)


async def _by_signature(parts: Services, request: Request, authorization: str) -> Caller:
    try:
        claim = signing.parse_authorization(authorization)
        signed = signed_request(request, await request.body())
        signing.check_claim(claim, signed, datetime.now(UTC))
    except signing.BadSignature as error:
        raise ApiError("OMS.0068") from error
    key = await parts.database.read(lambda connection: iam.find_access_key(connection, claim.access_key))
    # An unknown key takes the same path and time as a wrong signature.
    secret = _NOBODYS_SECRET if key is None else parts.vault.secret_of(key)
    valid = signing.matches(claim, signed, secret)
    if key is None or not valid or not _token_fits(parts, key, claim, request):
        raise ApiError("OMS.0068")
    return Caller(key.principal, None, signed=True)


def _token_fits(parts: Services, key: iam.SealedKey, claim: signing.Claim, request: Request) -> bool:
    if key.sealed_token is None:
        return True
    sent = request.headers.get("x-security-token", "")
    expected = parts.vault.token_of(key)
    return "x-security-token" in claim.signed_headers and hmac.compare_digest(
        sent.encode(), expected.encode()
    )


def signed_request(request: Request, body: bytes) -> signing.SignedRequest:
    """The request as the wire carried it. Raises BadSignature when a header comes twice or is no text."""
    scope = request.scope
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name = raw_name.decode("latin-1").lower()
        if name in headers:
            raise signing.BadSignature(f"header {name} comes twice")
        try:
            headers[name] = raw_value.decode()
        except UnicodeDecodeError as error:
            raise signing.BadSignature("a header is not UTF-8") from error
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    return signing.SignedRequest(
        request.method, path.partition("?")[0], scope["query_string"].decode("latin-1"), headers, body
    )


async def _project_of(request: Request, caller: Caller) -> Project:
    wanted = request.path_params["project_id"]
    named = request.headers.get("x-project-id", wanted)
    if named != wanted:
        raise ApiError("OMS.2001")
    if not caller.signed:
        if caller.project is None or caller.project.id != wanted:
            raise ApiError("OMS.2001")
        return caller.project
    domain = caller.principal.domain.id
    found = await services(request).database.read(
        lambda connection: iam.find_projects(connection, domain, project_id=wanted)
    )
    if not found:
        raise ApiError("OMS.2001")
    return found[0]


def _check_role(role: Role, *, looks: bool) -> None:
    if role is Role.NONE:
        raise ApiError("OMS.0206")
    if role is Role.READER and not looks:
        raise ApiError("OMS.0205")


async def _check_body(request: Request) -> None:
    body = await request.body()
    media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if body and media_type != "application/json":
        raise ApiError("OMS.0004", "the body must be application/json", status=415)
    if not body:
        raise ApiError("OMS.1004", "the body is missing")
    try:
        check_json(body)
    except BodyFault as fault:
        raise ApiError(fault.code, fault.detail) from fault
