"""The environment of workers and scheduler, beyond what ledger, broker and connectors read themselves."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engine.restores import DAYS
from ledger.settings import SettingsError
from workers.broker.settings import redis_url
from workers.tasks.couriers import MailServer

POLL_SECONDS = "OMS_POLL_SECONDS"
SLOTS = "OMS_SLOTS"
WORKER_NAME = "OMS_WORKER_NAME"
WATCHDOG_SECONDS = "OMS_WATCHDOG_SECONDS"
LAST_LOOP_FILE = "OMS_LAST_LOOP_FILE"
TIMEZONE = "OMS_TIMEZONE"
RESTORE_DAYS = "OMS_RESTORE_DAYS"
RESTORE_POLL_SECONDS = "OMS_RESTORE_POLL_SECONDS"
SMTP_URL = "OMS_SMTP_URL"
SMTP_FROM = "OMS_SMTP_FROM"


@dataclass(frozen=True, slots=True)
class Settings:
    """How a worker process behaves. Times in seconds; `poll_seconds` 0: messages alone wake it.

    `slots`: how many tasks of a project may run in one region. `last_loop_file` is touched as the loop ticks.
    Archived objects are asked back for `restore_days` and looked for every `restore_poll_seconds` at the most often.
    """

    redis_url: str
    name: str
    poll_seconds: float = 5.0
    slots: int = 5
    watchdog_seconds: float = 30.0
    last_loop_file: Path | None = None
    zone: ZoneInfo = ZoneInfo("UTC")  # noqa: RUF009 - immutable
    mail: MailServer | None = None
    restore_days: int = DAYS
    restore_poll_seconds: float = 60.0


def read_settings() -> Settings:
    """Reads the environment of this process; an empty variable is as good as none. Raises SettingsError."""
    file = os.environ.get(LAST_LOOP_FILE)
    return Settings(
        redis_url=redis_url(),
        name=os.environ.get(WORKER_NAME) or f"worker-{socket.gethostname()}-{os.getpid()}",
        poll_seconds=_number(POLL_SECONDS, 5.0, 0, 3600),
        slots=int(_number(SLOTS, 5, 1, 1000)),
        watchdog_seconds=_number(WATCHDOG_SECONDS, 30.0, 1, 3600),
        last_loop_file=Path(file) if file else None,
        zone=_zone(os.environ.get(TIMEZONE) or "UTC"),
        mail=_mail_server(os.environ.get(SMTP_URL), os.environ.get(SMTP_FROM)),
        restore_days=int(_number(RESTORE_DAYS, DAYS, 1, 30)),
        restore_poll_seconds=_number(RESTORE_POLL_SECONDS, 60.0, 0.1, 3600),
    )


def _number(name: str, default: float, least: float, most: float) -> float:
    text = os.environ.get(name)
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        raise SettingsError(f"{name} is not a number: {text!r}") from None
    if not least <= number <= most:
        raise SettingsError(f"{name} is outside {least:g}…{most:g}: {text}")
    return number


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingsError(f"{TIMEZONE} is no time zone: {name!r}") from None


def _mail_server(url: str | None, sender: str | None) -> MailServer | None:
    """`smtp://[user:password@]host[:port]`, or `smtps://` for TLS from the first byte."""
    if not url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise SettingsError(f"{SMTP_URL} is no address") from None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise SettingsError(f"{SMTP_URL} must be smtp://HOST[:PORT] or smtps://HOST[:PORT]")
    tls = parts.scheme == "smtps"
    return MailServer(
        host=parts.hostname,
        port=port or (465 if tls else 25),
        sender=sender or f"oms@{socket.gethostname()}",
        tls=tls,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )
