"""The CDN of a task: shown without its key, which is sealed with the source's and asked for again at each start."""

from typing import Any

import pytest

from tests.api.service import START, Account, Service, task_body

CDN = {"domain": "cdn.example:8443", "protocol": "https", "authentication_type": "TENCENT_COS_D"}
SECRET = "cdn-key-canary"


def test_a_cdn_is_shown_without_its_key(api: Service, ann: Account) -> None:
    made = api.call(ann, "POST", "/tasks", task_body(source_cdn={**CDN, "authentication_key": SECRET}))
    answer = api.call(ann, "GET", f"/tasks/{made.json['id']}")
    assert answer.json["source_cdn"] == CDN
    assert SECRET not in str(answer.json)
    kept = api.sql("SELECT spec::text, (SELECT string_agg(sealed::text, '') FROM credential) FROM task")
    assert SECRET not in str(kept)
    assert SECRET.encode().hex() not in str(kept)


@pytest.mark.check(65)
@pytest.mark.parametrize("key", [None, ""])
def test_a_start_brings_the_key_again(api: Service, ann: Account, key: Any) -> None:
    body = task_body(source_cdn={**CDN, "authentication_key": SECRET})
    task_id = api.call(ann, "POST", "/tasks", body).json["id"]
    api.put_in(task_id, 3)
    call = ("POST", f"/tasks/{task_id}/start")
    refused = api.call(ann, *call, {**START, "source_cdn_authentication_key": key})
    assert (refused.status, refused.code) == (400, "OMS.1032")
    assert api.call(ann, *call, {**START, "source_cdn_authentication_key": SECRET}).status == 200


def test_a_public_cdn_starts_without_a_key(api: Service, ann: Account) -> None:
    body = task_body(source_cdn={**CDN, "authentication_type": "NONE"})
    task_id = api.call(ann, "POST", "/tasks", body).json["id"]
    api.put_in(task_id, 3)
    assert api.call(ann, "POST", f"/tasks/{task_id}/start", START).status == 200


def test_a_url_list_starts_without_source_keys(api: Service, ann: Account) -> None:
    urls = {"cloud_type": "URLSource", "ak": None, "sk": None, "bucket": None, "region": None, "object_key": None,
            "list_file": {"list_file_key": "a.txt", "obs_bucket": "lists"}}  # fmt: skip
    made = api.call(ann, "POST", "/tasks", task_body(task_type="url_list", src_node=urls))
    shown = api.call(ann, "GET", f"/tasks/{made.json['id']}").json
    assert (shown["task_type"], shown["src_node"]["cloud_type"], shown["src_node"]["bucket"]) == (
        "url_list",
        "URLSource",
        "",
    )
    assert made.json["task_name"].startswith("url-")
    api.put_in(made.json["id"], 3)
    keys = {name: value for name, value in START.items() if name.startswith("dst_")}
    assert api.call(ann, "POST", f"/tasks/{made.json['id']}/start", keys).status == 200


def test_a_group_shows_its_cdn(api: Service, ann: Account) -> None:
    body = task_body(task_type="PREFIX", source_cdn={**CDN, "authentication_key": SECRET})
    group = api.call(ann, "POST", "/taskgroups", body).json["group_id"]
    shown = api.call(ann, "GET", f"/taskgroups/{group}").json
    assert (shown["source_cdn"], SECRET in str(shown)) == (CDN, False)


def test_a_synchronisation_task_shows_its_cdn_and_starts_with_its_key(api: Service, ann: Account) -> None:
    body = {"src_cloud_type": "AWS", "src_region": "us-east-1", "src_bucket": "from", "dst_region": "cn-north-4",
            "dst_bucket": "to", "src_ak": "a", "src_sk": "b", "dst_ak": "c", "dst_sk": "d",
            "source_cdn": {**CDN, "authentication_key": SECRET}}  # fmt: skip
    made = api.call(ann, "POST", "/sync-tasks", body)
    assert made.status == 200, made
    (listed,) = api.call(ann, "GET", "/sync-tasks").json["tasks"]
    assert (listed["source_cdn"], SECRET in str(listed)) == (CDN, False)
    sync_id = listed["sync_task_id"]
    api.call(ann, "POST", f"/sync-tasks/{sync_id}/stop")
    refused = api.call(ann, "POST", f"/sync-tasks/{sync_id}/start", START)
    assert (refused.status, refused.code) == (400, "OMS.1032")
    start = {**START, "source_cdn_authentication_key": SECRET}
    assert api.call(ann, "POST", f"/sync-tasks/{sync_id}/start", start).status == 200
