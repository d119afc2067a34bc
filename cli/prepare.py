"""`oms prepare`: makes a cluster's database ready."""

from pathlib import Path

import click

from cli.embedded.errors import EmbeddedError
from cli.settings import DATABASE_URL, MASTER_KEY_FILE, read_settings
from cli.supervisor.first_start import prepare_installation


@click.command()
@click.option(
    "--credentials",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("credentials.json"),
    show_default=True,
    help="Where the first user's credentials go (JSON, mode 0600).",
)
def command(credentials: Path) -> None:
    """Brings the schema up to date and creates the first user (a piece of a cluster; `oms up` does it by itself).

    OMS_DATABASE_URL names the database and OMS_MASTER_KEY_FILE the key, which is created when it is not there.
    """
    settings = read_settings()
    if settings.database_url is None or settings.master_key_file is None:
        raise click.UsageError(f"{DATABASE_URL} and {MASTER_KEY_FILE} must be set")
    try:
        prepare_installation(settings.database_url, settings.master_key_file, credentials)
    except (EmbeddedError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo("prepared")
