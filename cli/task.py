"""`oms task`: looks at tasks and moves them through their life."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from cli.client import Client, ClientError
from cli.client_settings import store_keys
from cli.login import server_options

STATUSES = {
    1: "waiting",
    2: "migrating",
    3: "paused",
    4: "failed",
    5: "succeeded",
    6: "retrying",
    7: "pausing",
}
_PAGE = 100


def explained(function: Callable[..., Any]) -> Callable[..., Any]:
    """Turns a refusal of the server into the message of a failed command."""

    @wraps(function)
    def told(*arguments: Any, **values: Any) -> Any:
        try:
            return function(*arguments, **values)
        except ClientError as error:
            raise click.ClickException(str(error)) from error

    return told


@click.group()
def command() -> None:
    """Lists, shows, creates, stops, starts and deletes tasks."""


@command.command("list")
@server_options
@click.option("--status", type=click.IntRange(1, 7), help="Only tasks in this status.")
@click.option("--name", help="Only tasks with this text in their name.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, _PAGE))
@click.option("--offset", default=0, type=click.IntRange(0))
@explained
def list_tasks(client: Client, status: int | None, name: str | None, limit: int, offset: int) -> None:
    """Shows tasks, the newest first."""
    chosen: dict[str, int | str] = {"limit": limit, "offset": offset}
    if status is not None:
        chosen["status"] = status
    if name:
        chosen["task_name"] = name
    page = client.tasks(**chosen)
    table = Table("id", "status", "objects", "failed", "progress", "name", box=None)
    for task in page["tasks"]:
        done = task["successful_num"] + task["skipped_num"]
        share = f"{task['progress']:.1%}"
        table.add_row(
            str(task["id"]), STATUSES[task["status"]], f"{done}/{task['total_num']}", str(task["failed_num"]), share,
            task["name"],
        )  # fmt: skip
    Console().print(table)
    click.echo(f"{len(page['tasks'])} of {page['count']}")


@command.command("show")
@server_options
@click.argument("task_id", type=int)
@explained
def show_task(client: Client, task_id: int) -> None:
    """Shows one task as JSON."""
    click.echo(json.dumps(client.show(task_id), indent=2, ensure_ascii=False))


@command.command("create")
@server_options
@click.argument("body", type=click.File("r"), default="-")
@explained
def create_task(client: Client, body: Any) -> None:
    """Creates a task from the JSON of the API's request, read from a file or standard input; prints its id."""
    try:
        content = json.load(body)
    except ValueError as error:
        raise click.UsageError(f"not JSON: {error}") from error
    _add_keys(content)
    task_id, name = client.create(content)
    click.echo(f"{task_id} {name}")


@command.command("stop")
@server_options
@click.argument("task_id", type=int)
@explained
def stop_task(client: Client, task_id: int) -> None:
    """Pauses a task."""
    client.stop(task_id)


@command.command("start")
@server_options
@click.argument("task_id", type=int)
@click.option("--failed-only", is_flag=True, help="Only the objects that failed.")
@explained
def start_task(client: Client, task_id: int, failed_only: bool) -> None:
    """Starts a paused or failed task; keys come from OMS_SRC_AK, OMS_SRC_SK, OMS_DST_AK and OMS_DST_SK."""
    client.start(task_id, keys_of_start() | {"migrate_failed_object": failed_only})


@command.command("delete")
@server_options
@click.argument("task_id", type=int)
@explained
def delete_task(client: Client, task_id: int) -> None:
    """Deletes a task that is not in progress."""
    client.delete(task_id)


def keys_of_start() -> dict[str, Any]:
    """The keys of both sides as a start wants them, from the environment. Raises click.UsageError."""
    keys = store_keys()
    if not keys.dst_ak or not keys.dst_sk:
        raise click.UsageError("OMS_DST_AK and OMS_DST_SK are not set")
    body = {"dst_ak": keys.dst_ak, "dst_sk": keys.dst_sk}
    if keys.src_ak and keys.src_sk:
        body |= {"src_ak": keys.src_ak, "src_sk": keys.src_sk}
    return body


def _add_keys(content: Any) -> None:
    """Keys that the body leaves out come from the environment, so that a file need not hold them."""
    keys = store_keys()
    for node, access_key, secret_key in (
        ("src_node", keys.src_ak, keys.src_sk),
        ("dst_node", keys.dst_ak, keys.dst_sk),
    ):
        place = content.get(node) if isinstance(content, dict) else None
        if isinstance(place, dict) and access_key and secret_key and "ak" not in place:
            place |= {"ak": access_key, "sk": secret_key}
