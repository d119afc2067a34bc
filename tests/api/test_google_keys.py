"""A Google source is opened by a key file in place of access keys (OMS 5.2.3, 5.2.5, 5.4.2)."""

import asyncio
import json
from typing import Any

import pytest

from engine.failures import Side
from ledger import credentials
from ledger.pool import Pool
from ledger.seal import KeyRing
from ledger.values import TaskId
from tests.api.service import Account, Service, task_body
from tests.google_accounts import address, key_file

FILE = key_file("reader")
GOOGLE = {"cloud_type": "Google", "region": "europe-west4", "ak": None, "sk": None}
START = {"dst_ak": "c", "dst_sk": "d"}


def _create(api: Service, who: Account, path: str = "/tasks", **changes: Any) -> Any:
    return api.call(who, "POST", path, task_body(src_node={**GOOGLE, **changes}))


def _kept(api: Service, task_id: int) -> tuple[str, str, str]:
    """What is sealed for the source of a task."""

    async def find() -> tuple[str, str, str]:
        pool = Pool(api.database_url)
        try:
            keys = await credentials.find(pool, TaskId(task_id), KeyRing.read(api.key_file))
        finally:
            await pool.close()
        found = keys[Side.SOURCE]
        return found.access_key, found.secret_key.get_secret_value(), found.token.get_secret_value()

    return asyncio.run(find())


def test_the_key_file_is_sealed_and_never_shown(api: Service, ann: Account) -> None:
    made = _create(api, ann, json_auth_file=FILE)
    assert made.status == 200, made.json
    task_id = int(made.json["id"])
    assert _kept(api, task_id) == (address("reader"), FILE, "")
    sealed = api.sql("SELECT sealed FROM credential WHERE task_id = %s", task_id)
    shown = api.call(ann, "GET", f"/tasks/{task_id}")
    for told in (shown.body, *(bytes(row[0]) for row in sealed)):
        assert b"PRIVATE KEY" not in told
        assert b"gserviceaccount" not in told


WRONG = [
    (None, "OMS.1004", ""),
    (" ", "OMS.1004", ""),
    ("canary", "OMS.0001", "JSON"),
    ("{}", "OMS.0001", "type"),
    (key_file("x", type="external_account"), "OMS.0001", "type"),
    (key_file("x", private_key="canary"), "OMS.0001", "private_key"),
    (key_file("x", client_email="canary"), "OMS.0001", "client_email"),
    (key_file("x", "http://169.254.169.254/token"), "OMS.0001", "token_uri"),
    (key_file("x", "https://oauth2.googleapis.com.canary.example/token"), "OMS.0001", "token_uri"),
    ("x" * 65_536, "OMS.0001", ""),
]


@pytest.mark.parametrize(("text", "code", "named"), WRONG)
def test_a_file_that_cannot_be_used_is_refused(
    api: Service, ann: Account, text: str | None, code: str, named: str
) -> None:
    for path in ("/tasks", "/taskgroups"):
        answer = _create(api, ann, path, json_auth_file=text)
        assert (answer.status, answer.code) == (400, code), answer.body
        assert "json_auth_file" in answer.json["error_msg"]
        assert named in answer.json["error_msg"]
        assert b"canary" not in answer.body


def test_a_group_takes_a_key_file(api: Service, ann: Account) -> None:
    answer = _create(api, ann, "/taskgroups", json_auth_file=FILE)
    assert answer.status == 200, answer.json


def test_a_start_takes_another_file(api: Service, ann: Account) -> None:
    task_id = int(_create(api, ann, json_auth_file=FILE).json["id"])
    api.put_in(task_id, 3)
    start = f"/tasks/{task_id}/start"
    assert api.call(ann, "POST", start, {**START, "src_ak": "a", "src_sk": "b"}).code == "OMS.1004"
    wrong = api.call(ann, "POST", start, {**START, "json_auth_file": json.dumps({"type": "canary"})})
    assert (wrong.code, b"canary" in wrong.body) == ("OMS.0001", False)
    other = key_file("writer")
    assert api.call(ann, "POST", start, {**START, "json_auth_file": other}).status == 200
    assert _kept(api, task_id) == (address("writer"), other, "")
