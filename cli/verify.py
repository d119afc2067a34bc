"""`oms verify TASK`: looks at both sides of an ended task again and says what differs."""

import time
from collections.abc import Iterator
from typing import Any

import click

from cli.client import Client
from cli.login import server_options
from cli.task import explained, keys_of_start

POLL_SECONDS = 0.5
DIFFERENT, FAILED = 1, 2


@click.command("verify")
@server_options
@click.argument("task_id", type=int)
@click.option("--reread", is_flag=True, help="Read every byte of both sides.")
@click.option("--show", type=click.IntRange(0), default=20, show_default=True, help="Findings to print.")
@click.pass_context
@explained
def command(ctx: click.Context, client: Client, task_id: int, reread: bool, show: int) -> None:
    """Compares what a task's source and destination hold now; writes nothing to either.

    Keys come from OMS_SRC_AK, OMS_SRC_SK, OMS_DST_AK and OMS_DST_SK. Exit code 0: equal, 1: something differs,
    2: not everything could be looked at.
    """
    began = client.verify(task_id, keys_of_start() | {"reread": reread})
    found = began
    while found["status"] in ("WAITING", "RUNNING"):
        time.sleep(POLL_SECONDS)
        found = client.verification(task_id, began["id"])
    for number, one in enumerate(_findings(client, task_id, began["id"])):
        if number == show:
            click.echo("…")
            break
        click.echo(f"{one['code']} {one['key']} {one['detail']}".rstrip())
    click.echo(f"{found['status'].lower()}: {found['equal']} equal, {found['different']} different")
    if found["status"] == "FAILED":
        click.echo(f"{found['error_code']}: {found['error_msg']}", err=True)
    ctx.exit({"EQUAL": 0, "DIFFERENT": DIFFERENT}.get(found["status"], FAILED))


def _findings(client: Client, task_id: int, number: int) -> Iterator[dict[str, Any]]:
    marker: int | None = 0
    while marker is not None:
        page = client.findings(task_id, number, marker)
        yield from page["findings"]
        marker = page["next_marker"]
