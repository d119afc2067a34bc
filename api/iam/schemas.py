"""Bodies and answers of the IAM calls that clients of the API make (oms-behaviour 7.1)."""

from typing import Literal

from pydantic import BaseModel, Field, SecretStr

from api.validation import Text


class Named(BaseModel):
    """A domain or project by id, by name, or both."""

    id: Text | None = None
    name: Text | None = None


class UserBody(BaseModel):
    """Who logs in."""

    id: Text | None = None
    name: Text | None = None
    password: SecretStr = Field(max_length=1024)
    domain: Named | None = None


class PasswordBody(BaseModel):
    """The password method."""

    user: UserBody


class IdentityBody(BaseModel):
    """How the user proves to be one."""

    methods: list[Literal["password"]] = Field(min_length=1, max_length=1)
    password: PasswordBody


class ProjectScope(BaseModel):
    """A project by id or name; a name is looked up in the given or in the user's own account."""

    id: Text | None = None
    name: Text | None = None
    domain: Named | None = None


class ScopeBody(BaseModel):
    """What the token shall be good for."""

    project: ProjectScope | None = None
    domain: Named | None = None


class AuthBody(BaseModel):
    """The part `auth`."""

    identity: IdentityBody
    scope: ScopeBody | None = None


class CreateTokenBody(BaseModel):
    """`POST /v3/auth/tokens`."""

    auth: AuthBody


class DomainAnswer(BaseModel):
    """An account."""

    id: str
    name: str


class ProjectAnswer(BaseModel):
    """A project inside a token."""

    id: str
    name: str
    domain: DomainAnswer


class UserAnswer(BaseModel):
    """The user of a token."""

    id: str
    name: str
    domain: DomainAnswer
    password_expires_at: str = ""


class RoleAnswer(BaseModel):
    """What the user may do."""

    id: str
    name: str


class TokenAnswer(BaseModel):
    """A token's meaning."""

    methods: list[str]
    issued_at: str
    expires_at: str
    user: UserAnswer
    roles: list[RoleAnswer]
    catalog: list[dict[str, str]]
    project: ProjectAnswer | None = None
    domain: DomainAnswer | None = None


class TokenEnvelope(BaseModel):
    """The body of token answers; the token itself stands in X-Subject-Token."""

    token: TokenAnswer


class Links(BaseModel):
    """Links of a resource or of a page."""

    self: str
    next: str | None = None
    previous: str | None = None


class ProjectItem(BaseModel):
    """A project in a list."""

    id: str
    name: str
    domain_id: str
    parent_id: str
    is_domain: bool = False
    enabled: bool = True
    description: str = ""
    links: Links


class Projects(BaseModel):
    """`GET /v3/projects`."""

    projects: list[ProjectItem]
    links: Links


class DomainItem(BaseModel):
    """An account in a list."""

    id: str
    name: str
    enabled: bool = True
    description: str = ""
    links: Links


class Domains(BaseModel):
    """`GET /v3/auth/domains`."""

    domains: list[DomainItem]
    links: Links
