"""`oms beat`: the scheduler."""

import importlib

import click


@click.command()
def command() -> None:
    """Runs the scheduler (a piece of a cluster; `oms up` starts its own). Nothing needs it for safety."""
    importlib.import_module("workers.tasks.main").run_beat()
