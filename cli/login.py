"""Options by which a command finds a server and enters it."""

import json
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from cli.client import Client, KeyLogin, PasswordLogin
from cli.client_settings import server_login

DEFAULT_SERVER = "http://127.0.0.1:8000"

_OPTIONS = (
    click.option("--server", metavar="URL", help=f"The API [OMS_SERVER; default: {DEFAULT_SERVER}]."),
    click.option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        help="Data directory of `oms up`: its credentials.json is the login.",
    ),
    click.option("--user", metavar="NAME", help="User [OMS_USER]; the password comes from OMS_PASSWORD."),
    click.option("--domain", metavar="NAME", help="The user's account [OMS_DOMAIN]."),
    click.option("--project", metavar="ID", help="Project [OMS_PROJECT]."),
    click.option("--access-key", metavar="AK", help="Access key [OMS_AK]; the secret comes from OMS_SK."),
)


def server_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options and hands the command a `client`."""

    @wraps(function)
    def with_client(*arguments: Any, **values: Any) -> Any:
        names = ("server", "data_dir", "user", "domain", "project", "access_key")
        login = {name: values.pop(name) for name in names}
        return function(*arguments, client=find_client(**login), **values)

    for option in reversed(_OPTIONS):
        with_client = option(with_client)
    return with_client


def find_client(
    server: str | None,
    data_dir: Path | None,
    user: str | None,
    domain: str | None,
    project: str | None,
    access_key: str | None,
) -> Client:
    """A client from options first, then the data directory, then the environment. Raises click.UsageError."""
    known = server_login()
    address = server or known.server or DEFAULT_SERVER
    if data_dir is not None:
        return client_of(address, data_dir / "credentials.json")
    project_id = project or known.project
    if not project_id:
        raise click.UsageError("which project? give --project, OMS_PROJECT or --data-dir")
    key = access_key or known.access_key
    if key and not user:
        if not known.secret_key:
            raise click.UsageError("OMS_SK is not set")
        return Client(address, project_id, KeyLogin(key, known.secret_key))
    name, account = user or known.user, domain or known.domain
    if not name or not account or not known.password:
        raise click.UsageError("who logs in? give --user, --domain and OMS_PASSWORD, or an access key")
    return Client(address, project_id, PasswordLogin(name, account, known.password))


def client_of(server: str, credentials: Path) -> Client:
    """A client that logs in with the credentials.json of a data directory. Raises click.UsageError."""
    try:
        found = json.loads(credentials.read_text())
        login = KeyLogin(found["access_key"], found["secret_key"])
        return Client(server, found["project_id"], login)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise click.UsageError(f"{credentials} cannot be used: {error}") from error
