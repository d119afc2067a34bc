"""What the operator sets for the HTTP edge; the only module of `api` that reads the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class SinceUnit(StrEnum):
    """The unit in which `migrate_since` is answered (requests are always in seconds)."""

    MILLISECONDS = "milliseconds"
    SECONDS = "seconds"


class SettingsError(ValueError):
    """The environment does not describe a service that can start."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that varies between installations. `region` None: any region is our own."""

    database_url: str
    master_key_file: Path
    redis_url: str | None = None
    region: str | None = None
    timezone: str = "UTC"
    endpoints_file: Path | None = None
    public_url: str | None = None
    tasks_per_day: int = 1500
    tasks_waiting: int = 1500
    groups_per_day: int = 100
    group_task_objects: int = 100_000
    group_task_bytes: int = 1 << 40
    sync_tasks: int = 5
    sync_backlog: int = 100_000
    sync_event_keys: int = 100
    since_unit: SinceUnit = SinceUnit.MILLISECONDS
    database_connections: int = 10
    agreement_required: bool = False
    max_requests: int | None = None


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Reads the process's environment (or the given one); raises SettingsError naming the variable."""
    values = os.environ if environment is None else environment
    return Settings(
        database_url=_required(values, "OMS_DATABASE_URL"),
        master_key_file=Path(_required(values, "OMS_MASTER_KEY_FILE")),
        redis_url=values.get("OMS_REDIS_URL") or None,
        region=values.get("OMS_REGION") or None,
        timezone=_zone(values.get("OMS_TIMEZONE") or "UTC"),
        endpoints_file=_path(values.get("OMS_ENDPOINTS")),
        public_url=values.get("OMS_PUBLIC_URL") or None,
        tasks_per_day=_number(values, "OMS_TASKS_PER_DAY", 1500),
        tasks_waiting=_number(values, "OMS_TASKS_WAITING", 1500),
        groups_per_day=_number(values, "OMS_GROUPS_PER_DAY", 100),
        group_task_objects=_number(values, "OMS_GROUP_TASK_OBJECTS", 100_000),
        group_task_bytes=_number(values, "OMS_GROUP_TASK_BYTES", 1 << 40),
        sync_tasks=_number(values, "OMS_SYNC_TASKS", 5),
        sync_backlog=_number(values, "OMS_SYNC_BACKLOG", 100_000),
        sync_event_keys=_number(values, "OMS_SYNC_EVENT_KEYS", 100),
        since_unit=_unit(values.get("OMS_COMPAT_MIGRATE_SINCE_RESPONSE") or SinceUnit.MILLISECONDS),
        database_connections=_number(values, "OMS_API_DATABASE_CONNECTIONS", 10),
        agreement_required=_switch(values, "OMS_REQUIRE_PRIVACY_AGREEMENT"),
        max_requests=_number(values, "OMS_MAX_REQUESTS", 0) or None,
    )


def _required(values: Mapping[str, str], name: str) -> str:
    value = values.get(name)
    if not value:
        raise SettingsError(f"{name} is not set")
    return value


def _number(values: Mapping[str, str], name: str, default: int) -> int:
    text = values.get(name)
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise SettingsError(f"{name} must be a positive whole number")
    return int(text)


def _switch(values: Mapping[str, str], name: str) -> bool:
    text = (values.get(name) or "false").lower()
    if text not in ("true", "false"):
        raise SettingsError(f"{name} must be true or false")
    return text == "true"


def _unit(text: str) -> SinceUnit:
    try:
        return SinceUnit(text)
    except ValueError as error:
        raise SettingsError("OMS_COMPAT_MIGRATE_SINCE_RESPONSE must be milliseconds or seconds") from error


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise SettingsError(f"OMS_TIMEZONE: no such zone: {name}") from error
    return name


def _path(value: str | None) -> Path | None:
    return Path(value) if value else None
