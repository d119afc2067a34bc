"""Groups of a whole installation: `oms up`, the vendor's SDK, and what the Terraform resource does."""

import json
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkoms.v2 import (
    BandwidthPolicyDto,
    CreateTaskGroupReq,
    CreateTaskGroupRequest,
    DeleteTaskGroupRequest,
    ListTaskGroupRequest,
    ListTasksRequest,
    OmsClient,
    RetryTaskGroupReq,
    RetryTaskGroupRequest,
    ShowTaskGroupRequest,
    StartTaskGroupReq,
    StartTaskGroupRequest,
    StopTaskGroupRequest,
    TaskGroupDstNode,
    TaskGroupSrcNode,
    UpdateBandwidthPolicyReq,
    UpdateTaskGroupRequest,
)

from tests.e2e.site import AK, REGIONS, SK, Site, opened, until
from tests.groups.installation import (
    KEYS,
    MIB,
    SLOW,
    TASK_OBJECTS,
    Pair,
    assert_gone,
    call,
    refused,
    shown,
    wait,
)
from tests.groups.terraform import Resource

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Tasks of a few dozen objects, two workers."""
    environment = {"OMS_GROUP_TASK_OBJECTS": str(TASK_OBJECTS), "OMS_LEASE_SECONDS": "5"}
    with opened(tmp_path_factory.mktemp("site"), environment=environment) as found:
        yield found


@pytest.fixture
def pair(site: Site, request: pytest.FixtureRequest) -> Pair:
    """Buckets named after the test."""
    return Pair(site, f"b{abs(hash(request.node.name)) % 10**8}")


@pytest.mark.check(66)
@pytest.mark.check(68)
def test_a_group_goes_through_its_states_and_adds_up(site: Site, pair: Pair) -> None:
    pair.fill("abc", TASK_OBJECTS, b"x" * 100)
    group = call(site, "POST", "", pair.request("abc"))["group_id"]
    seen: list[int] = []

    def look() -> dict[str, Any]:
        found = shown(site, group)
        if not seen or seen[-1] != found["status"]:
            seen.append(found["status"])
        return found

    ended = until(look, lambda found: found["status"] in (4, 5, 6), 60)
    steps = site.rows(
        "SELECT detail ->> 'status' AS status FROM audit WHERE resource = %s AND detail ? 'status' ORDER BY id",
        f"group:{group}",
    )
    assert [int(step["status"]) for step in steps] == [1, 2, 6]
    # A look may come late or miss one, but never sees another order.
    assert seen == [status for status in (0, 1, 2, 6) if status in seen]
    assert len(seen) > 1
    tasks = site.engine.call("GET", f"/tasks?group_id={group}")["tasks"]
    assert len(tasks) == 3
    assert {
        (one["group_id"], one["group_type"], one["task_type"], one["status"], one["progress"])
        for one in tasks
    } == {(group, "GROUP_TASK", "list", 5, 1.0)}
    for name, of_task in (
        ("total_num", "total_num"),
        ("success_num", "successful_num"),
        ("total_size", "total_size"),
    ):
        assert ended[name] == sum(one[of_task] for one in tasks)
    assert (ended["total_num"], ended["complete_size"]) == (3 * TASK_OBJECTS, 300 * TASK_OBJECTS)
    assert (ended["complete_task_num"], ended["error_reason"], ended["migrate_speed"]) == (3, None, 0)
    assert pair.copied() == 3 * TASK_OBJECTS
    assert site.rows("SELECT * FROM credential") == []


@pytest.mark.check(69)
@pytest.mark.check(70)
@pytest.mark.check(72)
def test_stopping_starting_and_deleting_a_group_at_work(site: Site, pair: Pair) -> None:
    pair.fill("abc", TASK_OBJECTS, b"x" * (MIB // 4))
    group = call(site, "POST", "", pair.request("abc", bandwidth_policy=SLOW))["group_id"]
    wait(site, group, 2)
    assert "OMS.1039" in refused(site, "PUT", f"/{group}/start", KEYS)
    assert "OMS.1047" in refused(site, "DELETE", f"/{group}")
    call(site, "PUT", f"/{group}/stop")
    assert shown(site, group)["status"] in (7, 3)
    paused = wait(site, group, 3, seconds=10)
    assert (paused["paused_task_num"], paused["executing_task_num"]) == (3, 0)
    assert "OMS.1038" in refused(site, "PUT", f"/{group}/stop")
    assert site.rows("SELECT * FROM credential") == []
    arrived = pair.copied()
    assert arrived < 3 * TASK_OBJECTS
    call(site, "PUT", f"/{group}/start", KEYS)
    assert shown(site, group)["status"] in (1, 2)
    call(site, "PUT", f"/{group}/update", {"bandwidth_policy": []})
    assert wait(site, group, 4, 5, 6)["status"] == 6
    assert pair.copied() == 3 * TASK_OBJECTS
    assert "OMS.1040" in refused(site, "PUT", f"/{group}/retry", KEYS)
    call(site, "DELETE", f"/{group}")
    assert_gone(site, group)
    assert site.rows("SELECT id FROM task WHERE group_id = %s::uuid", group) == []
    lists = [
        key for key in site.destination.keys(pair.right) if key.startswith(f"oms/task_group/{group}".encode())
    ]
    assert len(lists) == 3, "the records stay"


@pytest.mark.check(73)
def test_a_retry_touches_only_what_failed(site: Site, pair: Pair) -> None:
    pair.fill("ab", TASK_OBJECTS, b"x" * 100)
    fault = pair.deny("b/00*")
    group = call(site, "POST", "", pair.request("ab"))["group_id"]
    ended = wait(site, group, 4, 5, 6)
    assert (ended["status"], ended["fail_num"], ended["failed_task_num"]) == (5, 10, 1), ended
    assert ended["error_reason"]["error_code"] == "TRF.0004"
    folder = f"oms/task_group/{group}/failed_object_lists/"
    assert ended["failed_object_record"] == {"result": True, "list_file_key": folder, "error_code": None}
    site.source.faults.remove(fault)
    site.source.reset_counters()
    call(site, "PUT", f"/{group}/retry", KEYS | {"migrate_failed_object": True})
    assert shown(site, group)["status"] not in (4, 5)
    again = wait(site, group, 4, 5, 6)
    assert (again["status"], again["success_num"], again["fail_num"]) == (6, 2 * TASK_OBJECTS, 0), again
    asked = site.source.counters()
    assert (asked.requests("get"), asked.requests("list")) == (10, 0)
    assert again["total_num"] == 2 * TASK_OBJECTS


def test_a_retry_of_everything_asks_only_the_failed_tasks(site: Site, pair: Pair) -> None:
    pair.fill("ab", TASK_OBJECTS, b"x" * 100)
    fault = pair.deny("b/00*")
    group = call(site, "POST", "", pair.request("ab"))["group_id"]
    assert wait(site, group, 4, 5, 6)["status"] == 5
    site.source.faults.remove(fault)
    site.source.reset_counters()
    call(site, "PUT", f"/{group}/retry", KEYS)
    again = wait(site, group, 4, 5, 6)
    assert (again["status"], again["success_num"], again["skip_num"]) == (6, TASK_OBJECTS + 10, 20), again
    assert site.source.counters().requests("get") == 10


def test_workers_that_are_killed_cost_a_group_nothing(site: Site, pair: Pair) -> None:
    prefixes = "abcdefghij"
    pair.fill(prefixes, 3 * TASK_OBJECTS, b"x" * 1000)
    group = call(site, "POST", "", pair.request(prefixes))["group_id"]
    for _ in range(4):
        time.sleep(0.7)
        site.kill("worker")
    ended = wait(site, group, 4, 5, 6, seconds=90)
    count = len(prefixes) * 3 * TASK_OBJECTS
    assert (ended["status"], ended["total_num"], ended["create_complete_num"]) == (6, count, count), ended
    assert ended["success_num"] + ended["skip_num"] == count
    assert pair.copied() == count


def test_a_creation_that_failed_is_taken_up_by_a_retry(site: Site, pair: Pair) -> None:
    pair.fill("a", 3, b"x")
    site.destination.put(pair.right, b"lists/1.csv", b"a/000", headers={"content-type": "text/plain"})
    source = {"object_key": None, "list_file": {"obs_bucket": pair.right, "list_file_key": "lists/"}}
    request = pair.request("a", task_type="LIST")
    request["src_node"] = {
        key: value for key, value in (request["src_node"] | source).items() if value is not None
    }
    group = call(site, "POST", "", request)["group_id"]
    failed = wait(site, group, 4, 5, 6)
    assert (failed["status"], failed["error_reason"]["error_code"]) == (4, "S3M.1042")
    assert site.rows("SELECT * FROM credential") == []
    site.destination.delete(pair.right, b"lists/1.csv")
    for n in (1, 2):
        site.destination.put(
            pair.right, b"lists/%d.txt" % n, b"a/00%d" % n, headers={"content-type": "text/plain"}
        )
    call(site, "PUT", f"/{group}/retry", KEYS)
    assert shown(site, group)["status"] == 1
    ended = wait(site, group, 4, 5, 6)
    assert (ended["status"], ended["success_num"], ended["create_task_num"]) == (6, 2, 2)
    assert ended["src_node"]["list_file"]["list_file_num"] == "2"


@pytest.fixture
def client(site: Site) -> Any:
    """The vendor's SDK, signing with an access key."""
    known = json.loads((site.root / "data" / "credentials.json").read_text())
    credentials = BasicCredentials(known["access_key"], known["secret_key"], known["project_id"])
    address = f"http://{site.engine._host}"
    assert urllib.request.urlopen(f"{address}/healthz").status == 200
    return OmsClient.new_builder().with_credentials(credentials).with_endpoint(address).build()


def test_the_sdk_drives_every_group_operation(site: Site, pair: Pair, client: Any) -> None:
    pair.fill("ab", TASK_OBJECTS, b"x" * (MIB // 8))
    slow = [BandwidthPolicyDto(start="00:00", end="23:59", max_bandwidth=MIB)]
    body = CreateTaskGroupReq(
        task_type="PREFIX",
        src_node=TaskGroupSrcNode(
            cloud_type="AWS", region=REGIONS[0], ak=AK, sk=SK, bucket=pair.left, object_key=["a/", "b/"]
        ),
        dst_node=TaskGroupDstNode(ak=AK, sk=SK, region=REGIONS[1], bucket=pair.right),
        description="sdk", bandwidth_policy=slow, migrate_since=5,
    )  # fmt: skip
    group = client.create_task_group(CreateTaskGroupRequest(body=body)).group_id
    look = ShowTaskGroupRequest(group_id=group)
    until(lambda: client.show_task_group(look).status, lambda status: status == 2, 30)
    listed = client.list_task_group(ListTaskGroupRequest(limit=5, offset=0, status=2))
    assert [one.group_id for one in listed.taskgroups] == [group]
    assert listed.taskgroups[0].src_node.cloud_type == "AWS"
    assert client.list_tasks(ListTasksRequest(group_id=group)).count == 2
    client.stop_task_group(StopTaskGroupRequest(group_id=group))
    until(lambda: client.show_task_group(look).status, lambda status: status == 3, 30)
    keys = StartTaskGroupReq(src_ak=AK, src_sk=SK, dst_ak=AK, dst_sk=SK)
    client.start_task_group(StartTaskGroupRequest(group_id=group, body=keys))
    limits = UpdateBandwidthPolicyReq(bandwidth_policy=[])
    client.update_task_group(UpdateTaskGroupRequest(group_id=group, body=limits))
    ended = until(lambda: client.show_task_group(look), lambda found: found.status in (4, 5, 6), 60)
    assert (ended.status, ended.success_num, ended.migrate_since) == (6, 2 * TASK_OBJECTS, 5000)
    plain = shown(site, group)
    for name, value in plain.items():
        if hasattr(ended, name) and value is not None and not isinstance(value, dict | list):
            assert getattr(ended, name) == value, name
    assert {name for name in plain if not hasattr(ended, name)} == {"enable_kms"}
    again = RetryTaskGroupReq(src_ak=AK, src_sk=SK, dst_ak=AK, dst_sk=SK, migrate_failed_object=True)
    with pytest.raises(ClientRequestException) as no:
        client.retry_task_group(RetryTaskGroupRequest(group_id=group, body=again))
    assert (no.value.error_code, bool(no.value.error_msg)) == ("OMS.1040", True)
    client.delete_task_group(DeleteTaskGroupRequest(group_id=group))
    assert_gone(site, group)


@pytest.mark.check(95)
def test_what_the_terraform_resource_does_succeeds(site: Site, pair: Pair) -> None:
    pair.fill("abc", TASK_OBJECTS, b"x" * (MIB // 2))
    resource = Resource(site)
    resource.create(pair.request("abc", bandwidth_policy=SLOW))
    resource.act("stop")
    assert shown(site, resource.group)["status"] == 3
    resource.act("start")
    call(
        site,
        "PUT",
        f"/{resource.group}/update",
        {"bandwidth_policy": [SLOW[0] | {"max_bandwidth": 2.097152e06}]},
    )
    assert shown(site, resource.group)["bandwidth_policy"][0]["max_bandwidth"] == 2 * MIB
    resource.destroy()
    assert site.rows("SELECT id FROM task WHERE group_id = %s::uuid", resource.group) == []


def test_no_key_of_a_group_is_left_anywhere(site: Site) -> None:
    """After ends, stops and deletions: neither the ledger nor a log names a key."""
    assert (
        site.rows("SELECT * FROM credential c JOIN task t ON t.id = c.task_id WHERE t.status IN (3, 4, 5)")
        == []
    )
    for log in [*Path(site.root / "data").rglob("*.log"), *Path(site.root / "data").rglob("*.jsonl")]:
        assert SK not in log.read_text(errors="replace"), log
    for table in ("task", "task_group", "audit", "outbox", "idempotency"):
        assert site.rows(f"SELECT 1 FROM {table} x WHERE x::text LIKE %s", f"%{SK}%") == []
