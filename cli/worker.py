"""`oms worker`: one process that moves bytes."""

import importlib
import os
import socket

import click

from cli.settings import WORKER_NAME, export, worker_name


@click.command()
@click.option("--name", default=None, help="Unique in the cluster [default: host and process id].")
def command(name: str | None) -> None:
    """Runs a worker (a piece of a cluster; `oms up` starts its own)."""
    chosen = name or worker_name() or f"worker-{socket.gethostname()}-{os.getpid()}"
    export({WORKER_NAME: chosen})
    # The edges do not know each other: the worker is named here, not imported.
    importlib.import_module("workers.tasks.main").run_worker(chosen)
