"""`oms up`: everything embedded, in the foreground."""

import logging
import os
import sys
from pathlib import Path

import click

from cli.embedded.errors import EmbeddedError
from cli.settings import read_settings
from cli.supervisor.engine import Plan, all_services, serve, worker_names
from cli.supervisor.supervisor import StopRequested

FEWEST_WORKERS, MOST_WORKERS = 2, 8


@click.command()
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Directory that holds everything; created when it is not there.",
)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0: any free.")
@click.option(
    "--workers", type=click.IntRange(1, 64), default=None, help="Workers [default: one a core, 2 to 8]."
)
def command(data_dir: Path, port: int, workers: int | None) -> None:
    """Runs Postgres, Redis, the API, workers and the scheduler until SIGTERM or Ctrl-C."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr, level=logging.INFO)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    count = workers or min(MOST_WORKERS, max(FEWEST_WORKERS, os.cpu_count() or 1))
    root, settings = data_dir.resolve(), read_settings()
    names = worker_names(count, root, shared=settings.database_url is not None)
    plan = Plan(root, port, all_services(names, settings.silent_seconds))
    try:
        serve(plan, settings, lambda address: click.echo(f"ready {address}"))
    except (EmbeddedError, OSError) as error:
        raise click.ClickException(str(error)) from error
    except StopRequested:
        sys.exit(0)
