"""`oms task`, `oms admin` and `oms migrate` against the real API, in processes of their own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from cli.locations import BucketAddress, LocationError, destination_address, source_address
from cli.progress import lasting, shown, sized
from tests.api.service import (
    PASSWORD,
    ROOT,
    Account,
    Service,
    ended_with_failures,
    record_failures,
    task_body,
)
from tests.storeserver.config import Account as StoreAccount
from tests.storeserver.config import StoreConfig
from tests.storeserver.process import ServerProcess

KEYS = {
    "OMS_SRC_AK": "A-canary",
    "OMS_SRC_SK": "B-canary",
    "OMS_DST_AK": "C-canary",
    "OMS_DST_SK": "D-canary",
}


def command(*arguments: str) -> list[str]:
    """The command line of `oms`."""
    return [sys.executable, "-P", "-m", "cli.main", *arguments]


def environment(**values: str) -> dict[str, str]:
    """An environment without settings of ours but these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OMS_")}
    return {**kept, "PYTHONPATH": str(ROOT), **values}


def oms(*arguments: str, stdin: str = "", **values: str) -> "subprocess.CompletedProcess[str]":
    """Runs a command to its end."""
    return subprocess.run(
        command(*arguments), check=False, cwd=ROOT, env=environment(**values), input=stdin,
        capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip


def by_key(api: Service, who: Account) -> dict[str, str]:
    """Login with an access key."""
    return {
        "OMS_SERVER": api.address,
        "OMS_PROJECT": who.project_id,
        "OMS_AK": who.access_key,
        "OMS_SK": who.secret_key,
    }


def by_password(api: Service, who: Account) -> dict[str, str]:
    """Login with a password."""
    return {
        "OMS_SERVER": api.address,
        "OMS_PROJECT": who.project_id,
        "OMS_USER": who.user,
        "OMS_DOMAIN": who.domain.name,
        "OMS_PASSWORD": PASSWORD,
    }


@pytest.mark.parametrize("login", [by_key, by_password])
def test_a_task_is_moved_through_its_life_from_the_terminal(api: Service, ann: Account, login: Any) -> None:
    values = {**login(api, ann), **KEYS}
    body = task_body(src_node={"ak": None, "sk": None}, dst_node={"ak": None, "sk": None})
    created = oms("task", "create", stdin=json.dumps(body), **values)
    assert created.returncode == 0, created.stderr
    task_id = created.stdout.split()[0]
    listed = oms("task", "list", "--status", "1", "--name", "photos", **values)
    assert task_id in listed.stdout
    assert "1 of 1" in listed.stdout
    assert json.loads(oms("task", "show", task_id, **values).stdout)["status"] == 1
    refused = oms("task", "stop", task_id, **values)
    assert refused.returncode == 1
    assert "OMS.0066" in refused.stderr
    api.put_in(int(task_id), 2)
    assert oms("task", "stop", task_id, **values).returncode == 0
    started = oms("task", "start", task_id, **values)
    assert started.returncode == 0, started.stderr
    assert json.loads(oms("task", "show", task_id, **values).stdout)["status"] == 1
    assert oms("task", "delete", task_id, **values).returncode == 0
    assert "OMS.1009" in oms("task", "show", task_id, **values).stderr


def test_a_command_without_a_login_says_what_is_missing(api: Service, ann: Account) -> None:
    nothing = oms("task", "list")
    assert (nothing.returncode, "--project" in nothing.stderr) == (2, True)
    wrong = oms("task", "list", **{**by_key(api, ann), "OMS_SK": "wrong"})
    assert (wrong.returncode, "OMS.0068" in wrong.stderr) == (1, True)
    away = oms("task", "list", **{**by_key(api, ann), "OMS_SERVER": "http://127.0.0.1:1"})
    assert (away.returncode, "does not answer" in away.stderr) == (1, True)


@pytest.fixture
def migration(api: Service, ann: Account) -> Iterator["subprocess.Popen[str]"]:
    """`oms migrate` on a server whose workers are this test."""
    arguments = ["aws://photos/2024/?region=us-east-1", "obs://vault/in/?region=cn-north-4"]
    login = {name: value for name, value in by_password(api, ann).items() if name != "OMS_SERVER"}
    process = subprocess.Popen(
        command("migrate", *arguments, "--server", api.address),
        cwd=ROOT, env=environment(**login, **KEYS), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    yield process
    process.kill()
    process.communicate()


def its_task(api: Service, who: Account) -> dict[str, Any]:
    """The task that the command has created."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = api.call(who, "GET", "/tasks").json["tasks"]
        if found:
            task: dict[str, Any] = found[0]
            return task
        time.sleep(0.1)
    raise AssertionError("no task came")


@pytest.mark.parametrize(
    ("status", "code", "expected"), [(5, None, 0), (4, "TRF.0004", 1), (4, "TRF.0155", 2)]
)
def test_the_exit_code_of_a_migration_tells_how_it_went(
    api: Service,
    ann: Account,
    migration: "subprocess.Popen[str]",
    status: int,
    code: str | None,
    expected: int,
) -> None:
    task = its_task(api, ann)
    assert task["src_node"]["object_key"] == ["2024/"]
    assert task["dst_node"] == {"bucket": "vault", "region": "cn-north-4", "save_prefix": "in/"}
    if code == "TRF.0004":
        ended_with_failures(api, ann, task_id=task["id"])
        record_failures(api, task["id"])
    api.put_in(task["id"], status, error_code=code)
    output, errors = migration.communicate(timeout=20)
    assert migration.returncode == expected, errors
    assert output.startswith("migrated ")
    assert (code or "") in errors
    assert ("oms/task/x" in errors) == (code == "TRF.0004")
    assert "canary" not in output + errors


@pytest.mark.parametrize(
    "arguments",
    [("ftp://a/b", "obs://c"), ("aws://a", "aws://b"), ("aws://", "obs://b"), ("aws://a?zone=1", "obs://b")],
)
def test_addresses_that_name_no_bucket_are_usage_errors(arguments: tuple[str, str]) -> None:
    result = oms("migrate", *arguments, **KEYS)
    assert result.returncode == 2
    assert "Usage" in result.stderr
    assert "not set" in oms("migrate", "aws://a", "obs://b").stderr


def test_addresses_are_taken_apart() -> None:
    assert source_address("s3://a.b/c%20d/?region=eu-1") == BucketAddress("AWS", "a.b", "c d/", "eu-1")
    assert source_address("huaweicloud://a") == BucketAddress("HuaweiCloud", "a", "", "")
    assert destination_address("obs://v//x") == BucketAddress("HEC", "v", "/x", "")
    with pytest.raises(LocationError):
        source_address("aws://user@bucket/")


def test_progress_is_told_in_units_for_people(api: Service, ann: Account) -> None:
    assert [sized(0), sized(1023), sized(1536), sized(5 << 40)] == ["0 B", "1023 B", "1.5 KiB", "5.00 TiB"]
    assert [lasting(1), lasting(61_000), lasting(3_600_000)] == ["0:00:01", "0:01:01", "1:00:00"]
    task_id = ended_with_failures(api, ann)
    line = shown(api.call(ann, "GET", f"/tasks/{task_id}").json).line
    assert "10/10 objects" in line
    assert "3 failed" in line


def test_users_projects_and_keys_are_managed_from_the_terminal(api: Service, ann: Account) -> None:
    values = {"OMS_DATABASE_URL": api.database_url, "OMS_MASTER_KEY_FILE": str(api.key_file)}
    domain = ("--domain", ann.domain.name)
    added = oms("admin", "users", "add", "bob", "--role", "reader", *domain, stdin="long enough\n", **values)
    assert added.returncode == 0, added.stderr
    assert "already" in oms("admin", "users", "add", "bob", *domain, stdin="long enough\n", **values).stderr
    assert oms("admin", "users", "add", "eve", *domain, stdin="short\n", **values).returncode == 2
    project = oms("admin", "projects", "add", "second", *domain, **values).stdout.strip()
    assert project in oms("admin", "projects", "list", **values).stdout
    key = dict(
        line.split() for line in oms("admin", "keys", "add", "bob", *domain, **values).stdout.splitlines()
    )
    login = {
        "OMS_SERVER": api.address,
        "OMS_PROJECT": project,
        "OMS_AK": key["access_key"],
        "OMS_SK": key["secret_key"],
    }
    assert oms("task", "list", **login).returncode == 0
    rotated = oms("admin", "keys", "rotate", key["access_key"], **values).stdout
    assert "OMS.0068" in oms("task", "list", **login).stderr
    fresh = dict(line.split() for line in rotated.splitlines())
    login |= {"OMS_AK": fresh["access_key"], "OMS_SK": fresh["secret_key"]}
    assert oms("task", "list", **login).returncode == 0
    shown_keys = oms("admin", "keys", "list", **values).stdout
    assert fresh["access_key"] in shown_keys
    assert fresh["secret_key"] not in shown_keys
    assert oms("admin", "users", "disable", "bob", *domain, **values).returncode == 0
    assert "OMS.0068" in oms("task", "list", **login).stderr
    assert "no" in next(
        line for line in oms("admin", "users", "list", **values).stdout.splitlines() if "bob" in line
    )
    assert oms("admin", "keys", "disable", "nothing", **values).returncode == 2


def test_leaked_uploads_are_shown_without_control_characters(api: Service) -> None:
    api.sql(
        "INSERT INTO upload (task_id, run_no, unit_id, idx, destination, dst_key, upload_id, src_etag, src_size,"
        " part_size, state) VALUES (77, 1, 1, 0, '{\"bucket\": \"vault\"}', %s, 'upload-7', 'e', 9, 9, 'leaked')",
        b"a\x1b[31m\n",
    )
    values = {"OMS_DATABASE_URL": api.database_url, "OMS_MASTER_KEY_FILE": str(api.key_file)}
    output = oms("admin", "uploads", **values).stdout
    assert "upload-7" in output
    assert "\x1b" not in output
    assert r"a\x1b[31m\n" in output


@pytest.mark.slow
def test_a_migration_with_an_engine_of_its_own_arrives_and_repeats_without_work(tmp_path: Path) -> None:
    config = StoreConfig()
    config.keys, config.buckets = {"AKA": StoreAccount("SKA")}, ["photos", "vault"]
    with ServerProcess(config) as store:
        _fill(store)
        endpoints = tmp_path / "endpoints.yaml"
        lines = [
            {"cloud_type": cloud, "region": "*", "endpoint": store.url, "addressing": "path"}
            for cloud in ("AWS", "HEC")
        ]
        endpoints.write_text(json.dumps(lines))
        keys = {"OMS_SRC_AK": "AKA", "OMS_SRC_SK": "SKA", "OMS_DST_AK": "AKA", "OMS_DST_SK": "SKA"}
        where = (
            "aws://photos/2024/?region=us-east-1",
            "obs://vault/in/",
            "--data-dir",
            str(tmp_path / "data"),
        )
        for count, skipped in ((30, 0), (0, 30)):
            result = oms("migrate", *where, OMS_ENDPOINTS=str(endpoints), **keys)
            assert result.returncode == 0, result.stderr
            assert result.stdout.startswith(f"migrated {count} objects")
            assert f"skipped {skipped}, failed 0" in result.stdout
            assert not (tmp_path / "data" / "run").exists()


def _fill(store: ServerProcess) -> None:
    client = boto3.client(
        "s3", endpoint_url=store.url, aws_access_key_id="AKA", aws_secret_access_key="SKA", region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}),
    )  # fmt: skip
    for number in range(30):
        client.put_object(Bucket="photos", Key=f"2024/{number:03}", Body=bytes(number))
    client.put_object(Bucket="photos", Key="2023/1", Body=b"x")
