"""Looking into an account of Google with a key file (OMS 5.5)."""

from typing import Any

import pytest

from tests.api.service import Account, Answer, Service
from tests.buckets.cdn_server import BUCKET
from tests.google_accounts import key_file
from tests.storeserver import ServerProcess

ROOT = "/objectstorage/buckets"


@pytest.fixture
def file(drive: ServerProcess) -> str:
    return key_file("reader", f"{drive.url}/token")


def _ask(api: Service, who: Account, path: str, file: str, **more: Any) -> Answer:
    return api.call(who, "POST", f"{ROOT}{path}", {"cloud_type": "Google", "json_auth_file": file, **more})


def test_buckets_are_listed(api: Service, ann: Account, file: str) -> None:
    assert _ask(api, ann, "", file).json == sorted([BUCKET, "empty"])


def test_a_bucket_tells_its_region(api: Service, ann: Account, file: str) -> None:
    answer = _ask(api, ann, "/regions", file, bucket_name=BUCKET)
    assert (answer.status, answer.json["id"], answer.json["support"]) == (200, "europe-west4", True)


def test_a_level_is_shown_and_a_prefix_found(api: Service, ann: Account, file: str) -> None:
    place = {"bucket_name": BUCKET, "data_center": "europe-west4"}
    page = {"file_path": "", "page_size": 100, "behind_filename": ""}
    answer = _ask(api, ann, "/objects", file, **place, **page)
    assert answer.status == 200, answer.body
    assert [one["name"] for one in answer.json["records"]] == ["a.txt", "b/"]
    assert _ask(api, ann, "/prefix", file, **place, file_name="b/").status == 200


@pytest.mark.parametrize("changes", [{"key": "wrong"}, {"client_email": "nobody@a.iam.gserviceaccount.com"}])
def test_wrong_keys_are_told(
    api: Service, ann: Account, drive: ServerProcess, changes: dict[str, str]
) -> None:
    answer = _ask(api, ann, "", key_file("reader", f"{drive.url}/token", **changes))
    assert (answer.status, answer.code) == (400, "OMS.0153")
    assert "bad_credentials" in answer.json["error_msg"]
    assert b"PRIVATE" not in answer.body
