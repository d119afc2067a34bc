"""Users, projects, tokens and access keys as the HTTP edge and the administrator see them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection


class Role(StrEnum):
    """What a user may do: everything, everything but users, look, nothing."""

    ADMIN = "admin"
    OPERATOR = "operator"
    READER = "reader"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Domain:
    """An account."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Principal:
    """An IAM user."""

    id: str
    name: str
    domain: Domain
    role: Role
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Project:
    """A project of an account."""

    id: str
    name: str
    domain: Domain


@dataclass(frozen=True, slots=True)
class Login:
    """A user with the hash of the password."""

    principal: Principal
    password_hash: str


@dataclass(frozen=True, slots=True)
class Token:
    """A valid token's meaning. `project` None: scoped to the account."""

    principal: Principal
    project: Project | None
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SealedKey:
    """An access key whose secret is still sealed."""

    access_key: str
    principal: Principal
    sealed_secret: bytes
    key_version: int
    sealed_token: bytes | None


_PRINCIPAL = (
    "p.id AS user_id, p.name AS user_name, p.role, p.enabled, d.id AS domain_id, d.name AS domain_name"
    " FROM principal p JOIN domain d ON d.id = p.domain_id"
)
_LOGIN = text(
    f"SELECT p.password_hash, {_PRINCIPAL} WHERE (p.id = :user_id OR (p.name = :user_name"
    " AND (d.id = :domain_id OR d.name = :domain_name)))"
)
_TOKEN = text(
    "SELECT k.issued_at, k.expires_at, k.project_id, j.name AS project_name, u.* FROM token k"
    f" JOIN (SELECT {_PRINCIPAL}) u ON u.user_id = k.principal_id LEFT JOIN project j ON j.id = k.project_id"
    " WHERE k.sha256 = :digest AND k.revoked_at IS NULL AND k.expires_at > clock_timestamp() AND u.enabled"
)
_KEY = text(
    "SELECT k.access_key, k.sealed_secret, k.key_version, k.sealed_token, u.* FROM access_key k"
    f" JOIN (SELECT {_PRINCIPAL}) u ON u.user_id = k.principal_id WHERE k.access_key = :access_key"
    " AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp()) AND u.enabled"
)
_ADD_TOKEN = text(
    "INSERT INTO token (sha256, principal_id, project_id, issued_at, expires_at) VALUES"
    " (:digest, :user_id, :project_id, :issued_at, :expires_at)"
)
_REVOKE_TOKEN = text(
    "UPDATE token SET revoked_at = clock_timestamp() WHERE sha256 = :digest AND revoked_at IS NULL"
)
_DROP_TOKENS = text("DELETE FROM token WHERE expires_at < clock_timestamp() - interval '1 day'")
_PROJECTS = text(
    "SELECT j.id, j.name, d.id AS domain_id, d.name AS domain_name FROM project j JOIN domain d ON d.id = j.domain_id"
    " WHERE j.domain_id = :domain_id AND (CAST(:id AS text) IS NULL OR j.id = :id)"
    " AND (CAST(:name AS text) IS NULL OR j.name = :name) ORDER BY j.name, j.id"
)


def token_digest(token: str) -> bytes:
    """What is stored of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


async def find_login(
    connection: AsyncConnection, user_id: str | None, user_name: str | None, domain: Domain
) -> Login | None:
    """The user of that id, or of that name in the account of that id or name."""
    names = {"user_id": user_id, "user_name": user_name, "domain_id": domain.id, "domain_name": domain.name}
    row = (await connection.execute(_LOGIN, names)).first()
    return None if row is None else Login(_principal(row), row.password_hash)


async def add_token(connection: AsyncConnection, digest: bytes, token: Token) -> None:
    """Stores a new token and drops those that ended a day ago."""
    await connection.execute(_DROP_TOKENS)
    await connection.execute(
        _ADD_TOKEN,
        {
            "digest": digest,
            "user_id": token.principal.id,
            "project_id": token.project.id if token.project else None,
            "issued_at": token.issued_at,
            "expires_at": token.expires_at,
        },
    )


async def revoke_token(connection: AsyncConnection, digest: bytes) -> None:
    """The token is void from now on; revoking it twice changes nothing."""
    await connection.execute(_REVOKE_TOKEN, {"digest": digest})


async def find_token(connection: AsyncConnection, digest: bytes) -> Token | None:
    """The token if it is valid now and its user enabled."""
    row = (await connection.execute(_TOKEN, {"digest": digest})).first()
    if row is None:
        return None
    principal = _principal(row)
    project = Project(row.project_id, row.project_name, principal.domain) if row.project_id else None
    return Token(principal, project, row.issued_at, row.expires_at)


async def find_access_key(connection: AsyncConnection, access_key: str) -> SealedKey | None:
    """The access key if it is valid now and its user enabled."""
    row = (await connection.execute(_KEY, {"access_key": access_key})).first()
    if row is None:
        return None
    token = None if row.sealed_token is None else bytes(row.sealed_token)
    return SealedKey(row.access_key, _principal(row), bytes(row.sealed_secret), row.key_version, token)


async def find_projects(
    connection: AsyncConnection, domain_id: str, *, project_id: str | None = None, name: str | None = None
) -> Sequence[Project]:
    """The projects of an account, by name; `project_id` and `name` narrow them down."""
    rows = await connection.execute(_PROJECTS, {"domain_id": domain_id, "id": project_id, "name": name})
    return [Project(row.id, row.name, Domain(row.domain_id, row.domain_name)) for row in rows]


def _principal(row: Row[tuple[object, ...]]) -> Principal:
    domain = Domain(row.domain_id, row.domain_name)
    return Principal(row.user_id, row.user_name, domain, Role(row.role), row.enabled)
