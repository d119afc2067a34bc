"""`oms requests TASK`: what a task has asked of its stores so far, and how much it may ask."""

from typing import Any

import click
from rich.console import Console
from rich.table import Table

from cli.client import Client
from cli.login import server_options
from cli.task import explained


@click.command("requests")
@server_options
@click.argument("task_id", type=int)
@click.option("--limit", type=click.IntRange(0), help="The most requests that each run may make from now on.")
@click.option("--no-limit", is_flag=True, help="Any number from now on.")
@explained
def command(client: Client, task_id: int, limit: int | None, no_limit: bool) -> None:
    """Shows requests and bytes of a task by side and operation, over all of its runs.

    A run that reaches its limit pauses as by a stop; raise the limit, then start the task.
    """
    if limit is not None and no_limit:
        raise click.UsageError("--limit and --no-limit exclude each other")
    changes = limit is not None or no_limit
    _print(client.limit_requests(task_id, limit) if changes else client.requests(task_id))


def _print(found: dict[str, Any]) -> None:
    table = Table(box=None)
    for name in ("side", "operation"):
        table.add_column(name)
    for name in ("requests", "bytes sent", "bytes received"):
        table.add_column(name, justify="right")
    for row in found["operations"]:
        table.add_row(row["side"], row["operation"], *_figures(row))
    for row in found["sides"]:
        table.add_row(row["side"], "all", *_figures(row))
    Console().print(table)
    run = found["runs"][-1]["requests"] if found["runs"] else 0
    most = found["max_requests"]
    click.echo(f"newest run: {run} of {'any number of' if most is None else most} requests", nl=False)
    click.echo(", limit reached" if found["limit_reached"] else "")


def _figures(row: dict[str, Any]) -> list[str]:
    return [str(row[name]) for name in ("requests", "sent_bytes", "received_bytes")]
