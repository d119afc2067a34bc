"""Logging as JSON lines on standard error, with every secret that this process holds blotted out."""

import json
import logging
import sys
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from threading import Lock
from urllib.parse import quote

BLOT = "[secret]"
_SHORTEST = 4
# Celery's word for each message that comes and goes; messages are doorbells.
_CHATTY = ("celery.worker.strategy", "celery.app.trace")
_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {
    "message",
    "asctime",
    "taskName",
}


class Secrets:
    """The secret values that are in use now; one may be held by several tasks."""

    def __init__(self) -> None:
        self._held: Counter[str] = Counter()
        self._lock = Lock()

    def hold(self, values: Iterable[str]) -> None:
        """From now on these are blotted out."""
        with self._lock:
            self._held.update(value for value in values if len(value) >= _SHORTEST)

    def drop(self, values: Iterable[str]) -> None:
        """One holder less; without any a value is forgotten."""
        with self._lock:
            self._held.subtract(value for value in values if len(value) >= _SHORTEST)
            self._held = +self._held

    def blot(self, text: str) -> str:
        """The text without secrets, in whatever spelling a URL or a JSON string gives them."""
        with self._lock:
            held = sorted(self._held, key=len, reverse=True)
        for value in held:
            for spelling in _spellings(value):
                text = text.replace(spelling, BLOT)
        return text


def _spellings(value: str) -> tuple[str, ...]:
    escaped = json.dumps(value)[1:-1]
    return (value, escaped, json.dumps(escaped)[1:-1], quote(value, safe=""), quote(value))


class JsonLines(logging.Formatter):
    """One record a line: time, level, event, the fields of `extra`, and the traceback if there is one."""

    def __init__(self, worker: str, secrets: Secrets) -> None:
        super().__init__()
        self._worker = worker
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """The line; what JSON cannot hold is written as its repr."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "event": record.getMessage(),
            "logger": record.name,
            "worker": self._worker,
            **{name: value for name, value in vars(record).items() if name not in _STANDARD},
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return self._secrets.blot(json.dumps(line, default=repr))


def configure(worker: str, secrets: Secrets, level: int = logging.INFO) -> None:
    """Sends all logging of this process to standard error; calling it again replaces what was set."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(worker, secrets))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
