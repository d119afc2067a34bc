"""`oms admin topics`: where notifications go that tasks and groups ask for (oms-behaviour 9)."""

import re
from typing import Final
from urllib.parse import urlsplit

import click
from sqlalchemy.ext.asyncio import AsyncConnection

from cli.admin_database import Where, print_table
from ledger import iam_admin, notifications
from ledger.iam import Project

_WORD: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
_MAIL: Final = re.compile(r"mailto:[^@\s,?]+@[^@\s,?]+(,[^@\s,?]+@[^@\s,?]+)*")


@click.group()
def topics() -> None:
    """Targets of notifications."""


@topics.command("list")
@click.pass_obj
def list_topics(where: Where) -> None:
    """Shows all topics and where their messages go."""
    rows = [
        (topic.urn, topic.target, f"{topic.created_at:%F %T}") for topic in where.run(notifications.topics)
    ]
    print_table(("urn", "target", "created"), rows)


@topics.command("add")
@click.argument("name")
@click.argument("target")
@click.option("--region", required=True, help="The region that this service calls its own.")
@click.option("--project", help="Whose tasks may use it; not needed when there is only one project.")
@click.pass_obj
def add_topic(where: Where, name: str, target: str, region: str, project: str | None) -> None:
    """Registers a topic that sends to TARGET (an http or https address, or mailto:) and prints its URN."""
    for word in (name, region):
        if not _WORD.fullmatch(word):
            raise click.UsageError(f"letters, digits, - and _ only: {word}")
    _check_target(target)

    async def work(connection: AsyncConnection) -> str:
        owner = await _project(connection, project)
        urn = f"urn:smn:{region}:{owner.id}:{name}"
        await notifications.add_topic(connection, urn, owner.id, target)
        return urn

    click.echo(where.run(work))


@topics.command("remove")
@click.argument("urn")
@click.pass_obj
def remove_topic(where: Where, urn: str) -> None:
    """Takes a topic away; what is still to be sent to it fails."""

    async def work(connection: AsyncConnection) -> None:
        if not await notifications.remove_topic(connection, urn):
            raise click.UsageError(f"no topic {urn}")

    where.run(work)


def _check_target(target: str) -> None:
    if _MAIL.fullmatch(target):
        return
    try:
        parts = urlsplit(target)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not target.isascii() or any(sign <= " " for sign in target) or parts.username is not None:
        raise click.UsageError("a target is http://..., https://... or mailto:NAME@HOST[,NAME@HOST]")


async def _project(connection: AsyncConnection, name: str | None) -> Project:
    found = [
        project
        for project in await iam_admin.projects(connection)
        if name in (None, project.id, project.name)
    ]
    if len(found) != 1:
        raise click.UsageError("which project? give --project" if name is None else f"no project {name}")
    return found[0]
