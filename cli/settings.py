"""The environment of the commands: what they read from it and what they hand to their children.

The only module of `cli` that looks at the environment (design: one `settings.py` a layer).
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DATABASE_URL = "OMS_DATABASE_URL"
REDIS_URL = "OMS_REDIS_URL"
MASTER_KEY_FILE = "OMS_MASTER_KEY_FILE"
ENDPOINTS = "OMS_ENDPOINTS"
WORKER_NAME = "OMS_WORKER_NAME"
LAST_LOOP_FILE = "OMS_LAST_LOOP_FILE"
WATCHDOG_SECONDS = "OMS_WATCHDOG_SECONDS"

# Credentials and proxies of the operator's shell must never reach a store or colour what an SDK does.
_VENDORS = "AWS|GOOGLE|AZURE|ALIBABA|ALIYUN|OSS|COS|TENCENTCLOUD|HUAWEICLOUD|OBS"
_OF_COMMANDS = "OMS_(SRC_|DST_)?(AK|SK)$|OMS_PASSWORD$"
_SCRUBBED = re.compile(rf"({_VENDORS})_|([A-Z]+_)?PROXY$|{_OF_COMMANDS}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator says through the environment; `silent_seconds`: when a worker that says nothing is ended."""

    database_url: str | None
    redis_url: str | None
    master_key_file: Path | None
    runtime_directory: Path | None
    silent_seconds: float = 60.0


def read_settings() -> Settings:
    """Reads the environment of this process; an empty variable is as good as none."""
    return Settings(
        database_url=os.environ.get(DATABASE_URL) or None,
        redis_url=os.environ.get(REDIS_URL) or None,
        master_key_file=_path(os.environ.get(MASTER_KEY_FILE)),
        runtime_directory=_path(os.environ.get("XDG_RUNTIME_DIR")),
        silent_seconds=_silent_seconds(os.environ.get(WATCHDOG_SECONDS)),
    )


def child_environment(values: Mapping[str, str]) -> dict[str, str]:
    """The environment of a service: ours without credentials and proxies, and `values` over it.

    A relative OMS_ENDPOINTS is made absolute, and the package is found wherever the service starts.
    """
    kept = {name: value for name, value in os.environ.items() if not _SCRUBBED.match(name)}
    if kept.get(ENDPOINTS):
        kept[ENDPOINTS] = str(Path(kept[ENDPOINTS]).absolute())
    kept["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(Path(__file__).parents[1]), kept.get("PYTHONPATH")])
    )
    kept["PYTHONUNBUFFERED"] = "1"
    return {**kept, **values}


def export(values: Mapping[str, str]) -> None:
    """Puts values into the environment of this process, for the layers that read it in their own settings."""
    os.environ.update(values)


def worker_name() -> str | None:
    """The name that this worker was given through the environment."""
    return os.environ.get(WORKER_NAME) or None


def _silent_seconds(watchdog: str | None) -> float:
    """Twice the time after which a worker ends by itself; what is no number the worker itself refuses."""
    try:
        return 2 * float(watchdog or 30)
    except ValueError:
        return 60.0


def _path(value: str | None) -> Path | None:
    return Path(value).absolute() if value else None
