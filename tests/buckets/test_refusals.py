"""What the bucket calls refuse, and with which code (OMS 5.5, oms-behaviour 8.4)."""

from collections.abc import Iterator
from typing import Any

import pytest

from api.buckets.opening import opened
from api.errors import ApiError
from connectors.registry import UnsupportedCloud
from ledger.iam import Role
from tests.api.service import Account, Answer, Service
from tests.buckets.cdn_server import ACCESS_KEY, BUCKET, SECRET_KEY
from tests.google_accounts import key_file
from tests.storeserver import ServerProcess

ROOT = "/objectstorage/buckets"
KEYS = {"ak": ACCESS_KEY, "sk": SECRET_KEY}
ACCOUNT = {"cloud_type": "AWS", **KEYS}
CDN = {"domain": "cdn.example", "protocol": "https", "authentication_type": "NONE"}
BODIES: dict[str, dict[str, Any]] = {
    "": ACCOUNT,
    "/regions": {**ACCOUNT, "bucket_name": BUCKET},
    "/prefix": {**ACCOUNT, "bucket_name": BUCKET, "file_name": "a", "data_center": "us-east-1"},
    "/objects": {
        **ACCOUNT,
        "bucket_name": BUCKET,
        "file_path": "",
        "data_center": "us-east-1",
        "page_size": 100,
        "behind_filename": "",
    },
    "/cdn-info": {**ACCOUNT, "region": "us-east-1", "bucket": BUCKET, "source_cdn": CDN},
}
LIST = {"obs_bucket": "lists", "list_file_key": "urls.txt", "region": "my-region", **KEYS}
EVERY = {**BODIES, "/url-source-list-file": LIST}


@pytest.fixture(autouse=True)
def faults(shop: ServerProcess) -> Iterator[None]:
    """The store behaves again afterwards."""
    yield
    shop.faults.clear()


def ask(api: Service, who: Account, path: str, **changes: Any) -> Answer:
    """The call with changes; None removes a field."""
    body = {name: value for name, value in {**EVERY[path], **changes}.items() if value is not None}
    return api.call(who, "POST", f"{ROOT}{path}", body)


@pytest.mark.parametrize(
    ("path", "name"),
    [(path, name) for path, body in EVERY.items() for name in body] + [("/cdn-info", "source_cdn")],
)
def test_each_mandatory_field_is_asked_for(api: Service, ann: Account, path: str, name: str) -> None:
    answer = ask(api, ann, path, **{name: None})
    assert (answer.status, answer.code) == (400, "OMS.1004")
    assert name in answer.json["error_msg"]


@pytest.mark.parametrize(
    ("path", "changes", "code"),
    [
        ("", {"cloud_type": "Nowhere"}, "OMS.0001"),
        ("", {"cloud_type": 5}, "OMS.1002"),
        ("", {"ak": "a" * 101}, "OMS.0001"),
        ("", {"ak": "two words"}, "OMS.0001"),
        ("", {"sk": " "}, "OMS.1004"),
        ("", {"cloud_type": "Tencent"}, "OMS.1004"),
        ("", {"cloud_type": "Google"}, "OMS.1004"),
        ("", {"cloud_type": "Google", "json_auth_file": "{}"}, "OMS.0151"),
        ("", {"cloud_type": "Google", "json_auth_file": key_file("x", "http://127.0.0.1/token")}, "OMS.0151"),
        ("", {"cloud_type": "Azure", "connection_string": ""}, "OMS.1004"),
        ("", {"cloud_type": "URLSource"}, "OMS.0151"),
        ("", {"app_id": "x" * 256}, "OMS.0001"),
        ("/regions", {"bucket_name": ""}, "OMS.1004"),
        ("/regions", {"bucket_name": "a b"}, "OMS.0151"),
        ("/regions", {"bucket_name": "-a"}, "OMS.0151"),
        ("/regions", {"bucket_name": "x" * 101}, "OMS.0001"),
        ("/prefix", {"file_name": "x" * 1025}, "OMS.0001"),
        ("/prefix", {"data_center": ""}, "OMS.1004"),
        ("/prefix", {"data_center": "a\r\nb"}, "OMS.0151"),
        ("/prefix", {"data_center": "a.b"}, "OMS.0152"),
        ("/objects", {"page_size": 101}, "OMS.0001"),
        ("/objects", {"page_size": -1}, "OMS.0001"),
        ("/objects", {"page_size": "many"}, "OMS.1002"),
        ("/objects", {"file_path": "b"}, "OMS.0001"),
        ("/objects", {"file_path": "x" * 1024 + "/"}, "OMS.0001"),
        ("/objects", {"behind_filename": "x" * 1025}, "OMS.0001"),
        ("/cdn-info", {"source_cdn": {**CDN, "authentication_type": "ALIYUN_OSS_A"}}, "OMS.1032"),
        ("/cdn-info", {"source_cdn": {**CDN, "authentication_type": "OTHER"}}, "OMS.0001"),
        ("/cdn-info", {"source_cdn": {**CDN, "protocol": "ftp"}}, "OMS.0001"),
        ("/cdn-info", {"source_cdn": {**CDN, "domain": "a/b"}}, "OMS.0001"),
        ("/cdn-info", {"source_cdn": {**CDN, "domain": "a@b"}}, "OMS.0001"),
        ("/cdn-info", {"source_cdn": {**CDN, "domain": "a:99999"}}, "OMS.0001"),
        ("/cdn-info", {"prefix": {"keys": ["k"] * 101}}, "OMS.1003"),
        ("/cdn-info", {"prefix": {"keys": ["k" * 2049]}}, "OMS.0001"),
        ("/url-source-list-file", {"list_file_key": ""}, "OMS.0001"),
        ("/url-source-list-file", {"region": ""}, "OMS.1004"),
    ],
)
def test_what_does_not_fit_is_refused(
    api: Service, ann: Account, path: str, changes: dict[str, Any], code: str
) -> None:
    answer = ask(api, ann, path, **changes)
    assert (answer.status, answer.code) == (400, code), answer.body


def test_a_cloud_without_a_connector_is_not_built_yet() -> None:
    with pytest.raises(ApiError) as refused, opened():
        raise UnsupportedCloud("Nowhere")
    assert (refused.value.status, refused.value.code) == (501, "OMS.0001")
    assert "cloud_type" in refused.value.message


@pytest.mark.parametrize(
    ("path", "changes", "code", "told"),
    [
        ("", {"ak": "nobody"}, "OMS.0153", "bad_credentials"),
        ("", {"sk": "SK-canary"}, "OMS.0153", "bad_credentials"),
        ("/regions", {"bucket_name": "nothing-here"}, "OMS.0155", "no_bucket"),
        ("/regions", {"sk": "SK-canary"}, "OMS.0155", "bad_credentials"),
        ("/prefix", {"bucket_name": "nothing-here"}, "OMS.0153", "no_bucket"),
        ("/prefix", {"ak": "denied", "sk": "secret"}, "OMS.0153", "access_denied"),
        ("/prefix", {"ak": "temporary", "sk": "secret"}, "OMS.0153", "credentials"),
        ("/objects", {"bucket_name": "nothing-here"}, "OMS.0153", "no_bucket"),
        ("/objects", {"sk": "SK-canary"}, "OMS.0153", "bad_credentials"),
        ("/objects", {"ak": "denied", "sk": "secret"}, "OMS.0153", "access_denied"),
        ("/cdn-info", {"bucket": "nothing-here"}, "OMS.0153", "no_bucket"),
        ("/url-source-list-file", {"obs_bucket": "nothing-here"}, "OMS.0153", "no_"),
        ("/url-source-list-file", {"ak": "denied", "sk": "secret"}, "OMS.0153", "access_denied"),
    ],
)
def test_a_stores_refusal_is_told_in_one_word(
    api: Service, ann: Account, path: str, changes: dict[str, Any], code: str, told: str
) -> None:
    answer = ask(api, ann, path, **changes)
    assert (answer.status, answer.code) == (400, code)
    assert told in answer.json["error_msg"]
    assert b"canary" not in answer.body


@pytest.mark.parametrize(
    "fault",
    [{"op": "list", "status": 503, "code": "SlowDown"}, {"op": "list", "xml": "broken"}, {"drop": True}],
    ids=["throttled", "broken", "dropped"],
)
def test_a_store_in_trouble_is_a_refusal_too(
    api: Service, ann: Account, shop: ServerProcess, fault: dict[str, Any]
) -> None:
    shop.faults.add(**fault)
    answer = ask(api, ann, "/objects")
    assert (answer.status, answer.code) == (400, "OMS.0153")


@pytest.mark.parametrize("end", ["", "?type=", "?type=both", "?type=SRC"])
def test_a_cloud_list_is_of_one_end(api: Service, ann: Account, end: str) -> None:
    answer = api.call(ann, "GET", f"/objectstorage/cloud-type{end}")
    assert (answer.status, answer.code) == (400, "OMS.1004" if not end else "OMS.0001")


def test_the_regions_of_one_cloud_can_be_asked_for(api: Service, ann: Account) -> None:
    one = api.call(ann, "GET", "/objectstorage/data-center?cloud_type=baidu").json
    assert [cloud["service_name"] for cloud in one] == ["Baidu"]
    assert api.call(ann, "GET", "/objectstorage/data-center?cloud_type=URLSource").json == []


def test_a_page_size_of_nothing_is_the_largest(api: Service, ann: Account) -> None:
    answer = ask(api, ann, "/objects", page_size=0)
    assert len(answer.json["records"]) == 4


@pytest.mark.parametrize("path", EVERY)
def test_nobody_else_may_ask(api: Service, ann: Account, path: str) -> None:
    nothing, other = api.account(Role.NONE), api.account()
    assert ask(api, nothing, path).code == "OMS.0206"
    headers = {"X-Auth-Token": api.token(other)}
    foreign = api.send("POST", f"/v2/{ann.project_id}{ROOT}{path}", EVERY[path], headers)
    assert (foreign.status, foreign.code) == (403, "OMS.2001")
    nobody = api.send("POST", f"/v2/{ann.project_id}{ROOT}{path}", EVERY[path])
    assert (nobody.status, nobody.code) == (401, "OMS.9999")


def test_a_reader_may_look(api: Service) -> None:
    assert ask(api, api.account(Role.READER), "").status == 200


@pytest.mark.parametrize("path", EVERY)
def test_a_question_is_posted(api: Service, ann: Account, path: str) -> None:
    answer = api.call(ann, "GET", f"{ROOT}{path}")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
