"""Log lines: JSON, with fields, without secrets in any spelling."""

import json
import logging
import sys

import pytest

from workers.tasks.log import JsonLines, Secrets

SECRET = 'wJalr/XUt+n"FEMI\\K7'


def line(secrets: Secrets, message: str, **fields: object) -> str:
    try:
        raise ValueError(f"denied for {SECRET}")
    except ValueError:
        record = logging.LogRecord("here", logging.ERROR, "f", 1, message, (), sys.exc_info())
    vars(record).update(fields)
    return JsonLines("w1", secrets).format(record)


def test_a_line_has_its_fields() -> None:
    found = json.loads(line(Secrets(), "job_failed", task=7))
    assert (found["event"], found["task"], found["worker"], found["level"]) == (
        "job_failed",
        7,
        "w1",
        "ERROR",
    )
    assert "ValueError" in found["traceback"]


@pytest.mark.parametrize("text", [SECRET, "wJalr%2FXUt%2Bn%22FEMI%5CK7", json.dumps({"k": SECRET})])
def test_no_spelling_of_a_held_secret_is_written(text: str) -> None:
    secrets = Secrets()
    secrets.hold([SECRET])
    written = line(secrets, text, url=text, fields={"inner": text})
    for part in (SECRET, "wJalr", "FEMI"):
        assert part not in written
    assert json.loads(written)["event"].count("[secret]") == 1


def test_a_secret_of_two_holders_is_forgotten_after_the_second() -> None:
    secrets = Secrets()
    secrets.hold([SECRET])
    secrets.hold([SECRET])
    secrets.drop([SECRET])
    assert secrets.blot(SECRET) == "[secret]"
    secrets.drop([SECRET])
    assert secrets.blot(SECRET) == SECRET


def test_what_json_cannot_hold_is_written_all_the_same() -> None:
    assert "object object" in json.loads(line(Secrets(), "x", thing=object()))["thing"]
