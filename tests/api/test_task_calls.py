"""The eight task calls: what they answer and what they leave in the ledger (OMS 5.2, oms-behaviour 4 and 14)."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ledger.iam import Role
from tests.api.service import START, Account, Service, ended_with_failures, running_service, task_body

TASK_FIELDS = {
    "bandwidth_policy", "complete_size", "description", "dst_node", "enable_failed_object_recording", "enable_kms",
    "enable_metadata_migration", "enable_restore", "error_reason", "failed_num", "failed_object_record", "group_id",
    "id", "is_query_over", "left_time", "migrate_since", "migrate_speed", "name", "progress", "real_size",
    "skipped_num", "src_node", "start_time", "status", "successful_num", "task_type", "group_type", "total_num",
    "total_size", "total_time", "smn_info", "source_cdn", "success_record_error_reason", "skip_record_error_reason",
    "object_overwrite_mode", "dst_storage_policy", "consistency_check", "enable_requester_pays", "task_priority",
}  # fmt: skip


@pytest.mark.check(46)
def test_a_created_task_has_a_15_digit_id_a_name_and_can_be_read_at_once(api: Service, ann: Account) -> None:
    """Check 46."""
    answer = api.call(ann, "POST", "/tasks", task_body())
    assert answer.status == 200
    created = answer.json
    assert set(created) == {"id", "task_name"}
    assert re.fullmatch(r"[1-9][0-9]{14}", str(created["id"]))
    assert isinstance(created["id"], int)
    assert re.fullmatch(r"photos-vault-[0-9]{17}_[0-9]+", created["task_name"])
    shown = api.call(ann, "GET", f"/tasks/{created['id']}").json
    assert shown["status"] == 1
    assert shown["name"] == created["task_name"]
    assert set(shown) >= TASK_FIELDS


@pytest.mark.check(18)
def test_defaults_of_a_task_are_those_of_the_reference(api: Service, ann: Account) -> None:
    body = task_body(task_type=None, src_node={"object_key": ["a/", "b"]})
    task_id = api.call(ann, "POST", "/tasks", body).json["id"]
    shown = api.call(ann, "GET", f"/tasks/{task_id}").json
    assert shown["task_type"] == "object"
    assert shown["object_overwrite_mode"] == "SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE"
    assert (shown["dst_storage_policy"], shown["consistency_check"]) == ("STANDARD", "size_last_modified")
    assert (shown["task_priority"], shown["group_type"], shown["group_id"]) == ("MEDIUM", "NORMAL_TASK", "")
    assert shown["enable_failed_object_recording"] is True
    flags = ("enable_kms", "enable_restore", "enable_metadata_migration", "enable_requester_pays")
    assert [shown[name] for name in flags] == [False] * 4
    assert (shown["description"], shown["error_reason"], shown["migrate_since"]) == ("", None, 0)
    assert shown["failed_object_record"] == {"result": None, "list_file_key": None, "error_code": None}
    assert shown["src_node"]["object_key"] == ["a/", "b"]


def test_every_choice_comes_back_as_it_was_made(api: Service, ann: Account) -> None:
    chosen = {
        "enable_kms": True,
        "description": "nightly (copy)",
        "migrate_since": 1_672_671_844,
        "enable_metadata_migration": True,
        "enable_failed_object_recording": False,
        "object_overwrite_mode": "CRC64_COMPARISON_OVERWRITE",
        "dst_storage_policy": "SRC_STORAGE_MAPPING",
        "consistency_check": "crc64",
        "enable_requester_pays": True,
        "task_priority": "HIGH",
        "bandwidth_policy": [{"start": "15:00", "end": "16:00", "max_bandwidth": 1_048_576}],
    }
    source = {"cloud_type": "huaweicloud", "crypto_type": "DEFAULT"}
    body = task_body(**chosen, src_node=source, dst_node={"save_prefix": "in/"})
    shown = api.call(ann, "GET", f"/tasks/{api.call(ann, 'POST', '/tasks', body).json['id']}").json
    assert {name: shown[name] for name in chosen} == {**chosen, "migrate_since": 1_672_671_844_000}
    assert shown["src_node"]["cloud_type"] == "HuaweiCloud"
    assert shown["dst_node"] == {"bucket": "vault", "region": "cn-north-4", "save_prefix": "in/"}


@pytest.mark.check(53)
def test_no_answer_and_no_plain_row_holds_a_key(api: Service, ann: Account) -> None:
    """Check 53."""
    body = task_body(src_node={"security_token": "TOK-canary"}, dst_node={"security_token": "TOK2-canary"})
    task_id = api.call(ann, "POST", "/tasks", body).json["id"]
    answers = [api.call(ann, "GET", f"/tasks/{task_id}"), api.call(ann, "GET", "/tasks")]
    assert all(b"canary" not in answer.body for answer in answers)
    rows = api.sql(
        "SELECT t::text || coalesce(a::text, '') || coalesce(o::text, '') FROM task t LEFT JOIN audit a"
        " ON a.resource = t.id::text LEFT JOIN outbox o ON o.payload::text LIKE '%%' || t.id || '%%' WHERE t.id = %s",
        task_id,
    )
    assert rows
    assert all("canary" not in row[0] for row in rows)
    sealed = api.sql("SELECT sealed FROM credential WHERE task_id = %s", task_id)
    assert len(sealed) == 2
    assert all(b"canary" not in bytes(row[0]) for row in sealed)
    faulty = api.call(ann, "POST", "/tasks", task_body(src_node={"ak": ["LEAK-canary"]}, description="^"))
    assert faulty.status == 400
    assert b"canary" not in faulty.body


def test_creation_leaves_run_audit_and_wake_in_one_transaction(api: Service, ann: Account) -> None:
    task_id = api.create(ann)
    assert api.sql("SELECT run_no, phase, failed_only FROM run WHERE task_id = %s", task_id) == [
        (1, "prepare", False)
    ]
    assert api.sql("SELECT topic, payload FROM outbox WHERE payload->>'task_id' = %s", str(task_id)) == [
        ("wake", {"task_id": task_id})
    ]
    audited = api.sql(
        "SELECT actor, action, source_ip, request_id <> '' FROM audit WHERE resource = %s", str(task_id)
    )
    assert audited == [("ann", "createTask", "127.0.0.1", True)]


@pytest.mark.check(64)
def test_lists_are_pages_from_the_newest_on(api: Service, ann: Account) -> None:
    """Check 64."""
    ids = [api.create(ann, src_node={"bucket": f"bucket{number}"}) for number in range(12)]
    first = api.call(ann, "GET", "/tasks").json
    assert first["count"] == 12
    assert [task["id"] for task in first["tasks"]] == ids[::-1][:10]
    beyond = api.call(ann, "GET", "/tasks?offset=2147483647&limit=100").json
    assert beyond == {"tasks": [], "count": 12}
    api.put_in(ids[3], 6)
    assert [task["id"] for task in api.call(ann, "GET", "/tasks?status=6").json["tasks"]] == [ids[3]]
    assert api.call(ann, "GET", "/tasks?task_name=BUCKET11-").json["count"] == 1
    assert api.call(ann, "GET", "/tasks?task_name=%25").json["count"] == 0
    assert api.call(ann, "GET", "/tasks?group_id=nothing").json["count"] == 0


@pytest.mark.check(64)
@pytest.mark.parametrize(
    ("query", "code"),
    [("limit=0", "OMS.0001"), ("limit=101", "OMS.0001"), ("offset=-1", "OMS.1002"), ("limit=ten", "OMS.1002"),
     ("offset=2147483648", "OMS.0001"), ("status=8", "OMS.0001"), ("status=0", "OMS.0001"), ("group_id=", "OMS.0001"),
     ("limit=1.5", "OMS.1002"), ("task_name=" + "x" * 256, "OMS.0001"), ("task_name=a%00b", "OMS.0001")],
)  # fmt: skip
def test_queries_out_of_range_are_refused(api: Service, ann: Account, query: str, code: str) -> None:
    """Check 64."""
    answer = api.call(ann, "GET", f"/tasks?{query}")
    assert (answer.status, answer.code) == (400, code)


@pytest.mark.check(58)
def test_new_limits_act_on_any_task_but_a_complete_one(api: Service, ann: Account) -> None:
    """Check 58."""
    task_id = api.create(ann)
    policy = {"bandwidth_policy": [{"start": "00:01", "end": "23:59", "max_bandwidth": 50_000_000}]}
    api.put_in(task_id, 2)
    answer = api.call(ann, "PUT", f"/tasks/{task_id}/bandwidth-policy", policy)
    assert (answer.status, answer.body) == (200, b"")
    assert api.call(ann, "GET", f"/tasks/{task_id}").json["bandwidth_policy"] == policy["bandwidth_policy"]
    assert api.sql("SELECT version FROM task WHERE id = %s", task_id) == [(1,)]
    assert api.call(ann, "PUT", f"/tasks/{task_id}/bandwidth-policy", {"bandwidth_policy": []}).status == 200
    assert api.call(ann, "GET", f"/tasks/{task_id}").json["bandwidth_policy"] == []
    api.put_in(task_id, 5)
    answer = api.call(ann, "PUT", f"/tasks/{task_id}/bandwidth-policy", policy)
    assert (answer.status, answer.code) == (400, "S3M.0071")


@pytest.mark.check(59)
def test_batch_updates_are_all_or_nothing(api: Service, ann: Account) -> None:
    """Check 59."""
    waiting, running = api.create(ann), api.create(ann)
    policy = [{"start": "10:00", "end": "11:00", "max_bandwidth": 2_000_000}]
    change = {"bandwidth_policy": policy, "task_priority": "HIGH"}
    assert api.call(ann, "POST", "/tasks/batch-update", {**change, "ids": [waiting]}).status == 200
    shown = api.call(ann, "GET", f"/tasks/{waiting}").json
    assert (shown["task_priority"], shown["bandwidth_policy"]) == ("HIGH", policy)
    api.put_in(running, 2)
    refused = api.call(
        ann, "POST", "/tasks/batch-update", {**change, "task_priority": "LOW", "ids": [waiting, running]}
    )
    assert (refused.status, refused.code) == (400, "OMS.0170")
    assert str(running) in refused.json["error_msg"]
    assert api.call(ann, "GET", f"/tasks/{waiting}").json["task_priority"] == "HIGH"
    unknown = api.call(ann, "POST", "/tasks/batch-update", {**change, "ids": [waiting, 1]})
    assert (unknown.status, unknown.code) == (400, "OMS.1009")


def test_batch_updates_reach_a_group(api: Service, ann: Account) -> None:
    member, other = api.create(ann), api.create(ann)
    group = "0f8fad5b-d9cb-469f-a165-70867728950e"
    api.sql("UPDATE task SET group_id = %s WHERE id = %s", group, member)
    policy = [{"start": "10:00", "end": "11:00", "max_bandwidth": 2_000_000}]
    answer = api.call(ann, "POST", "/tasks/batch-update", {"group_id": group, "bandwidth_policy": policy})
    assert answer.status == 200
    assert api.call(ann, "GET", f"/tasks/{member}").json["bandwidth_policy"] == policy
    assert api.call(ann, "GET", f"/tasks/{member}").json["group_type"] == "GROUP_TASK"
    assert api.call(ann, "GET", f"/tasks/{other}").json["bandwidth_policy"] == []


@pytest.mark.check(59)
@pytest.mark.parametrize(
    ("body", "code"),
    [({}, "OMS.0001"), ({"ids": [1], "group_id": "g"}, "OMS.0001"), ({"ids": list(range(21))}, "OMS.1003"),
     ({"ids": []}, "OMS.0001"), ({"ids": ["1"]}, "OMS.1002"), ({"ids": [1], "bandwidth_policy": None}, "OMS.1004"),
     ({"group_id": "nothing"}, "OMS.1009"), ({"ids": [2**63 - 1]}, "OMS.1009"), ({"ids": [2**63]}, "OMS.0001"),
     ({"ids": [1], "task_priority": "URGENT"}, "OMS.0001")],
)  # fmt: skip
def test_wrong_batch_updates_are_refused(
    api: Service, ann: Account, body: dict[str, object], code: str
) -> None:
    """Check 59."""
    answer = api.call(ann, "POST", "/tasks/batch-update", {"bandwidth_policy": [], **body})
    assert (answer.status, answer.code) == (400, code)


def test_a_failed_task_says_why(api: Service, ann: Account) -> None:
    task_id = api.create(ann)
    api.put_in(task_id, 4, error_code="TRF.0004")
    reason = api.call(ann, "GET", f"/tasks/{task_id}").json["error_reason"]
    assert reason["error_code"] == "TRF.0004"
    assert reason["error_msg"]
    api.put_in(task_id, 4, error_message="bucket photos: no")
    assert api.call(ann, "GET", f"/tasks/{task_id}").json["error_reason"]["error_msg"] == "bucket photos: no"


@pytest.mark.check(54)
def test_a_finished_task_shows_its_average(api: Service, ann: Account) -> None:
    """Check 54."""
    task_id = ended_with_failures(api, ann)
    api.sql(
        "UPDATE counter SET fail = 0, fail_bytes = 0, skip = 0, skip_bytes = 0, listed = 5, listed_bytes = 500"
    )
    api.put_in(task_id, 5, running_ms=3000)
    shown = api.call(ann, "GET", f"/tasks/{task_id}").json
    assert (shown["progress"], shown["left_time"], shown["is_query_over"]) == (1, 0, True)
    assert (shown["migrate_speed"], shown["total_time"], shown["total_size"]) == (166, 3000, 500)
    assert shown["error_reason"] is None


@pytest.mark.check(56)
def test_progress_counts_bytes_or_objects_and_never_goes_back(api: Service, ann: Account) -> None:
    """Check 56."""
    listing = {"list_file": {"list_file_key": "a.txt", "obs_bucket": "lists"}, "object_key": None}
    by_bytes, by_objects = api.create(ann), api.create(ann, task_type="list", src_node=listing)
    for task_id in (by_bytes, by_objects):
        api.put_in(task_id, 2)
        api.sql(
            "INSERT INTO counter (task_id, run_no, shard, listed, listed_bytes, ok, ok_bytes)"
            " VALUES (%s, 1, 0, 10, 1000, 2, 500)",
            task_id,
        )
    assert api.call(ann, "GET", f"/tasks/{by_bytes}").json["progress"] == 0.5
    assert api.call(ann, "GET", f"/tasks/{by_objects}").json["progress"] == 0.2
    api.sql("UPDATE counter SET listed = 100, listed_bytes = 9000 WHERE task_id = %s", by_bytes)
    shown = api.call(ann, "GET", f"/tasks/{by_bytes}").json
    assert (shown["progress"], shown["total_size"], shown["is_query_over"]) == (0.5, 9000, False)


def test_readers_look_and_nobody_else_does_not_even_that(api: Service) -> None:
    reader, nobody = api.account(Role.READER), api.account(Role.NONE)
    assert api.call(reader, "GET", "/tasks").status == 200
    for method, path in (("POST", "/tasks"), ("DELETE", "/tasks/1"), ("POST", "/tasks/1/stop")):
        answer = api.call(reader, method, path, task_body() if path == "/tasks" else None)
        assert (answer.status, answer.code) == (403, "OMS.0205")
    answer = api.call(nobody, "GET", "/tasks")
    assert (answer.status, answer.code) == (403, "OMS.0206")


def test_another_projects_task_is_as_unknown_as_none(api: Service, ann: Account) -> None:
    bob = api.account()
    theirs, nobodys = api.create(ann), 123_456_789_012_345
    calls: list[tuple[str, str, object]] = [
        ("GET", "", None), ("DELETE", "", None), ("POST", "/stop", None), ("POST", "/start", START),
        ("PUT", "/bandwidth-policy", {"bandwidth_policy": []}),
    ]  # fmt: skip
    for method, suffix, body in calls:
        foreign = api.call(bob, method, f"/tasks/{theirs}{suffix}", body)
        unknown = api.call(bob, method, f"/tasks/{nobodys}{suffix}", body)
        assert (foreign.status, foreign.body) == (unknown.status, unknown.body)
        assert (foreign.status, foreign.code) == (404 if method == "GET" else 400, "OMS.1009")
    batch = {"ids": [theirs], "bandwidth_policy": []}
    assert api.call(bob, "POST", "/tasks/batch-update", batch).code == "OMS.1009"
    assert api.call(bob, "GET", "/tasks").json == {"tasks": [], "count": 0}
    assert api.call(ann, "GET", f"/tasks/{theirs}").json["status"] == 1


@pytest.mark.parametrize("task_id", ["x", "-1", "1e3", "1.0", "%20", "9" * 16, "%D9%A3"])
def test_a_task_id_has_digits_only(api: Service, ann: Account, task_id: str) -> None:
    for method, suffix in (("GET", ""), ("DELETE", ""), ("POST", "/stop")):
        answer = api.call(ann, method, f"/tasks/{task_id}{suffix}")
        assert (answer.status, answer.code) == (400, "OMS.0054")


def test_the_same_idempotency_key_creates_one_task(api: Service, ann: Account) -> None:
    first = api.call(ann, "POST", "/tasks", task_body(), Idempotency_Key="k1")
    again = api.call(ann, "POST", "/tasks", task_body(), Idempotency_Key="k1")
    assert first.status == again.status == 200
    assert first.json == again.json
    assert api.call(ann, "GET", "/tasks").json["count"] == 1
    other = api.call(ann, "POST", "/tasks", task_body(description="other"), Idempotency_Key="k1")
    assert other.status == 409
    assert other.code
    bob = api.account()
    assert api.call(bob, "POST", "/tasks", task_body(), Idempotency_Key="k1").json["id"] != first.json["id"]
    refused = api.call(ann, "POST", "/tasks", task_body(description="^"), Idempotency_Key="k2")
    assert refused.status == 400
    assert api.call(ann, "POST", "/tasks", task_body(), Idempotency_Key="k2").status == 200


@pytest.mark.check(61)
def test_quotas_hold_under_concurrent_creation(api_database_url: str, key_file: Path, ann: Account) -> None:
    """Check 61."""
    with running_service(api_database_url, key_file, OMS_TASKS_PER_DAY="5", OMS_TASKS_WAITING="3") as small:
        small.token(ann)
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda _: small.call(ann, "POST", "/tasks", task_body()), range(6)))
        assert sorted(answer.status for answer in answers) == [200] * 3 + [400] * 3
        assert {answer.code for answer in answers if answer.status == 400} == {"OMS.0077"}
        ids = [answer.json["id"] for answer in answers if answer.status == 200]
        for task_id in ids:
            small.call(ann, "DELETE", f"/tasks/{task_id}")
        assert [small.call(ann, "POST", "/tasks", task_body()).status for _ in range(3)] == [200, 200, 400]
        assert small.call(ann, "POST", "/tasks", task_body()).code == "OMS.1021"


@pytest.mark.check(63, 94)
def test_region_zone_and_the_unit_of_migrate_since_are_settings(
    api_database_url: str, key_file: Path, ann: Account
) -> None:
    """Checks 63 and 94 (the API's part)."""
    settings = {
        "OMS_REGION": "cn-north-4",
        "OMS_TIMEZONE": "Asia/Shanghai",
        "OMS_COMPAT_MIGRATE_SINCE_RESPONSE": "seconds",
    }
    with running_service(api_database_url, key_file, **settings) as other:
        wrong = other.call(ann, "POST", "/tasks", task_body(dst_node={"region": "cn-east-3"}))
        assert (wrong.status, wrong.code) == (400, "S3M.0080")
        created = other.call(ann, "POST", "/tasks", task_body(migrate_since=1_672_671_844)).json
        shown = other.call(ann, "GET", f"/tasks/{created['id']}").json
        assert shown["migrate_since"] == 1_672_671_844
        hour = int(created["task_name"].split("-")[2][8:10])
        began = datetime.fromtimestamp(shown["start_time"] / 1000, UTC)
        assert hour == (began.hour + 8) % 24


def test_answers_are_json_that_says_so(api: Service, ann: Account) -> None:
    answer = api.call(ann, "GET", "/tasks")
    assert answer.headers["content-type"] == "application/json"
    json.loads(answer.body)
