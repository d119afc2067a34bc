"""The ledger's only reader of the environment."""

import os
from pathlib import Path

DATABASE_URL = "OMS_DATABASE_URL"
MASTER_KEY_FILE = "OMS_MASTER_KEY_FILE"
LEASE_SECONDS = "OMS_LEASE_SECONDS"


class SettingsError(Exception):
    """A setting is missing or cannot be used; the text names it."""


def database_url() -> str:
    """OMS_DATABASE_URL: `postgresql://user@host/db`, or `postgresql://user@/db?host=/directory/of/the/socket`."""
    return _required(DATABASE_URL)


def master_key_file() -> Path:
    """OMS_MASTER_KEY_FILE: the file whose last line is the key that seals credentials."""
    return Path(_required(MASTER_KEY_FILE))


def lease_seconds() -> float:
    """OMS_LEASE_SECONDS: how long a claim lasts without a sign of life, 20 by default."""
    text = os.environ.get(LEASE_SECONDS, "20")
    try:
        seconds = float(text)
    except ValueError:
        raise SettingsError(f"{LEASE_SECONDS} is not a number: {text!r}") from None
    if not 1 <= seconds <= 3600:
        raise SettingsError(f"{LEASE_SECONDS} is outside 1…3600: {text}")
    return seconds


def _required(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise SettingsError(f"{name} is not set")
    return value
