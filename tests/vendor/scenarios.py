"""What an SDK user does with each resource; between them they call every operation of the SDK."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from huaweicloudsdkoms.v2 import (
    BandwidthPolicyDto,
    BatchUpdateTasksReq,
    CheckPrefixReq,
    CheckUrlSourceListFileFormatReq,
    CreateSyncTaskReq,
    CreateTaskGroupReq,
    CreateTaskReq,
    DstNodeReq,
    ListBucketsReq,
    RetryTaskGroupReq,
    ShowBucketRegionReq,
    ShowBucketReq,
    ShowCdnInfoReq,
    SmnConfig,
    SourceCdnReq,
    SrcNodeReq,
    StartSyncTaskReq,
    StartTaskGroupReq,
    StartTaskReq,
    SyncObjectReq,
    TaskGroupDstNode,
    TaskGroupSrcNode,
    UpdateBandwidthPolicyReq,
)

from tests.e2e.site import AK, REGIONS, SK
from tests.vendor.clients import Vendor
from tests.vendor.conftest import World

SOURCE: Final = {"cloud_type": "AWS", "region": REGIONS[0], "ak": AK, "sk": SK, "bucket": "from"}
DESTINATION: Final = {"region": REGIONS[1], "ak": AK, "sk": SK, "bucket": "into"}
SLOW: Final = [BandwidthPolicyDto(end="23:59", max_bandwidth=1_048_576, start="00:00")]
FAST: Final = [BandwidthPolicyDto(end="02:00", max_bandwidth=209_715_200, start="01:00")]


def until(ask: Callable[[], Any], wanted: Callable[[Any], bool], seconds: float = 60) -> Any:
    """The first answer that will do."""
    deadline = time.monotonic() + seconds
    while not wanted(answer := ask()):
        assert time.monotonic() < deadline, answer
        time.sleep(0.2)
    return answer


def versions(vendor: Vendor, world: World) -> None:
    """5.1"""
    assert [one.id for one in vendor.call("list_api_versions").versions] == ["v2"]
    vendor.call("show_api_info", version="v2")


def tasks(vendor: Vendor, world: World) -> None:
    """5.2: a task of its whole life."""
    body = CreateTaskReq(
        task_type="prefix",
        src_node=SrcNodeReq(object_key=["logs/", "big/"], **SOURCE),
        dst_node=DstNodeReq(save_prefix=f"in-{id(vendor)}/", **DESTINATION),
        description="by the SDK",
        bandwidth_policy=SLOW,
        smn_config=SmnConfig(topic_urn=world.topics["web"], trigger_conditions=["SUCCESS", "FAILURE"]),
        object_overwrite_mode="FULL_OVERWRITE",
    )
    created = vendor.call("create_task", body=body)
    task_id = created.id
    shown = vendor.call("show_task", task_id=task_id)
    assert (shown.name, shown.description) == (created.task_name, "by the SDK")
    assert shown.status in (1, 2)
    assert vendor.call("list_tasks", limit=5, task_name=created.task_name).count == 1
    keys = {"src_ak": AK, "src_sk": SK, "dst_ak": AK, "dst_sk": SK}
    until(lambda: vendor.call("show_task", task_id=task_id).status, lambda status: status != 1)
    vendor.call("stop_task", task_id=task_id)
    until(lambda: vendor.call("show_task", task_id=task_id).status, lambda status: status == 3)
    vendor.call(
        "update_bandwidth_policy", task_id=task_id, body=UpdateBandwidthPolicyReq(bandwidth_policy=FAST)
    )
    update = BatchUpdateTasksReq(ids=[task_id], bandwidth_policy=[], task_priority="HIGH")
    vendor.call("batch_update_tasks", body=update)
    vendor.call("start_task", task_id=task_id, body=StartTaskReq(**keys))
    ended = until(lambda: vendor.call("show_task", task_id=task_id), lambda task: task.status in (4, 5))
    assert (ended.status, ended.successful_num, ended.failed_num) == (5, 61, 0), ended
    told = until(lambda: vendor.call("show_task", task_id=task_id).smn_info, lambda info: info is not None)
    assert (told.notify_result, told.notify_error_message, told.topic_name) == (True, "", "")
    vendor.call("delete_task", task_id=task_id)


def groups(vendor: Vendor, world: World) -> None:
    """5.4: a group of its whole life."""
    body = CreateTaskGroupReq(
        task_type="PREFIX",
        src_node=TaskGroupSrcNode(object_key=["logs/", "big/"], **SOURCE),
        dst_node=TaskGroupDstNode(save_prefix=f"group-{id(vendor)}/", cloud_type="HEC", **DESTINATION),
        description="by the SDK",
        bandwidth_policy=SLOW,
        object_overwrite_mode="FULL_OVERWRITE",
        smn_config=SmnConfig(topic_urn=world.topics["web"], trigger_conditions=["SUCCESS", "FAILURE"]),
    )
    group_id = vendor.call("create_task_group", body=body).group_id
    shown = lambda: vendor.call("show_task_group", group_id=group_id)  # noqa: E731
    assert shown().group_id == group_id
    assert group_id in [group.group_id for group in vendor.call("list_task_group", limit=100).taskgroups]
    until(lambda: shown().status, lambda status: status != 0)
    vendor.call("stop_task_group", group_id=group_id)
    until(lambda: shown().status, lambda status: status == 3)
    vendor.call("update_task_group", group_id=group_id, body=UpdateBandwidthPolicyReq(bandwidth_policy=[]))
    keys = {"src_ak": AK, "src_sk": SK, "dst_ak": AK, "dst_sk": SK}
    vendor.call("start_task_group", group_id=group_id, body=StartTaskGroupReq(**keys))
    ended = until(shown, lambda group: group.status in (4, 5, 6))
    assert ended.status == 6, ended
    told = until(lambda: shown().smn_config, lambda info: info is not None)
    assert (told.notify_result, told.notify_error_message, told.topic_name) == (True, "", "")
    assert len(world.hook.about(group_id)) == 1
    vendor.call("delete_task_group", group_id=group_id)
    failing = CreateTaskGroupReq(
        task_type="PREFIX",
        src_node=TaskGroupSrcNode(object_key=["logs/"], **{**SOURCE, "bucket": "nowhere"}),
        dst_node=TaskGroupDstNode(cloud_type="HEC", **DESTINATION),
    )
    failed_id = vendor.call("create_task_group", body=failing).group_id
    until(lambda: vendor.call("show_task_group", group_id=failed_id).status, lambda status: status in (4, 5))
    vendor.call("retry_task_group", group_id=failed_id, body=RetryTaskGroupReq(**keys))


def syncs(vendor: Vendor, world: World) -> None:
    """5.3: a sync task of its whole life."""
    body = CreateSyncTaskReq(
        src_cloud_type="AWS", src_region=REGIONS[0], src_bucket="from", src_ak=AK, src_sk=SK,
        dst_region=REGIONS[1], dst_bucket="into", dst_ak=AK, dst_sk=SK, description="by the SDK",
    )  # fmt: skip
    sync_id = vendor.call("create_sync_task", body=body).sync_task_id
    now = lambda: int(time.time() * 1000)  # noqa: E731
    shown = lambda: vendor.call("show_sync_task", sync_task_id=sync_id, query_time=now())  # noqa: E731
    assert shown().status == "SYNCHRONIZING"
    assert sync_id in [one.sync_task_id for one in vendor.call("list_sync_tasks", limit=100).tasks]
    vendor.call(
        "create_sync_events", sync_task_id=sync_id, body=SyncObjectReq(object_keys=["logs%2F001.txt"])
    )
    done = until(shown, lambda task: task.monthly_success_object + task.monthly_skip_object == 1, 20)
    assert done.monthly_acceptance_request == 1
    vendor.call(
        "list_sync_task_statistic",
        sync_task_id=sync_id, data_type="REQUEST,SUCCESS,SKIP,SIZE", start_time=now() - 3_600_000, end_time=now(),
    )  # fmt: skip
    vendor.call("stop_sync_task", sync_task_id=sync_id)
    assert shown().status == "STOPPED"
    keys = StartSyncTaskReq(src_ak=AK, src_sk=SK, dst_ak=AK, dst_sk=SK)
    vendor.call("start_sync_task", sync_task_id=sync_id, body=keys)
    vendor.call("stop_sync_task", sync_task_id=sync_id)
    vendor.call("delete_sync_task", sync_task_id=sync_id)


def buckets(vendor: Vendor, world: World) -> None:
    """5.5 to 5.7: what a console asks before a task is created."""
    asked = {"cloud_type": "AWS", "ak": AK, "sk": SK}
    assert vendor.call("show_bucket_list", body=ListBucketsReq(**asked)).body == ["from"]
    there = ShowBucketReq(
        file_path="logs/",
        data_center=REGIONS[0],
        page_size=10,
        behind_filename="",
        bucket_name="from",
        **asked,
    )
    page = vendor.call("show_bucket_objects", body=there)
    assert (len(page.records), page.next_page) == (10, True)
    region = vendor.call("show_bucket_region", body=ShowBucketRegionReq(bucket_name="from", **asked))
    assert region.id
    prefix = CheckPrefixReq(bucket_name="from", file_name="logs/", data_center=REGIONS[0], **asked)
    assert vendor.call("check_prefix", body=prefix).exist is True
    network = SourceCdnReq(authentication_type="NONE", domain=world.content_domain, protocol="http")
    wanted = ShowCdnInfoReq(region=REGIONS[0], bucket="from", source_cdn=network, **asked)
    vendor.call("show_cdn_info", body=wanted)
    assert "AWS" in vendor.call("show_cloud_type", type="src").body
    vendor.call("show_region_info")
    line = f"http://{world.content_domain}/logs/001.txt\ta\n".encode()
    world.site.destination.put("into", b"urls.txt", line, headers={"content-type": "text/plain"})
    listed = CheckUrlSourceListFileFormatReq(
        obs_bucket="into", list_file_key="urls.txt", ak=AK, sk=SK, region=REGIONS[1]
    )
    vendor.call("check_url_source_list_file_format", body=listed)
    vendor.call("update_privacy_agreement_record")


SCENARIOS: Final[Mapping[Callable[[Vendor, World], None], frozenset[str]]] = {
    versions: frozenset({"list_api_versions", "show_api_info"}),
    tasks: frozenset(
        {
            "list_tasks", "create_task", "show_task", "delete_task", "start_task", "stop_task",
            "update_bandwidth_policy", "batch_update_tasks",
        }
    ),
    groups: frozenset(
        {
            "list_task_group", "create_task_group", "show_task_group", "delete_task_group", "start_task_group",
            "stop_task_group", "retry_task_group", "update_task_group",
        }
    ),
    syncs: frozenset(
        {
            "list_sync_tasks", "create_sync_task", "show_sync_task", "delete_sync_task", "start_sync_task",
            "stop_sync_task", "create_sync_events", "list_sync_task_statistic",
        }
    ),
    buckets: frozenset(
        {
            "show_bucket_list", "show_bucket_objects", "show_bucket_region", "check_prefix", "show_cdn_info",
            "check_url_source_list_file_format", "show_cloud_type", "show_region_info",
            "update_privacy_agreement_record",
        }
    ),
}  # fmt: skip
