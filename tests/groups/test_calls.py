"""The group calls: what they take, refuse, answer and leave in the ledger, without any worker."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.service import START, Account, Service, running_service, task_body

LIMITS = [{"start": "00:00", "end": "23:59", "max_bandwidth": 2_000_000}]


def group_body(**changes: Any) -> dict[str, Any]:
    """A good PREFIX group."""
    return task_body(**{"task_type": "PREFIX", **changes})


def created(api: Service, who: Account, **changes: Any) -> str:
    """A new group; its id."""
    answer = api.call(who, "POST", "/taskgroups", group_body(**changes))
    assert answer.status == 200, answer
    return str(answer.json["group_id"])


def put_in(api: Service, group: str, status: int, scanner: int = 3) -> None:
    """Forces a group and its scanner into a status, as engine and workers would bring it there."""
    api.sql("UPDATE task_group SET status = %s WHERE id = %s::uuid", status, group)
    api.sql("UPDATE task SET status = %s WHERE group_id = %s::uuid AND scanner", scanner, group)


def member(api: Service, group: str, status: int = 5, **figures: int) -> int:
    """One more task of the group, made as its scanner makes it."""
    (row,) = api.sql(
        "INSERT INTO task (id, project_id, group_id, name, task_type, region, spec, status)"
        " SELECT coalesce((SELECT max(id) FROM task), 0) + 1, project_id, group_id, 'of ' || group_id, 'list', region,"
        " spec, %s FROM task WHERE group_id = %s::uuid AND scanner RETURNING id", status, group,
    )  # fmt: skip
    task_id = int(row[0])
    phase = "ended" if status in (4, 5) else "active"
    api.sql("INSERT INTO run (task_id, run_no, phase, handed) VALUES (%s, 1, %s, true)", task_id, phase)
    columns = {
        "listed": 10,
        "listed_bytes": 1000,
        "ok": 6,
        "ok_bytes": 600,
        "skip": 4,
        "skip_bytes": 400,
        **figures,
    }
    names, marks = ", ".join(columns), ", ".join(["%s"] * len(columns))
    api.sql(
        f"INSERT INTO counter (task_id, run_no, shard, {names}) VALUES (%s, 1, 0, {marks})",
        task_id, *columns.values(),
    )  # fmt: skip
    return task_id


def credentials(api: Service, group: str) -> int:
    """How many sealed keys the tasks of a group have."""
    (row,) = api.sql(
        "SELECT count(*) FROM credential c JOIN task t ON t.id = c.task_id WHERE t.group_id = %s::uuid", group
    )
    return int(row[0])


def test_a_new_group_is_shown_at_once_with_every_field(api: Service, ann: Account) -> None:
    group = created(api, ann, description="(all) of it", migrate_since=5, bandwidth_policy=LIMITS)
    assert uuid.UUID(group)
    shown = api.call(ann, "GET", f"/taskgroups/{group}").json
    assert (shown["group_id"], shown["status"], shown["task_type"]) == (group, 0, "PREFIX")
    assert shown["src_node"] == {
        "bucket": "photos", "cloud_type": "AWS", "region": "us-east-1", "app_id": "", "object_key": [""],
        "list_file": None,
    }  # fmt: skip
    assert shown["dst_node"] == {"bucket": "vault", "region": "cn-north-4", "save_prefix": ""}
    assert (shown["description"], shown["migrate_since"], shown["error_reason"]) == (
        "(all) of it",
        5000,
        None,
    )
    assert shown["bandwidth_policy"] == LIMITS
    assert (shown["smn_config"], shown["source_cdn"]) == (None, None)
    assert shown["failed_object_record"] == {"result": None, "list_file_key": None, "error_code": None}
    counted = [name for name in shown if name.endswith(("_num", "_size", "_speed"))]
    assert len(counted) == 16
    assert {shown[name] for name in counted} == {0}
    listed = api.call(ann, "GET", "/taskgroups").json
    assert (listed["count"], listed["taskgroups"]) == (1, [{**shown, "total_time": 0}])


def test_the_scanner_of_a_group_is_no_task_of_anybody(api: Service, ann: Account) -> None:
    group = created(api, ann)
    (row,) = api.sql("SELECT scanner_id FROM task_group WHERE id = %s::uuid", group)
    assert api.call(ann, "GET", "/tasks").json["count"] == 0
    assert api.call(ann, "GET", f"/tasks?group_id={group}").json["count"] == 0
    assert api.call(ann, "GET", f"/tasks/{row[0]}").status == 404
    for method, path in (("POST", "/stop"), ("DELETE", "")):
        assert api.call(ann, method, f"/tasks/{row[0]}{path}").code == "OMS.1009"


def test_group_answers_name_clouds_in_upper_case(api: Service, ann: Account) -> None:
    group = created(api, ann, src_node={"cloud_type": "huaweicloud"})
    assert api.call(ann, "GET", f"/taskgroups/{group}").json["src_node"]["cloud_type"] == "HUAWEICLOUD"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"src_node": None}, "OMS.1004"),
        ({"dst_node": {"ak": None}}, "OMS.1004"),
        ({"src_node": {"ak": None}}, "OMS.1004"),
        ({"task_type": "OBJECT"}, "OMS.0001"),
        ({"task_type": "LIST"}, "S3M.0088"),
        ({"task_type": "URL_LIST"}, "S3M.0088"),
        ({"description": "a^b"}, "OMS.0078"),
        ({"dst_node": {"cloud_type": "AWS"}}, "OMS.0058"),
        ({"dst_node": {"save_prefix": "/x"}}, "S3M.0092"),
        ({"enable_kms": "yes"}, "OMS.1002"),
        ({"bandwidth_policy": [{**LIMITS[0], "max_bandwidth": 1}]}, "OMS.0084"),
    ],
)
def test_a_group_that_cannot_be_is_refused(
    api: Service, ann: Account, changes: dict[str, Any], code: str
) -> None:
    answer = api.call(ann, "POST", "/taskgroups", group_body(**changes))
    assert (answer.status, answer.code) == (400, code), answer
    assert api.call(ann, "GET", "/taskgroups").json["count"] == 0


def test_kms_is_optional_and_lower_case_types_are_understood(api: Service, ann: Account) -> None:
    lists = {"object_key": None, "list_file": {"obs_bucket": "lists", "list_file_key": "hw/"}}
    group = created(api, ann, task_type="list", src_node=lists, enable_kms=True)
    shown = api.call(ann, "GET", f"/taskgroups/{group}").json
    assert (shown["task_type"], shown["enable_kms"]) == ("LIST", True)
    assert shown["src_node"]["list_file"] == {
        "list_file_key": "hw/",
        "obs_bucket": "lists",
        "list_file_num": "",
    }


STATES = {
    "stop": ({1, 2}, "OMS.1038"),
    "start": ({3}, "OMS.1039"),
    "retry": ({4, 5}, "OMS.1040"),
    "update": ({0, 1, 2, 3, 4, 5, 7}, "OMS.1036"),
    "delete": ({0, 3, 4, 5, 6}, "OMS.1047"),
}
BODIES = {"start": START, "retry": START, "update": {"bandwidth_policy": LIMITS}}
SCANNERS = {0: 1, 1: 2, 2: 5, 3: 3, 4: 4, 5: 5, 6: 5, 7: 7, 8: 3, 9: 3}


@pytest.mark.check(69)
@pytest.mark.check(70)
@pytest.mark.parametrize("call", list(STATES))
def test_each_call_is_for_its_states_and_has_its_code_in_the_others(
    api: Service, ann: Account, call: str
) -> None:
    allowed, code = STATES[call]
    group = created(api, ann)
    for status in range(10):
        put_in(api, group, status, SCANNERS[status])
        method, path = ("DELETE", "") if call == "delete" else ("PUT", f"/{call}")
        answer = api.call(ann, method, f"/taskgroups/{group}{path}", BODIES.get(call))
        if status in allowed:
            assert (answer.status, answer.body) == (200, b""), (status, answer)
        else:
            assert (answer.status, answer.code) == (400, code), (status, answer)


@pytest.mark.check(69)
def test_what_a_call_has_done_shows_in_the_next_look(api: Service, ann: Account) -> None:
    group = created(api, ann)

    def look() -> int:
        return int(api.call(ann, "GET", f"/taskgroups/{group}").json["status"])

    put_in(api, group, 1, 2)
    tasks = [member(api, group, status) for status in (1, 2, 5)]
    api.call(ann, "PUT", f"/taskgroups/{group}/stop")
    assert look() == 7
    assert [api.call(ann, "GET", f"/tasks/{task}").json["status"] for task in tasks] == [3, 7, 5]
    assert credentials(api, group) == 2, "only what drains still has its keys"
    put_in(api, group, 3, 3)
    api.sql("UPDATE task SET status = 3 WHERE id = %s", tasks[1])
    api.call(ann, "PUT", f"/taskgroups/{group}/start", START)
    assert look() == 1
    assert [api.call(ann, "GET", f"/tasks/{task}").json["status"] for task in tasks] == [1, 1, 5]
    assert credentials(api, group) == 6
    put_in(api, group, 3, 5)
    api.sql("UPDATE task SET status = 3 WHERE id = ANY(%s)", tasks[:2])
    api.call(ann, "PUT", f"/taskgroups/{group}/start", START)
    assert look() == 2
    (row,) = api.sql("SELECT count(*) FROM credential c JOIN task_group g ON g.scanner_id = c.task_id"
                     " WHERE g.id = %s::uuid", group)  # fmt: skip
    assert row[0] == 0, "creation is over: the group itself keeps no keys"


@pytest.mark.parametrize("call", ["start", "retry"])
@pytest.mark.parametrize("field", ["dst_ak", "dst_sk", "src_ak"])
def test_another_start_needs_keys(api: Service, ann: Account, call: str, field: str) -> None:
    group = created(api, ann)
    put_in(api, group, 3 if call == "start" else 4, 3 if call == "start" else 4)
    keys = {name: value for name, value in START.items() if name != field}
    answer = api.call(ann, "PUT", f"/taskgroups/{group}/{call}", keys)
    assert (answer.status, answer.code) == (400, "OMS.1004")


@pytest.mark.parametrize(("call", "status"), [("start", 3), ("retry", 4)])
def test_another_start_of_a_group_is_one_of_each_task_that_it_takes_up(
    api: Service, ann: Account, call: str, status: int
) -> None:
    group = created(api, ann)
    put_in(api, group, status, status)
    stopped, over = member(api, group, status), member(api, group, 5)
    assert api.call(ann, "PUT", f"/taskgroups/{group}/{call}", START).status == 200
    starts = dict(api.sql("SELECT id, starts FROM task WHERE group_id = %s::uuid AND NOT scanner", group))
    assert starts == {stopped: 1, over: 0}
    assert api.sql("SELECT starts FROM task WHERE group_id = %s::uuid AND scanner", group) == [(1,)]


def test_a_retry_leads_back_to_where_the_failure_was(api: Service, ann: Account) -> None:
    group = created(api, ann)
    for before, scanner, after in ((4, 4, 1), (5, 5, 2)):
        put_in(api, group, before, scanner)
        api.sql("UPDATE task_group SET error_code = 'TRF.0004' WHERE id = %s::uuid", group)
        assert api.call(ann, "PUT", f"/taskgroups/{group}/retry", START).status == 200
        shown = api.call(ann, "GET", f"/taskgroups/{group}").json
        assert (shown["status"], shown["error_reason"]) == (after, None)


@pytest.mark.check(73)
def test_a_retry_of_failed_objects_begins_runs_over_them_alone(api: Service, ann: Account) -> None:
    group = created(api, ann)
    put_in(api, group, 5, 5)
    good, bad = member(api, group, 5), member(api, group, 4, ok=4, fail=2)
    api.call(ann, "PUT", f"/taskgroups/{group}/retry", {**START, "migrate_failed_object": True})
    runs = api.sql(
        "SELECT task_id, run_no, failed_only FROM run WHERE task_id = ANY(%s) ORDER BY 1, 2", [good, bad]
    )
    assert runs == [(good, 1, False), (bad, 1, False), (bad, 2, True)]
    assert [api.call(ann, "GET", f"/tasks/{task}").json["status"] for task in (good, bad)] == [5, 1]


def test_without_a_record_failed_objects_cannot_be_tried_alone(api: Service, ann: Account) -> None:
    group = created(api, ann, enable_failed_object_recording=False)
    put_in(api, group, 5, 5)
    answer = api.call(ann, "PUT", f"/taskgroups/{group}/retry", {**START, "migrate_failed_object": True})
    assert (answer.status, answer.code) == (400, "S3M.0301")
    assert api.call(ann, "GET", f"/taskgroups/{group}").json["status"] == 5


@pytest.mark.check(72)
def test_new_limits_reach_all_tasks_and_those_to_come(api: Service, ann: Account) -> None:
    group = created(api, ann)
    put_in(api, group, 2, 5)
    running, over = member(api, group, 2), member(api, group, 5)
    assert api.call(ann, "PUT", f"/taskgroups/{group}/update", {"bandwidth_policy": LIMITS}).status == 200
    assert api.call(ann, "GET", f"/tasks/{running}").json["bandwidth_policy"] == LIMITS
    assert api.call(ann, "GET", f"/tasks/{over}").json["bandwidth_policy"] == []
    assert api.call(ann, "GET", f"/taskgroups/{group}").json["bandwidth_policy"] == LIMITS
    many = {"bandwidth_policy": LIMITS * 6}
    assert api.call(ann, "PUT", f"/taskgroups/{group}/update", many).code == "OMS.0083"
    batch = {"group_id": group, "bandwidth_policy": []}
    assert api.call(ann, "POST", "/tasks/batch-update", batch).status == 200
    assert api.call(ann, "GET", f"/taskgroups/{group}").json["bandwidth_policy"] == []
    assert api.call(ann, "GET", f"/tasks/{running}").json["bandwidth_policy"] == []
    young = created(api, ann)
    batch = {"group_id": young, "bandwidth_policy": LIMITS}
    assert api.call(ann, "POST", "/tasks/batch-update", batch).status == 200
    assert api.call(ann, "GET", f"/taskgroups/{young}").json["bandwidth_policy"] == LIMITS


@pytest.mark.check(66)
def test_sums_are_those_of_the_tasks(api: Service, ann: Account) -> None:
    group = created(api, ann)
    put_in(api, group, 2, 5)
    member(api, group, 5)
    failed = member(api, group, 4, ok=5, ok_bytes=500, fail=1, fail_bytes=100)
    member(api, group, 1, ok=0, ok_bytes=0, skip=0, skip_bytes=0)
    api.sql("INSERT INTO record (task_id, run_no, kind, object_key, opened_ms, lines, bytes, digest, state)"
            " VALUES (%s, 1, 'fail', 'oms/task_group/x', 1, 1, 100, '', 'written')", failed)  # fmt: skip
    shown = api.call(ann, "GET", f"/taskgroups/{group}").json
    numbers = {
        name: shown[f"{name}_task_num"] for name in ("total", "create", "failed", "complete", "waiting")
    }
    assert numbers == {"total": 3, "create": 3, "failed": 1, "complete": 1, "waiting": 1}
    assert (shown["paused_task_num"], shown["executing_task_num"]) == (0, 0)
    assert (shown["total_num"], shown["create_complete_num"], shown["total_size"]) == (30, 30, 3000)
    assert (shown["success_num"], shown["skip_num"], shown["fail_num"]) == (11, 8, 1)
    assert shown["complete_size"] == 1100 + 800
    tasks = api.call(ann, "GET", f"/tasks?group_id={group}").json["tasks"]
    assert sum(task["total_num"] for task in tasks) == shown["total_num"]
    assert {(task["group_id"], task["group_type"], task["task_type"]) for task in tasks} == {
        (group, "GROUP_TASK", "list")
    }
    assert shown["failed_object_record"] == {
        "result": True, "list_file_key": f"oms/task_group/{group}/failed_object_lists/", "error_code": None,
    }  # fmt: skip


def test_a_single_task_goes_with_its_group(api: Service, ann: Account) -> None:
    group = created(api, ann)
    put_in(api, group, 2, 5)
    task = member(api, group, 5)
    assert api.call(ann, "DELETE", f"/tasks/{task}").code == "OMS.0063"
    put_in(api, group, 8, 5)
    paused = member(api, group, 3)
    assert api.call(ann, "POST", f"/tasks/{paused}/start", START).code == "OMS.1036"
    put_in(api, group, 6, 5)
    assert api.call(ann, "DELETE", f"/tasks/{task}").status == 200
    assert api.call(ann, "POST", f"/tasks/{paused}/start", START).status == 200


@pytest.mark.check(70)
def test_a_group_whose_tasks_are_still_stopping_cannot_be_deleted_yet(api: Service, ann: Account) -> None:
    group = created(api, ann)
    put_in(api, group, 4, 4)
    task = member(api, group, 7)
    assert api.call(ann, "DELETE", f"/taskgroups/{group}").code == "OMS.0063"
    api.sql("UPDATE task SET status = 3 WHERE id = %s", task)
    assert api.call(ann, "DELETE", f"/taskgroups/{group}").status == 200
    assert api.call(ann, "GET", f"/taskgroups/{group}").json["status"] == 8
    assert credentials(api, group) == 0


def test_an_unknown_group_is_404_to_a_look_and_400_to_an_action(api: Service, ann: Account) -> None:
    mine, other = created(api, ann), api.account()
    for who, group in ((ann, str(uuid.uuid4())), (ann, "no-uuid"), (other, mine)):
        assert api.call(who, "GET", f"/taskgroups/{group}").status == 404
        assert api.call(who, "GET", f"/taskgroups/{group}").code == "OMS.1009"
        for call, body in (("stop", None), *BODIES.items()):
            answer = api.call(who, "PUT", f"/taskgroups/{group}/{call}", body)
            assert (answer.status, answer.code) == (400, "OMS.1009")
        answer = api.call(who, "DELETE", f"/taskgroups/{group}")
        assert (answer.status, answer.code) == (400, "OMS.1009")


def test_groups_are_listed_from_the_newest_on(api: Service, ann: Account) -> None:
    made = [created(api, ann) for _ in range(3)]
    put_in(api, made[0], 6, 5)

    def ids(query: str) -> list[str]:
        return [one["group_id"] for one in api.call(ann, "GET", f"/taskgroups{query}").json["taskgroups"]]

    assert ids("") == made[::-1]
    assert (ids("?limit=1&offset=1"), ids("?status=6"), ids("?offset=9")) == ([made[1]], [made[0]], [])
    for bad in ("limit=0", "limit=101", "status=10", "offset=-1"):
        assert api.call(ann, "GET", f"/taskgroups?{bad}").status == 400


def test_the_same_creation_twice_makes_one_group(api: Service, ann: Account) -> None:
    body = group_body()
    answers = [api.call(ann, "POST", "/taskgroups", body, Idempotency_Key="once") for _ in range(2)]
    assert answers[0].json == answers[1].json
    assert api.call(ann, "GET", "/taskgroups").json["count"] == 1
    other = api.call(ann, "POST", "/taskgroups", group_body(description="b"), Idempotency_Key="once")
    assert other.status == 409


def test_every_change_leaves_an_audit_row(api: Service, ann: Account) -> None:
    group = created(api, ann)
    put_in(api, group, 2, 5)
    for call, status in (("stop", 3), ("start", 5), ("retry", 2), ("update", 6)):
        api.call(ann, "PUT", f"/taskgroups/{group}/{call}", BODIES.get(call))
        put_in(api, group, status, 5)
    api.call(ann, "DELETE", f"/taskgroups/{group}")
    rows = api.sql("SELECT action, actor FROM audit WHERE resource = %s ORDER BY id", group)
    names = ("createTaskGroup", "stopTaskGroup", "startTaskGroup", "retryTaskGroup", "updateTaskGroup")
    assert rows == [(name, "ann") for name in (*names, "deleteTaskGroup")]


@pytest.fixture(scope="module")
def strict(api_database_url: str, key_file: Path) -> Iterator[Service]:
    """An API that allows three groups a day."""
    with running_service(api_database_url, key_file, OMS_GROUPS_PER_DAY="3") as service:
        yield service


@pytest.mark.check(71)
def test_one_group_more_than_a_day_allows_is_refused(strict: Service) -> None:
    who = strict.account()
    for _ in range(3):
        created(strict, who)
    answer = strict.call(who, "POST", "/taskgroups", group_body())
    assert (answer.status, answer.code) == (400, "OMS.1037")
    strict.sql("UPDATE audit SET at = at - interval '25 hours' WHERE project_id = %s", who.project_id)
    created(strict, who)


@pytest.mark.check(71)
def test_a_day_allows_a_hundred_groups_unless_told_otherwise(api: Service, ann: Account) -> None:
    api.sql("INSERT INTO audit (project_id, actor, action, resource, request_id)"
            " SELECT %s, 'ann', 'createTaskGroup', 'x', '' FROM generate_series(1, 99)", ann.project_id)  # fmt: skip
    created(api, ann)
    assert api.call(ann, "POST", "/taskgroups", group_body()).code == "OMS.1037"
