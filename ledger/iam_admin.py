"""Accounts as their administrator changes them: users, projects, access keys."""

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.iam import Domain, Principal, Project, Role
from ledger.seal import KeyRing, access_key_place, access_token_place


@dataclass(frozen=True, slots=True)
class NewAccessKey:
    """A fresh access key; the secret is shown once. `security_token` and `expires_at` make it a temporary one."""

    access_key: str
    secret_key: str
    security_token: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AccessKeyRow:
    """An access key without its secret."""

    access_key: str
    user_name: str
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class LeakedUpload:
    """A multipart upload that its deleted task left open."""

    task_id: int
    destination: dict[str, Any]
    key: bytes
    upload_id: str
    created_at: datetime


_DOMAINS = text("SELECT id, name FROM domain ORDER BY name")
_USERS = text(
    "SELECT p.id, p.name, p.role, p.enabled, d.id AS domain_id, d.name AS domain_name FROM principal p"
    " JOIN domain d ON d.id = p.domain_id ORDER BY d.name, p.name"
)
_ADD_USER = text(
    "INSERT INTO principal (id, domain_id, name, password_hash, role) VALUES"
    " (:id, :domain_id, :name, :password_hash, :role)"
)
_CHANGE_USER = text(
    "UPDATE principal SET enabled = coalesce(:enabled, enabled),"
    " password_hash = coalesce(:password_hash, password_hash) WHERE id = :id"
)
_REVOKE = text(
    "UPDATE token SET revoked_at = clock_timestamp() WHERE principal_id = :id AND revoked_at IS NULL"
)
_PROJECTS = text(
    "SELECT j.id, j.name, d.id AS domain_id, d.name AS domain_name FROM project j"
    " JOIN domain d ON d.id = j.domain_id ORDER BY d.name, j.name"
)
_ADD_PROJECT = text("INSERT INTO project (id, domain_id, name) VALUES (:id, :domain_id, :name)")
_KEYS = text(
    "SELECT k.access_key, p.name, k.created_at, k.expires_at FROM access_key k"
    " JOIN principal p ON p.id = k.principal_id ORDER BY p.name, k.created_at"
)
_ADD_KEY = text(
    "INSERT INTO access_key (access_key, principal_id, sealed_secret, key_version, sealed_token, expires_at) VALUES"
    " (:access_key, :user_id, :sealed, :version, :token, clock_timestamp() + make_interval(secs => :seconds))"
    " RETURNING expires_at"
)
_END_KEY = text(
    "UPDATE access_key SET expires_at = least(coalesce(expires_at, clock_timestamp()), clock_timestamp())"
    " WHERE access_key = :access_key RETURNING principal_id"
)
_LEAKED = text(
    "SELECT task_id, destination, dst_key, upload_id, created_at FROM upload WHERE state = 'leaked' ORDER BY id"
)


async def domains(connection: AsyncConnection) -> Sequence[Domain]:
    """All accounts."""
    return [Domain(row.id, row.name) for row in await connection.execute(_DOMAINS)]


async def users(connection: AsyncConnection) -> Sequence[Principal]:
    """All users."""
    rows = await connection.execute(_USERS)
    return [
        Principal(row.id, row.name, Domain(row.domain_id, row.domain_name), Role(row.role), row.enabled)
        for row in rows
    ]


async def add_user(
    connection: AsyncConnection, domain: Domain, name: str, password_hash: str, role: Role
) -> Principal:
    """A new user. Raises sqlalchemy.exc.IntegrityError when the account has one of that name."""
    user = Principal(uuid.uuid4().hex, name, domain, role)
    row = {
        "id": user.id,
        "domain_id": domain.id,
        "name": name,
        "password_hash": password_hash,
        "role": role.value,
    }
    await connection.execute(_ADD_USER, row)
    return user


async def set_enabled(connection: AsyncConnection, user: Principal, *, enabled: bool) -> None:
    """Lets a user in or not; tokens of a disabled one are revoked."""
    await connection.execute(_CHANGE_USER, {"id": user.id, "enabled": enabled, "password_hash": None})
    if not enabled:
        await connection.execute(_REVOKE, {"id": user.id})


async def set_password(connection: AsyncConnection, user: Principal, password_hash: str) -> None:
    """A new password; tokens of the old one are revoked."""
    await connection.execute(_CHANGE_USER, {"id": user.id, "enabled": None, "password_hash": password_hash})
    await connection.execute(_REVOKE, {"id": user.id})


async def projects(connection: AsyncConnection) -> Sequence[Project]:
    """All projects."""
    rows = await connection.execute(_PROJECTS)
    return [Project(row.id, row.name, Domain(row.domain_id, row.domain_name)) for row in rows]


async def add_project(connection: AsyncConnection, domain: Domain, name: str) -> Project:
    """A new project. Raises sqlalchemy.exc.IntegrityError when the account has one of that name."""
    project = Project(uuid.uuid4().hex, name, domain)
    await connection.execute(_ADD_PROJECT, {"id": project.id, "domain_id": domain.id, "name": name})
    return project


async def access_keys(connection: AsyncConnection) -> Sequence[AccessKeyRow]:
    """All access keys, without secrets."""
    rows = await connection.execute(_KEYS)
    return [AccessKeyRow(row.access_key, row.name, row.created_at, row.expires_at) for row in rows]


async def add_access_key(
    connection: AsyncConnection, ring: KeyRing, user_id: str, lifetime: timedelta | None = None
) -> NewAccessKey:
    """A new key for a user; this is the only time that the secret is seen.

    With a `lifetime` it is a temporary one: its requests carry and sign a session token, and it ends by itself.
    """
    access_key, secret_key = secrets.token_hex(10).upper(), secrets.token_urlsafe(30)
    token = "" if lifetime is None else secrets.token_urlsafe(96)
    sealed = ring.seal(access_key_place(access_key), secret_key.encode())
    sealed_token = ring.seal(access_token_place(access_key), token.encode()).content if token else None
    row = {
        "access_key": access_key,
        "user_id": user_id,
        "sealed": sealed.content,
        "version": sealed.key_version,
        "token": sealed_token,
        "seconds": None if lifetime is None else lifetime.total_seconds(),
    }
    expires_at = (await connection.execute(_ADD_KEY, row)).scalar_one()
    return NewAccessKey(access_key, secret_key, token, expires_at)


async def end_access_key(connection: AsyncConnection, access_key: str) -> str | None:
    """The key is void from now on; gives its user's id, None when there is no such key."""
    row = (await connection.execute(_END_KEY, {"access_key": access_key})).first()
    return None if row is None else str(row.principal_id)


async def leaked_uploads(connection: AsyncConnection) -> Sequence[LeakedUpload]:
    """Multipart uploads that nobody will complete."""
    rows = await connection.execute(_LEAKED)
    return [
        LeakedUpload(row.task_id, row.destination, bytes(row.dst_key), row.upload_id or "", row.created_at)
        for row in rows
    ]
