"""What children see of our environment, and the private files of the first start."""

import base64
import os
import stat
from pathlib import Path

import pytest

from cli.settings import child_environment, read_settings
from cli.supervisor.first_start import ensure_master_key, write_private
from cli.supervisor.supervised import LONGEST_PAUSE, STEADY_SECONDS, BackOff


@pytest.mark.parametrize(
    "name",
    [
        "AWS_PROFILE",
        "GOOGLE_CLOUD_PROJECT",
        "AZURE_CLIENT_ID",
        "ALIBABA_CLOUD_ROLE_ARN",
        "HTTP_PROXY",
        "no_proxy",
        "OMS_SRC_SK",
        "OMS_PASSWORD",
    ],
)
def test_credentials_and_proxies_are_not_handed_on(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "canary")
    assert name not in child_environment({})


@pytest.mark.parametrize("name", ["OMS_REGION", "OMS_TIMEZONE", "OMS_LEASE_SECONDS", "PATH", "LAWS_FILE"])
def test_the_rest_is_handed_on(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "value")
    assert child_environment({})[name] == "value"


def test_what_is_given_wins_over_what_is_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMS_DATABASE_URL", "inherited")
    assert child_environment({"OMS_DATABASE_URL": "given"})["OMS_DATABASE_URL"] == "given"


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMS_DATABASE_URL", "")
    monkeypatch.setenv("OMS_REDIS_URL", "")
    settings = read_settings()
    assert (settings.database_url, settings.redis_url) == (None, None)


def test_a_master_key_is_made_once_and_is_the_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    ensure_master_key(path)
    first = path.read_bytes()
    ensure_master_key(path)
    assert path.read_bytes() == first
    assert len(base64.b64decode(first)) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_private_file_replaces_a_draft_that_a_crash_left(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    draft = tmp_path / "credentials.json.new"
    draft.write_text("half")
    draft.chmod(0o644)
    mask = os.umask(0)
    try:
        write_private(path, b"whole")
    finally:
        os.umask(mask)
    assert path.read_bytes() == b"whole"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not draft.exists()


def test_a_pause_doubles_with_each_early_end_and_is_short_again_after_a_steady_run() -> None:
    back_off = BackOff()
    pauses = []
    for now in range(10):
        back_off.started(now)
        pauses.append(back_off.ended(now + 0.1))
    assert pauses[:4] == [0.2, 0.4, 0.8, 1.6]
    assert pauses[-1] == LONGEST_PAUSE
    back_off.started(100)
    assert back_off.ended(100 + STEADY_SECONDS) == 0.2
