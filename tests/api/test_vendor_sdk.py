"""The vendor's own SDK against our API over plain HTTP (checks 88, 91, 92 and 96, the part of 5.1 and 5.2)."""

import os
from typing import Any

import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkcore.region.region import Region
from huaweicloudsdkoms.v2 import (
    BandwidthPolicyDto,
    BatchUpdateTasksReq,
    BatchUpdateTasksRequest,
    CreateTaskReq,
    CreateTaskRequest,
    DeleteTaskRequest,
    DstNodeReq,
    ListApiVersionsRequest,
    ListTasksRequest,
    OmsClient,
    ShowApiInfoRequest,
    ShowTaskRequest,
    SrcNodeReq,
    StartTaskReq,
    StartTaskRequest,
    StopTaskRequest,
    UpdateBandwidthPolicyReq,
    UpdateBandwidthPolicyRequest,
)

from tests.api.service import Account, Service

REGION = "cn-north-4"


@pytest.fixture
def client(api: Service, ann: Account) -> Any:
    """The SDK's client, signing with an access key."""
    credentials = BasicCredentials(ann.access_key, ann.secret_key, ann.project_id)
    return OmsClient.new_builder().with_credentials(credentials).with_endpoint(api.address).build()


def wanted() -> CreateTaskRequest:
    """A task as an SDK user writes it."""
    return CreateTaskRequest(
        body=CreateTaskReq(
            task_type="prefix",
            src_node=SrcNodeReq(
                cloud_type="AWS", region="us-east-1", ak="a", sk="b", bucket="photos", object_key=["2024/"]
            ),
            dst_node=DstNodeReq(ak="c", sk="d", region="cn-north-4", bucket="vault", save_prefix="in/"),
            description="sdk",
            migrate_since=5,
            bandwidth_policy=[BandwidthPolicyDto(end="23:59", max_bandwidth=5_000_000, start="00:00")],
        )
    )


@pytest.mark.check(91)
def test_all_task_operations_succeed(api: Service, client: Any) -> None:
    """Check 91 for the calls of 5.1 and 5.2."""
    created = client.create_task(wanted())
    shown = client.show_task(ShowTaskRequest(task_id=created.id))
    assert (shown.id, shown.name, shown.status) == (created.id, created.task_name, 1)
    assert (shown.description, shown.migrate_since, shown.progress) == ("sdk", 5000, 0.0)
    assert shown.src_node.object_key == ["2024/"]
    assert shown.bandwidth_policy[0].max_bandwidth == 5_000_000
    listed = client.list_tasks(ListTasksRequest(limit=5, offset=0, status=1))
    assert (listed.count, listed.tasks[0].id) == (1, created.id)
    client.update_bandwidth_policy(
        UpdateBandwidthPolicyRequest(task_id=created.id, body=UpdateBandwidthPolicyReq(bandwidth_policy=[]))
    )
    policy = [BandwidthPolicyDto(end="02:00", max_bandwidth=2_000_000, start="01:00")]
    client.batch_update_tasks(
        BatchUpdateTasksRequest(
            body=BatchUpdateTasksReq(ids=[created.id], bandwidth_policy=policy, task_priority="LOW")
        )
    )
    assert client.show_task(ShowTaskRequest(task_id=created.id)).task_priority == "LOW"
    api.put_in(created.id, 2)
    client.stop_task(StopTaskRequest(task_id=created.id))
    assert client.show_task(ShowTaskRequest(task_id=created.id)).status in (3, 7)
    keys = StartTaskReq(src_ak="a", src_sk="b", dst_ak="c", dst_sk="d")
    client.start_task(StartTaskRequest(task_id=created.id, body=keys))
    assert client.show_task(ShowTaskRequest(task_id=created.id)).status == 1
    client.delete_task(DeleteTaskRequest(task_id=created.id))
    with pytest.raises(ClientRequestException) as gone:
        client.show_task(ShowTaskRequest(task_id=created.id))
    assert (gone.value.status_code, gone.value.error_code) == (404, "OMS.1009")
    assert gone.value.error_msg
    assert gone.value.request_id


def test_versions_are_strings_the_sdk_understands(client: Any) -> None:
    versions = client.list_api_versions(ListApiVersionsRequest()).versions
    assert [(version.id, version.status) for version in versions] == [("v2", "CURRENT")]
    one = client.show_api_info(ShowApiInfoRequest(version="v2"))
    assert one.links[0].href.endswith("/v2/")
    with pytest.raises(ClientRequestException) as unknown:
        client.show_api_info(ShowApiInfoRequest(version="v9"))
    assert unknown.value.status_code == 404


@pytest.mark.check(96)
def test_no_documented_field_is_lost_in_the_sdks_model(api: Service, ann: Account, client: Any) -> None:
    """Check 96."""
    created = client.create_task(wanted())
    plain = api.call(ann, "GET", f"/tasks/{created.id}").json
    model = client.show_task(ShowTaskRequest(task_id=created.id))
    for name, value in plain.items():
        if hasattr(model, name) and value is not None and not isinstance(value, dict | list):
            assert getattr(model, name) == value, name
    assert {name for name in plain if not hasattr(model, name)} == {"enable_kms"}


@pytest.mark.check(88)
def test_the_sdk_finds_its_project_by_the_regions_name(
    api: Service, ann: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Check 88."""
    for name in [name for name in os.environ if name.startswith("HUAWEICLOUD_SDK")]:
        monkeypatch.delenv(name)
    credentials = BasicCredentials(ann.access_key, ann.secret_key).with_iam_endpoint(api.address)
    for name in (ann.project_name, REGION):
        region = Region(name, api.address)
        client: Any = OmsClient.new_builder().with_credentials(credentials).with_region(region).build()
        assert client.list_tasks(ListTasksRequest()).count == 0
