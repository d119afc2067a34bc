"""What a task has asked of its stores, and its ceiling: an extension beside the OMS calls."""

from pathlib import Path
from typing import Any

import pytest

from ledger.iam import Role
from tests.api.service import START, Account, Service, running_service


def _counted(api: Service, task_id: int, run_no: int, side: str, operation: str, requests: int) -> None:
    api.sql(
        "INSERT INTO request_count (task_id, run_no, tally, side, operation, requests, sent, received)"
        " VALUES (%s, %s, gen_random_uuid(), %s, %s, %s, %s, %s)",
        task_id, run_no, side, operation, requests, 10 * requests, 100 * requests,
    )  # fmt: skip


def _limit(api: Service, who: Account, task_id: int, most: Any) -> Any:
    return api.call(who, "PUT", f"/tasks/{task_id}/requests/limit", {"max_requests": most})


def test_sums_are_by_side_by_operation_and_by_run(api: Service, ann: Account) -> None:
    task_id = api.create(ann)
    empty = api.call(ann, "GET", f"/tasks/{task_id}/requests").json
    assert (empty["requests"], empty["runs"], empty["operations"]) == (0, [], [])
    _counted(api, task_id, 1, "source", "list", 2)
    for _ in range(2):
        _counted(api, task_id, 1, "source", "read", 3)
    _counted(api, task_id, 2, "source", "read", 1)
    _counted(api, task_id, 2, "destination", "put", 7)
    shown = api.call(ann, "GET", f"/tasks/{task_id}/requests").json
    assert (shown["task_id"], shown["requests"]) == (task_id, 16)
    assert shown["sides"] == [
        {"side": "source", "requests": 9, "sent_bytes": 90, "received_bytes": 900},
        {"side": "destination", "requests": 7, "sent_bytes": 70, "received_bytes": 700},
    ]
    found = {(one["side"], one["operation"]): one["requests"] for one in shown["operations"]}
    assert found == {("source", "list"): 2, ("source", "read"): 7, ("destination", "put"): 7}
    assert [(run["run_no"], run["requests"]) for run in shown["runs"]] == [(1, 8), (2, 8)]
    assert [one["requests"] for one in shown["runs"][1]["sides"]] == [1, 7]


def test_a_ceiling_is_set_shown_audited_and_taken_away(api: Service, ann: Account) -> None:
    task_id = api.create(ann)
    assert api.call(ann, "GET", f"/tasks/{task_id}/requests").json["max_requests"] is None
    _counted(api, task_id, 1, "source", "read", 5)
    for most, reached in ((6, False), (5, True), (None, False), (0, True)):
        answer = _limit(api, ann, task_id, most)
        assert answer.status == 200, answer
        assert (answer.json["max_requests"], answer.json["limit_reached"]) == (most, reached)
        assert api.call(ann, "GET", f"/tasks/{task_id}/requests").json == answer.json
    audited = api.sql(
        "SELECT actor, detail FROM audit WHERE action = 'updateTask' AND resource = %s ORDER BY id",
        str(task_id),
    )
    assert audited == [("ann", {"max_requests": most}) for most in (6, 5, None, 0)]


@pytest.mark.parametrize("most", [-1, 1.5, "7", True, 2**63, [], {}])
def test_a_ceiling_is_a_whole_number_or_null(api: Service, ann: Account, most: Any) -> None:
    task_id = api.create(ann)
    assert _limit(api, ann, task_id, most).status == 400
    assert api.call(ann, "PUT", f"/tasks/{task_id}/requests/limit", {}).status == 400
    assert api.sql("SELECT max_requests FROM task WHERE id = %s", task_id) == [(None,)]


@pytest.mark.parametrize("status", [1, 2, 3, 4, 6, 7])
def test_a_ceiling_may_change_until_the_task_is_complete(api: Service, ann: Account, status: int) -> None:
    task_id = api.create(ann)
    api.put_in(task_id, status)
    assert _limit(api, ann, task_id, 9).status == 200
    api.put_in(task_id, 5)
    answer = _limit(api, ann, task_id, 10)
    assert (answer.status, answer.code) == (400, "OMS.0070")
    assert api.sql("SELECT max_requests FROM task WHERE id = %s", task_id) == [(9,)]


def test_tasks_of_others_and_unknown_ones_are_answered_as_everywhere(api: Service, ann: Account) -> None:
    foreign = api.create(api.account())
    for task_id in (foreign, 123):
        for answer, like in (
            (api.call(ann, "GET", f"/tasks/{task_id}/requests"), api.call(ann, "GET", f"/tasks/{task_id}")),
            (_limit(api, ann, task_id, 1), api.call(ann, "POST", f"/tasks/{task_id}/stop")),
        ):
            assert (answer.status, answer.json) == (like.status, like.json)


def test_readers_look_and_do_not_set(api: Service, ann: Account) -> None:
    task_id = api.create(ann)
    reader = api.account(Role.READER)
    assert api.call(reader, "GET", "/tasks/1/requests").code == "OMS.1009"
    assert _limit(api, reader, task_id, 1).code == "OMS.0205"
    operator = api.account(Role.OPERATOR)
    assert _limit(api, operator, api.create(operator), 1).status == 200


@pytest.mark.parametrize("status", [3, 4])
def test_a_run_at_its_ceiling_is_not_started_before_that_is_raised(
    api: Service, ann: Account, status: int
) -> None:
    task_id = api.create(ann)
    api.put_in(task_id, status)
    api.sql("DELETE FROM credential WHERE task_id = %s", task_id)
    _counted(api, task_id, 1, "source", "read", 5)
    _limit(api, ann, task_id, 5)
    refused = api.call(ann, "POST", f"/tasks/{task_id}/start", START)
    assert (refused.status, refused.code) == (400, "OMS.0001")
    assert "5 of 5 requests are made" in refused.json["error_msg"]
    assert api.call(ann, "GET", f"/tasks/{task_id}").json["status"] == status
    assert api.sql("SELECT count(*) FROM credential WHERE task_id = %s", task_id) == [(0,)]
    _limit(api, ann, task_id, 6)
    assert api.call(ann, "POST", f"/tasks/{task_id}/start", START).status == 200


def test_new_tasks_get_the_operators_ceiling(api_database_url: str, key_file: Path) -> None:
    with running_service(api_database_url, key_file, OMS_MAX_REQUESTS="1234") as service:
        ann = service.account()
        task_id = service.create(ann)
        assert service.call(ann, "GET", f"/tasks/{task_id}/requests").json["max_requests"] == 1234
