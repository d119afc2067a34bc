"""The environment of a worker: defaults, and a clear word about what cannot be used."""

import pytest

from ledger.settings import SettingsError
from workers.tasks.settings import read_settings


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMS_POLL_SECONDS", "OMS_SLOTS", "OMS_TIMEZONE", "OMS_REDIS_URL", "OMS_WATCHDOG_SECONDS"):
        monkeypatch.setenv(name, "")
    found = read_settings()
    assert (found.poll_seconds, found.slots, found.watchdog_seconds) == (5.0, 5, 30.0)
    assert found.redis_url == "redis://127.0.0.1:6379/0"
    assert found.zone.key == "UTC"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OMS_POLL_SECONDS", "often"),
        ("OMS_POLL_SECONDS", "-1"),
        ("OMS_POLL_SECONDS", "nan"),
        ("OMS_SLOTS", "0"),
        ("OMS_WATCHDOG_SECONDS", "0"),
        ("OMS_TIMEZONE", "Middle/Earth"),
        ("OMS_TIMEZONE", "../etc/passwd"),
    ],
)
def test_what_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name):
        read_settings()
