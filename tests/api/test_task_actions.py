"""Stop, start and delete: what each status allows and what is left behind (OMS 5.2.4 to 5.2.6, oms-behaviour 4.1)."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.api.service import START, Account, Service, ended_with_failures, record_failures, running_service
from tests.storeserver.config import Account as StoreAccount
from tests.storeserver.config import StoreConfig
from tests.storeserver.process import ServerProcess


@pytest.mark.check(48, 49, 50)
@pytest.mark.parametrize(
    ("status", "stop", "start", "delete"),
    [
        (1, "OMS.0066", "OMS.0065", 200),
        (2, 200, "OMS.0065", "OMS.0063"),
        (3, "OMS.0066", 200, 200),
        (4, "OMS.0066", 200, 200),
        (5, "OMS.0070", "OMS.0070", 200),
        (6, 200, "OMS.0065", "OMS.0063"),
        (7, "OMS.0066", "OMS.0065", "OMS.0063"),
    ],
)
def test_each_status_allows_what_the_table_says(
    api: Service, ann: Account, status: int, stop: str | int, start: str | int, delete: str | int
) -> None:
    """Checks 48 to 50: the table of oms-behaviour 4.1."""
    for method, suffix, body, expected in (
        ("POST", "/stop", None, stop),
        ("POST", "/start", START, start),
        ("DELETE", "", None, delete),
    ):
        task_id = api.create(ann)
        api.put_in(task_id, status)
        answer = api.call(ann, method, f"/tasks/{task_id}{suffix}", body)
        if expected == 200:
            assert (answer.status, answer.body) == (200, b""), answer
        else:
            assert (answer.status, answer.code) == (400, expected)
            assert api.call(ann, "GET", f"/tasks/{task_id}").json["status"] == status


def test_stop_with_nobody_at_work_pauses_at_once_and_wipes_the_keys(api: Service, ann: Account) -> None:
    task_id = api.create(ann)
    api.put_in(task_id, 2, running_since=datetime.now(UTC))
    assert api.call(ann, "POST", f"/tasks/{task_id}/stop").status == 200
    assert api.call(ann, "GET", f"/tasks/{task_id}").json["status"] == 3
    assert api.sql("SELECT count(*) FROM credential WHERE task_id = %s", task_id) == [(0,)]
    assert api.sql("SELECT running_since FROM task WHERE id = %s", task_id) == [(None,)]


def test_stop_while_a_worker_holds_a_lease_is_pausing(api: Service, ann: Account) -> None:
    task_id = api.create(ann)
    api.put_in(task_id, 2)
    api.sql(
        "UPDATE run SET claim_id = gen_random_uuid(), worker = 'w', lease_until = clock_timestamp() + interval '20 s'"
        " WHERE task_id = %s",
        task_id,
    )
    assert api.call(ann, "POST", f"/tasks/{task_id}/stop").status == 200
    assert api.call(ann, "GET", f"/tasks/{task_id}").json["status"] == 7
    assert api.sql("SELECT desired FROM task WHERE id = %s", task_id) == [("pause",)]
    assert api.sql("SELECT count(*) FROM credential WHERE task_id = %s", task_id) == [(2,)]


def test_stop_keeps_the_fatal_error_that_drains_a_task(api: Service, ann: Account) -> None:
    task_id = api.create(ann)
    api.put_in(task_id, 2, desired="halt", fatal_code="TRF.0155")
    assert api.call(ann, "POST", f"/tasks/{task_id}/stop").status == 200
    assert api.sql("SELECT status, desired, fatal_code FROM task WHERE id = %s", task_id) == [
        (7, "halt", "TRF.0155")
    ]


@pytest.mark.check(49)
@pytest.mark.parametrize("status", [3, 4])
def test_start_goes_on_with_a_run_that_has_something_left(api: Service, ann: Account, status: int) -> None:
    """Check 49."""
    task_id = api.create(ann)
    api.put_in(task_id, status, error_code="TRF.0155", fatal_code="TRF.0155")
    api.sql("DELETE FROM credential WHERE task_id = %s", task_id)
    assert api.call(ann, "POST", f"/tasks/{task_id}/start", START).status == 200
    shown = api.call(ann, "GET", f"/tasks/{task_id}").json
    assert (shown["status"], shown["error_reason"]) == (1, None)
    assert api.sql("SELECT run_no, desired, fatal_code FROM task WHERE id = %s", task_id) == [
        (1, "run", None)
    ]
    assert api.sql("SELECT count(*) FROM credential WHERE task_id = %s", task_id) == [(2,)]


def test_start_of_an_ended_run_begins_a_new_one_over_everything(api: Service, ann: Account) -> None:
    task_id = ended_with_failures(api, ann)
    assert api.call(ann, "POST", f"/tasks/{task_id}/start", START).status == 200
    assert api.sql("SELECT run_no, failed_only, base_ok FROM run WHERE task_id = %s", task_id) == [
        (2, False, 0)
    ]
    assert api.sql("SELECT count(*) FROM segment WHERE task_id = %s", task_id) == [(0,)]
    shown = api.call(ann, "GET", f"/tasks/{task_id}").json
    assert (shown["status"], shown["total_num"], shown["failed_num"], shown["is_query_over"]) == (
        1,
        0,
        0,
        False,
    )


@pytest.mark.check(19)
def test_a_retry_of_failed_objects_without_recording_is_refused(api: Service, ann: Account) -> None:
    """Check 19."""
    task_id = ended_with_failures(api, ann, enable_failed_object_recording=False)
    answer = api.call(ann, "POST", f"/tasks/{task_id}/start", {**START, "migrate_failed_object": True})
    assert (answer.status, answer.code) == (400, "S3M.0301")


def test_a_retry_of_failed_objects_needs_failures_and_their_list(api: Service, ann: Account) -> None:
    retry = {**START, "migrate_failed_object": True}
    task_id = ended_with_failures(api, ann)
    assert api.call(ann, "POST", f"/tasks/{task_id}/start", retry).code == "OMS.0167"
    api.sql("UPDATE counter SET fail = 0, fail_bytes = 0 WHERE task_id = %s", task_id)
    assert api.call(ann, "POST", f"/tasks/{task_id}/start", retry).code == "OMS.1027"


@pytest.mark.check(18)
def test_a_retry_of_failed_objects_keeps_the_figures_of_the_rest(api: Service, ann: Account) -> None:
    task_id = ended_with_failures(api, ann)
    record_failures(api, task_id)
    shown = api.call(ann, "GET", f"/tasks/{task_id}").json
    assert (shown["successful_num"], shown["skipped_num"], shown["failed_num"], shown["total_num"]) == (
        5,
        2,
        3,
        10,
    )
    assert shown["failed_object_record"] == {
        "result": True,
        "list_file_key": "oms/task/x",
        "error_code": None,
    }
    # The destination of this test does not answer, and is not judged by this call.
    answer = api.call(ann, "POST", f"/tasks/{task_id}/start", {**START, "migrate_failed_object": True})
    assert answer.status == 200, answer
    assert api.sql(
        "SELECT run_no, failed_only, base_listed, base_ok, base_ok_bytes, base_skip FROM run WHERE task_id = %s"
        " AND run_no = 2",
        task_id,
    ) == [(2, True, 7, 5, 500, 2)]
    assert api.sql("SELECT count(*) FROM segment WHERE task_id = %s AND run_no = 1", task_id) == [(1,)]
    after = api.call(ann, "GET", f"/tasks/{task_id}").json
    assert (after["successful_num"], after["skipped_num"], after["failed_num"]) == (5, 2, 0)


def test_a_paused_task_ignores_the_wish_for_failed_objects_only(api: Service, ann: Account) -> None:
    task_id = api.create(ann)
    api.put_in(task_id, 3)
    assert (
        api.call(ann, "POST", f"/tasks/{task_id}/start", {**START, "migrate_failed_object": True}).status
        == 200
    )
    assert api.sql("SELECT run_no, failed_only FROM run WHERE task_id = %s", task_id) == [(1, False)]


@pytest.mark.check(51)
@pytest.mark.parametrize("missing", ["dst_ak", "dst_sk", "src_ak", "src_sk"])
def test_start_without_a_key_is_refused(api: Service, ann: Account, missing: str) -> None:
    """Check 51."""
    task_id = api.create(ann)
    api.put_in(task_id, 3)
    for body in ({**START, missing: None}, {**START, missing: ""}):
        answer = api.call(ann, "POST", f"/tasks/{task_id}/start", body)
        assert (answer.status, answer.code) == (400, "OMS.1004")
        assert missing in answer.json["error_msg"]


@pytest.mark.check(50)
def test_a_deleted_task_is_gone_its_uploads_leak_and_its_audit_stays(api: Service, ann: Account) -> None:
    """Check 50."""
    task_id = api.create(ann)
    api.sql(
        "INSERT INTO upload (task_id, run_no, unit_id, idx, destination, dst_key, upload_id, src_etag, src_size,"
        " part_size, state) VALUES (%s, 1, 1, 0, '{}', 'k', 'u', 'e', 9, 9, 'open')",
        task_id,
    )
    assert api.call(ann, "DELETE", f"/tasks/{task_id}").status == 200
    gone = api.call(ann, "GET", f"/tasks/{task_id}")
    assert (gone.status, gone.code) == (404, "OMS.1009")
    assert api.sql("SELECT state FROM upload WHERE task_id = %s", task_id) == [("leaked",)]
    assert api.sql("SELECT count(*) FROM credential WHERE task_id = %s", task_id) == [(0,)]
    actions = [
        row[0] for row in api.sql("SELECT action FROM audit WHERE resource = %s ORDER BY id", str(task_id))
    ]
    assert actions == ["createTask", "deleteTask"]


def test_two_starts_at_once_are_one_start(api: Service, ann: Account) -> None:
    task_id = ended_with_failures(api, ann)
    api.token(ann)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: api.call(ann, "POST", f"/tasks/{task_id}/start", START), range(4)))
    assert sorted(answer.status for answer in answers) == [200, 400, 400, 400]
    assert {answer.code for answer in answers if answer.status == 400} == {"OMS.0065"}
    assert api.sql("SELECT run_no FROM run WHERE task_id = %s", task_id) == [(2,)]
    started = api.sql("SELECT count(*) FROM audit WHERE resource = %s AND action = 'startTask'", str(task_id))
    assert started == [(1,)]
    wakes = api.sql(
        "SELECT count(*) FROM outbox WHERE payload->>'task_id' = %s AND topic = 'wake'", str(task_id)
    )
    assert wakes == [(2,)]


@pytest.mark.parametrize(
    ("content", "expected"), [(b"one line\n", 200), (b"", "OMS.1027"), (None, "OMS.0167")]
)
def test_the_list_of_failed_objects_is_looked_for_at_the_destination(
    api_database_url: str, key_file: Path, tmp_path: Path, content: bytes | None, expected: int | str
) -> None:
    config = StoreConfig()
    config.keys, config.buckets = {"AKA": StoreAccount("SKA")}, ["vault"]
    with ServerProcess(config) as store:
        if content is not None:
            _client(store).put_object(Bucket="vault", Key="oms/task/x", Body=content)
        endpoints = tmp_path / "endpoints.yaml"
        endpoints.write_text(
            json.dumps([{"cloud_type": "HEC", "region": "*", "endpoint": store.url, "addressing": "path"}])
        )
        with running_service(api_database_url, key_file, OMS_ENDPOINTS=str(endpoints)) as service:
            ann = service.account()
            task_id = ended_with_failures(service, ann)
            record_failures(service, task_id)
            keys = {"src_ak": "a", "src_sk": "b", "dst_ak": "AKA", "dst_sk": "SKA"}
            answer = service.call(
                ann, "POST", f"/tasks/{task_id}/start", {**keys, "migrate_failed_object": True}
            )
            assert (answer.status if expected == 200 else answer.code) == expected
            assert service.call(ann, "GET", f"/tasks/{task_id}").json["status"] == (
                1 if expected == 200 else 4
            )


def _client(store: ServerProcess) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=store.url,
        aws_access_key_id="AKA",
        aws_secret_access_key="SKA",
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}),
    )
