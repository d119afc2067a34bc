"""`oms admin`: users, projects, access keys, topics, and multipart uploads that nobody will complete."""

import sys
from datetime import timedelta
from pathlib import Path

import click
from argon2 import PasswordHasher
from sqlalchemy.ext.asyncio import AsyncConnection

from cli.admin_database import Where, print_table
from cli.admin_topics import topics
from ledger import iam_admin
from ledger.iam import Domain, Principal, Role
from ledger.iam_admin import NewAccessKey

_FEWEST_CHARACTERS = 8


@click.group()
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Data directory of a running `oms up`; without it OMS_DATABASE_URL and OMS_MASTER_KEY_FILE.",
)
@click.pass_context
def command(context: click.Context, data_dir: Path | None) -> None:
    """Manages who may use the API."""
    context.obj = Where(data_dir)


@command.group()
def users() -> None:
    """Users."""


@command.group()
def projects() -> None:
    """Projects."""


@command.group()
def keys() -> None:
    """Access keys."""


@users.command("list")
@click.pass_obj
def list_users(where: Where) -> None:
    """Shows all users."""
    rows = [
        (user.id, user.domain.name, user.name, user.role.value, "yes" if user.enabled else "no")
        for user in where.run(iam_admin.users)
    ]
    print_table(("id", "domain", "name", "role", "enabled"), rows)


@users.command("add")
@click.argument("name")
@click.option(
    "--role", type=click.Choice([role.value for role in Role]), default="operator", show_default=True
)
@click.option("--domain", help="The account; not needed when there is only one.")
@click.pass_obj
def add_user(where: Where, name: str, role: str, domain: str | None) -> None:
    """Adds a user; the password is read from the terminal or from standard input."""
    hashed = PasswordHasher().hash(_new_password())

    async def work(connection: AsyncConnection) -> Principal:
        account = await _domain(connection, domain)
        return await iam_admin.add_user(connection, account, name, hashed, Role(role))

    click.echo(where.run(work).id)


@users.command("disable")
@click.argument("name")
@click.option("--domain", help="The account; not needed when the name is used once.")
@click.pass_obj
def disable_user(where: Where, name: str, domain: str | None) -> None:
    """Locks a user out and revokes the user's tokens."""
    _set_enabled(where, name, domain, enabled=False)


@users.command("enable")
@click.argument("name")
@click.option("--domain", help="The account; not needed when the name is used once.")
@click.pass_obj
def enable_user(where: Where, name: str, domain: str | None) -> None:
    """Lets a disabled user in again."""
    _set_enabled(where, name, domain, enabled=True)


@users.command("password")
@click.argument("name")
@click.option("--domain", help="The account; not needed when the name is used once.")
@click.pass_obj
def change_password(where: Where, name: str, domain: str | None) -> None:
    """Sets a new password and revokes the user's tokens."""
    hashed = PasswordHasher().hash(_new_password())

    async def work(connection: AsyncConnection) -> None:
        await iam_admin.set_password(connection, await _user(connection, name, domain), hashed)

    where.run(work)


@projects.command("list")
@click.pass_obj
def list_projects(where: Where) -> None:
    """Shows all projects."""
    found = where.run(iam_admin.projects)
    print_table(
        ("id", "domain", "name"), [(project.id, project.domain.name, project.name) for project in found]
    )


@projects.command("add")
@click.argument("name")
@click.option("--domain", help="The account; not needed when there is only one.")
@click.pass_obj
def add_project(where: Where, name: str, domain: str | None) -> None:
    """Adds a project and prints its id."""

    async def work(connection: AsyncConnection) -> str:
        return (await iam_admin.add_project(connection, await _domain(connection, domain), name)).id

    click.echo(where.run(work))


@keys.command("list")
@click.pass_obj
def list_keys(where: Where) -> None:
    """Shows all access keys, without secrets."""
    rows = [
        (
            key.access_key,
            key.user_name,
            f"{key.created_at:%F %T}",
            f"{key.expires_at:%F %T}" if key.expires_at else "-",
        )
        for key in where.run(iam_admin.access_keys)
    ]
    print_table(("access key", "user", "created", "ends"), rows)


@keys.command("add")
@click.argument("user")
@click.option("--domain", help="The account; not needed when the name is used once.")
@click.pass_obj
def add_key(where: Where, user: str, domain: str | None) -> None:
    """Adds an access key for a user; the secret is printed this once."""
    ring = where.ledger.ring()

    async def work(connection: AsyncConnection) -> NewAccessKey:
        return await iam_admin.add_access_key(connection, ring, (await _user(connection, user, domain)).id)

    _print_key(where.run(work))


@keys.command("issue")
@click.argument("user")
@click.option("--domain", help="The account; not needed when the name is used once.")
@click.option("--hours", type=click.FloatRange(0.25, 24 * 7), default=24.0, show_default=True)
@click.pass_obj
def issue_key(where: Where, user: str, domain: str | None, hours: float) -> None:
    """Issues a temporary access key with its security token."""
    ring = where.ledger.ring()

    async def work(connection: AsyncConnection) -> NewAccessKey:
        owner = await _user(connection, user, domain)
        return await iam_admin.add_access_key(connection, ring, owner.id, timedelta(hours=hours))

    _print_key(where.run(work))


@keys.command("disable")
@click.argument("access_key")
@click.pass_obj
def disable_key(where: Where, access_key: str) -> None:
    """Voids an access key at once."""

    async def work(connection: AsyncConnection) -> None:
        await _end(connection, access_key)

    where.run(work)


@keys.command("rotate")
@click.argument("access_key")
@click.pass_obj
def rotate_key(where: Where, access_key: str) -> None:
    """Voids an access key and gives its user a new one."""
    ring = where.ledger.ring()

    async def work(connection: AsyncConnection) -> NewAccessKey:
        return await iam_admin.add_access_key(connection, ring, await _end(connection, access_key))

    _print_key(where.run(work))


@command.command("uploads")
@click.pass_obj
def list_uploads(where: Where) -> None:
    """Shows multipart uploads that deleted tasks left open at their destinations."""
    rows = [
        (str(upload.task_id), str(upload.destination.get("bucket", "")), ascii(upload.key.decode("utf-8", "replace")),
         upload.upload_id, f"{upload.created_at:%F %T}")
        for upload in where.run(iam_admin.leaked_uploads)
    ]  # fmt: skip
    print_table(("task", "bucket", "key", "upload id", "begun"), rows)


def _set_enabled(where: Where, name: str, domain: str | None, *, enabled: bool) -> None:
    async def work(connection: AsyncConnection) -> None:
        await iam_admin.set_enabled(connection, await _user(connection, name, domain), enabled=enabled)

    where.run(work)


async def _domain(connection: AsyncConnection, name: str | None) -> Domain:
    found = [
        domain for domain in await iam_admin.domains(connection) if name in (None, domain.name, domain.id)
    ]
    if len(found) != 1:
        raise click.UsageError("which account? give --domain" if name is None else f"no account {name}")
    return found[0]


async def _user(connection: AsyncConnection, name: str, domain: str | None) -> Principal:
    found = [
        user
        for user in await iam_admin.users(connection)
        if name in (user.name, user.id) and domain in (None, user.domain.name, user.domain.id)
    ]
    if len(found) != 1:
        raise click.UsageError(f"no user {name}" if not found else "which account? give --domain")
    return found[0]


async def _end(connection: AsyncConnection, access_key: str) -> str:
    user_id = await iam_admin.end_access_key(connection, access_key)
    if user_id is None:
        raise click.UsageError(f"no access key {access_key}")
    return user_id


def _new_password() -> str:
    if sys.stdin.isatty():
        password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\n")
    if len(password) < _FEWEST_CHARACTERS:
        raise click.UsageError(f"a password has at least {_FEWEST_CHARACTERS} characters")
    return password


def _print_key(key: NewAccessKey) -> None:
    click.echo(f"access_key {key.access_key}\nsecret_key {key.secret_key}")
    if key.expires_at is not None:
        click.echo(f"security_token {key.security_token}\nexpires_at {key.expires_at:%FT%TZ}")


command.add_command(topics)
