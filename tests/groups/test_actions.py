"""Stop, start, retry, update and deletion of groups: when they are taken and what they leave, without any worker."""

import pytest

from tests.api.service import START, Account, Service
from tests.groups.rows import BODIES, LIMITS, created, credentials, member, put_in

STATES = {
    "stop": ({1, 2}, "OMS.1038"),
    "start": ({3}, "OMS.1039"),
    "retry": ({4, 5}, "OMS.1040"),
    "update": ({0, 1, 2, 3, 4, 5, 7}, "OMS.1036"),
    "delete": ({0, 3, 4, 5, 6}, "OMS.1047"),
}


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
