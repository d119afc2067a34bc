"""What a data directory needs before its services start: a master key, a schema, a first user."""

import asyncio
import base64
import importlib
import inspect
import json
import logging
import os
import secrets
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from cli.embedded.errors import EmbeddedError

log = logging.getLogger("oms.supervisor")


def prepare_installation(url: str, master_key: Path, credentials: Path) -> None:
    """Makes a database and a data directory ready for the services; what is there already stays as it is.

    Raises EmbeddedError when the database or the key cannot be used.
    """
    ensure_master_key(master_key)
    try:
        migrate_schema(url)
        ensure_credentials(url, master_key, credentials)
    except Exception as error:
        raise EmbeddedError(f"the database cannot be prepared: {error}") from error


def ensure_master_key(path: Path) -> None:
    """Writes 32 random bytes in base64, mode 0600, when there is no key yet."""
    if not path.exists():
        write_private(path, base64.b64encode(secrets.token_bytes(32)) + b"\n")


def migrate_schema(url: str) -> None:
    """Brings the database to the newest schema."""
    _call("ledger.schema", "upgrade", url)


def ensure_credentials(url: str, master_key: Path, credentials: Path) -> None:
    """Creates the first user when there is none and writes its credentials, mode 0600."""
    created = _call("ledger.bootstrap", "ensure_first_user", url, str(master_key))
    if created is not None:
        write_private(credentials, json.dumps(created, indent=2).encode() + b"\n")
    elif not credentials.exists():
        log.warning("credentials_not_written file=%s reason=the first user exists already", credentials)


def void_leases_of(url: str, worker_name: str) -> None:
    """Voids the leases of a worker that is known to be dead, so that others go on with its work at once."""
    _call("ledger.bootstrap", "void_worker", url, worker_name)


def write_private(path: Path, content: bytes) -> None:
    """Writes a file of mode 0600 that is there as a whole or not at all."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _call(module: str, name: str, *arguments: str) -> Any:
    # Imported late: the ledger brings SQLAlchemy, and other commands start without it.
    result = getattr(importlib.import_module(module), name)(*arguments)
    if inspect.isawaitable(result):
        return asyncio.run(_finish(result))
    return result


async def _finish(awaitable: Awaitable[Any]) -> Any:
    return await awaitable
