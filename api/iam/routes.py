"""`/v3`: tokens, projects and accounts (oms-behaviour 7.1, 7.3)."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from api.context import Services, services
from api.errors import ApiError, responses
from api.guard import GuardedRoute, OpenRoute, address_of, caller_of
from api.iam import schemas
from api.iam.logins import TooManyLogins
from api.iam.projects import find_projects
from api.iam.schemas import (
    CreateTokenBody,
    DomainAnswer,
    DomainItem,
    Domains,
    Links,
    ProjectAnswer,
    ProjectItem,
    Projects,
    RoleAnswer,
    TokenAnswer,
    TokenEnvelope,
    UserAnswer,
    UserBody,
)
from ledger import audit, iam
from ledger.audit import Actor, Entry
from ledger.iam import Domain, Login, Principal, Project, Role, Token

LIFETIME = timedelta(hours=24)
SUBJECT = "X-Subject-Token"

login_router = APIRouter(route_class=OpenRoute, tags=["iam"])
router = APIRouter(route_class=GuardedRoute, tags=["iam"], responses=responses(400, 401, 403, 404, 405, 503))


@login_router.post(
    "/v3/auth/tokens",
    status_code=201,
    operation_id="KeystoneCreateUserTokenByPassword",
    responses=responses(400, 401, 403, 404, 405, 413, 415, 429, 503),
)
async def create_token(request: Request, response: Response, body: CreateTokenBody) -> TokenEnvelope:
    """Trades a password for a token of 24 hours; the token stands in X-Subject-Token."""
    parts = services(request)
    user = body.auth.identity.password.user
    login = await _verified(parts, request, user)
    scope = body.auth.scope or schemas.ScopeBody()
    project = await _project(parts, login.principal, scope)
    now = datetime.now(UTC)
    token = Token(login.principal, project, now, now + LIFETIME)
    value = secrets.token_urlsafe(32)
    await parts.database.write(lambda connection: iam.add_token(connection, iam.token_digest(value), token))
    response.headers[SUBJECT] = value
    return _envelope(token)


@router.get("/v3/auth/tokens", operation_id="KeystoneValidateToken")
async def validate_token(
    request: Request,
    response: Response,
    subject: Annotated[str, Header(alias=SUBJECT, min_length=1, max_length=16_384)],
) -> TokenEnvelope:
    """What the token in X-Subject-Token stands for; 404 for one of another account or that is not valid."""
    digest = iam.token_digest(subject)
    token = await services(request).database.read(lambda connection: iam.find_token(connection, digest))
    if token is None or token.principal.domain != caller_of(request).principal.domain:
        raise ApiError("OMS.1009", SUBJECT)
    response.headers[SUBJECT] = subject
    return _envelope(token)


@router.delete(
    "/v3/auth/tokens", status_code=204, operation_id="KeystoneRevokeToken", response_class=Response
)
async def revoke_token(
    request: Request, subject: Annotated[str, Header(alias=SUBJECT, min_length=1, max_length=16_384)]
) -> Response:
    """Voids the token in X-Subject-Token: one's own, or as an administrator any of the account."""
    parts, caller = services(request), caller_of(request).principal
    digest = iam.token_digest(subject)

    async def work(connection: AsyncConnection) -> None:
        token = await iam.find_token(connection, digest)
        if token is None or token.principal.domain != caller.domain:
            raise ApiError("OMS.1009", SUBJECT)
        if token.principal.id != caller.id and caller.role is not Role.ADMIN:
            raise ApiError("OMS.0072", SUBJECT, status=403)
        await iam.revoke_token(connection, digest)
        place = token.project.id if token.project else token.principal.domain.id
        actor = Actor(place, caller.name, request.state.request_id, address_of(request))
        await audit.record(connection, actor, Entry("revokeToken", token.principal.id))

    await parts.database.write(work)
    return Response(status_code=204)


@router.get("/v3/projects", operation_id="KeystoneListProjects")
async def list_projects(
    request: Request,
    name: Annotated[str | None, Query(max_length=64)] = None,
    domain_id: Annotated[str | None, Query(max_length=64)] = None,
    enabled: bool | None = None,
) -> Projects:
    """The projects of the caller's account; `name` matches exactly."""
    domain = caller_of(request).principal.domain
    wanted = enabled is not False and domain_id in (None, "", domain.id)
    found = await _projects(request, domain, name) if wanted else []
    return Projects(projects=found, links=_links(request, "/v3/projects"))


@router.get("/v3/auth/projects", operation_id="KeystoneListAuthProjects")
async def list_auth_projects(request: Request) -> Projects:
    """The projects that the caller may work in."""
    found = await _projects(request, caller_of(request).principal.domain, None)
    return Projects(projects=found, links=_links(request, "/v3/auth/projects"))


@router.get("/v3/auth/domains", operation_id="KeystoneListAuthDomains")
async def list_auth_domains(request: Request) -> Domains:
    """The caller's account."""
    domain = caller_of(request).principal.domain
    item = DomainItem(id=domain.id, name=domain.name, links=_links(request, f"/v3/domains/{domain.id}"))
    return Domains(domains=[item], links=_links(request, "/v3/auth/domains"))


async def _verified(parts: Services, request: Request, user: UserBody) -> Login:
    named = user.domain or schemas.Named()
    if user.id is None and (user.name is None or (named.id is None and named.name is None)):
        raise ApiError("OMS.1004", "auth.identity.password.user")
    domain = Domain(named.id or "", named.name or "")
    login = await parts.database.read(
        lambda connection: iam.find_login(connection, user.id, user.name, domain)
    )
    # Whoever is named, by id or by name, is one and the same to the delay.
    named_as = ("user", login.principal.id) if login is not None else ("user", user.id, user.name, domain)
    who = (named_as, ("address", address_of(request)))
    stored = login.password_hash if login is not None and login.principal.enabled else None
    try:
        accepted = await parts.logins.verify(who, stored, user.password.get_secret_value())
    except TooManyLogins as error:
        raise ApiError("OMS.2004", "too many logins at once", status=429) from error
    if not accepted or login is None:
        raise ApiError("OMS.0068", "user name or password")
    return login


async def _project(parts: Services, principal: Principal, scope: schemas.ScopeBody) -> Project | None:
    wanted = scope.project
    if wanted is None:
        if scope.domain is not None and not _names(scope.domain, principal.domain):
            raise ApiError("OMS.2001", "auth.scope.domain")
        return None
    if wanted.id is None and wanted.name is None:
        raise ApiError("OMS.1004", "auth.scope.project")
    if wanted.domain is not None and not _names(wanted.domain, principal.domain):
        raise ApiError("OMS.2001", "auth.scope.project.domain")
    found = await find_projects(parts, principal.domain, project_id=wanted.id, name=wanted.name)
    if len(found) != 1:
        raise ApiError("OMS.2001", "auth.scope.project")
    return found[0]


def _names(named: schemas.Named, domain: Domain) -> bool:
    return named.id in (None, domain.id) and named.name in (None, domain.name)


async def _projects(request: Request, domain: Domain, name: str | None) -> list[ProjectItem]:
    found = await find_projects(services(request), domain, name=name)
    return [
        ProjectItem(
            id=project.id,
            name=project.name,
            domain_id=project.domain.id,
            parent_id=project.domain.id,
            links=_links(request, f"/v3/projects/{project.id}"),
        )
        for project in found
    ]


def _envelope(token: Token) -> TokenEnvelope:
    user, project = token.principal, token.project
    domain = DomainAnswer(id=user.domain.id, name=user.domain.name)
    return TokenEnvelope(
        token=TokenAnswer(
            methods=["password"],
            issued_at=_instant(token.issued_at),
            expires_at=_instant(token.expires_at),
            user=UserAnswer(id=user.id, name=user.name, domain=domain),
            roles=[RoleAnswer(id=user.role.value, name=user.role.value)],
            catalog=[],
            project=None
            if project is None
            else ProjectAnswer(id=project.id, name=project.name, domain=domain),
            domain=None if project else domain,
        )
    )


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _links(request: Request, path: str) -> Links:
    base = services(request).settings.public_url or str(request.base_url)
    return Links(self=base.rstrip("/") + path)
