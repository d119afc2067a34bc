"""The success, failed and skip lists below `oms/`: their names and their lines (oms-behaviour 2.1, 2.2)."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from functools import lru_cache
from typing import Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

from engine.outcomes import Columns, Outcome

LINES_PER_FILE: Final = 100_000
# So many lists of skipped objects are written together while a task is still listing, which goes first.
LISTS_TOGETHER: Final = 16
CONTENT_TYPE: Final = "text/plain"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCK: Final = "%Y-%m-%d %H:%M:%S"
_PLAIN: Final = re.compile("[0-9A-Za-z/_.~-]*")
_PLAIN_KEYS: Final = re.compile(rb"[0-9A-Za-z/_.~\n-]*")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\udc80-\udcff]")


class RecordKind(StrEnum):
    """Which of the three lists."""

    SUCCESS = "success"
    FAILED = "failed"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class FailedLine:
    """A line of a failed list. `time` is the region's, as written."""

    code: str
    time: str
    key: bytes
    detail: str


def record_folder(
    task_name: str, kind: RecordKind, *, group_id: str | None = None, sync_id: str | None = None
) -> str:
    """Where the files of one list lie; for a group or a sync task its own folder comes before the task's name."""
    if sync_id:
        return f"oms/sync_task/{sync_id}/{kind}_object_lists/{task_name}/"
    if group_id:
        return f"oms/task_group/{group_id}/{kind}_object_lists/{task_name}/"
    return f"oms/task/{task_name}/{kind}_object_lists/"


def record_key(
    task_name: str,
    kind: RecordKind,
    opened_ms: int,
    *,
    group_id: str | None = None,
    sync_id: str | None = None,
) -> str:
    """The key of one file, by the instant it was opened."""
    folder = record_folder(task_name, kind, group_id=group_id, sync_id=sync_id)
    return f"{folder}{opened_ms}.{kind}_list.txt"


def line(outcome: Outcome, kind: RecordKind, finished_ms: int, zone: tzinfo) -> bytes:
    r"""One line, TAB between the columns and LF at the end.

    failed: code, time, encoded key, raw key, the store's words.
    success, skip: time, encoded key, raw key, size, check, result and what of the object was left behind.
    The encoded column is the key; in the raw one and in the store's words control characters are `\xNN`.
    """
    time, raw = _time(finished_ms // 1000, zone), outcome.key.decode("utf-8", "surrogateescape")
    if _PLAIN.fullmatch(raw):
        encoded = raw
    else:
        encoded, raw = quote_from_bytes(outcome.key), _shown(raw)
    if kind is RecordKind.FAILED:
        text = f"{outcome.code}\t{time}\t{encoded}\t{raw}\t{_shown(outcome.detail)}\n"
    else:
        size, result = max(0, outcome.size), _result(kind, outcome.strength, outcome.detail)
        text = f"{time}\t{encoded}\t{raw}\t{size}\t{outcome.evidence}\t{result}\n"
    return text.encode("utf-8", "backslashreplace")


def lines(outcomes: Columns, kind: RecordKind, zone: tzinfo) -> bytes:
    """The `line` of each, one after the other; at once where none of the keys has to be encoded."""
    together = b"\n".join(outcomes.keys)
    rows = len(outcomes.keys)
    if kind is RecordKind.FAILED or together.count(b"\n") != rows - 1 or not _PLAIN_KEYS.fullmatch(together):
        return b"".join([line(one, kind, one.finished_ms, zone) for one in outcomes.outcomes()])
    keys = together.decode().split("\n")
    results = {
        pair: _result(kind, *pair) for pair in set(zip(outcomes.strengths, outcomes.details, strict=True))
    }
    times = {ms: _time(ms // 1000, zone) for ms in set(outcomes.finished_ms)}
    columns = zip(
        outcomes.finished_ms, keys, outcomes.sizes, outcomes.evidence, outcomes.strengths, outcomes.details,
        strict=True,
    )  # fmt: skip
    text = [
        f"{times[ms]}\t{key}\t{key}\t{size if size > 0 else 0}\t{evidence}\t{results[strength, detail]}\n"
        for ms, key, size, evidence, strength, detail in columns
    ]
    return "".join(text).encode("utf-8", "backslashreplace")


def parse_failed_line(written: bytes) -> FailedLine:
    """What `line` wrote into a failed list. Raises ValueError for anything else."""
    columns = written.removesuffix(b"\n").decode().split("\t")
    if len(columns) != 5 or not columns[2]:
        raise ValueError(f"a failed line of {len(columns)} columns")
    code, time, encoded, _, detail = columns
    return FailedLine(code, time, unquote_to_bytes(encoded), detail)


@lru_cache(maxsize=1024)
def _time(instant_s: int, zone: tzinfo) -> str:
    return (_EPOCH + timedelta(seconds=instant_s)).astimezone(zone).strftime(_CLOCK)


def _result(kind: RecordKind, strength: str, detail: str) -> str:
    if kind is RecordKind.SKIP:
        return "skipped"
    word = f"consistent ({strength})" if strength else "consistent"
    return f"{word}; {_shown(detail)}" if detail else word


def _shown(text: str) -> str:
    return _CONTROL.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return "".join(f"\\x{byte:02x}" for byte in found[0].encode("utf-8", "surrogateescape"))
