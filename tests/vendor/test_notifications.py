"""Ends that are told, and that telling them never changes them."""

import time
from typing import Any

import pytest

from tests.e2e.site import AK, REGIONS, SK, until
from tests.vendor.conftest import World
from tests.vendor.terraform import Provider, Refused

VARIABLES = {
    "Task_Status", "Task_Name", "Start_Time", "Total_Time_Used", "Transferred_Data", "Average_Speed", "Source_Bucket",
    "Destination_Bucket", "List_File_Bucket", "List_File_Key", "Success_object_list_path",
    "Skip_object_list_path", "Failed_object_list_path",
}  # fmt: skip


def create(world: World, topic: str, *triggers: str, source: str = "from", **more: Any) -> dict[str, Any]:
    """A task that wants to be told; as it is shown at once."""
    smn = {"topic_urn": topic, "trigger_conditions": list(triggers), **more}
    body = {
        "task_type": "prefix",
        "src_node": {"cloud_type": "AWS", "region": REGIONS[0], "ak": AK, "sk": SK, "bucket": source,
                     "object_key": ["logs/00"]},
        "dst_node": {"region": REGIONS[1], "ak": AK, "sk": SK, "bucket": "into", "save_prefix": "told/"},
        "object_overwrite_mode": "FULL_OVERWRITE",
        "smn_config": smn,
    }  # fmt: skip
    created = world.site.engine.call("POST", "/tasks", body)
    return world.site.task(created["id"])


def told(world: World, task_id: int, result: bool, seconds: float = 30) -> dict[str, Any]:
    """The task once it has ended and its notification has fared so."""
    task = world.site.wait(task_id)
    return until(
        lambda: world.site.task(task["id"]),
        lambda task: task["smn_info"] is not None and task["smn_info"]["notify_result"] is result,
        seconds,
    )


@pytest.mark.check(97)
def test_only_what_was_asked_for_is_told_and_only_after_the_end(world: World) -> None:
    good = create(world, world.topics["web"], "SUCCESS")
    bad = create(world, world.topics["web"], "SUCCESS", source="nowhere")
    assert good["smn_info"] is None
    ended = told(world, good["id"], True)
    assert ended["smn_info"] == {"notify_result": True, "notify_error_message": "", "topic_name": ""}
    assert len(world.hook.about(good["name"])) == 1
    assert world.site.wait(bad["id"])["status"] == 4
    time.sleep(3)
    assert world.site.task(bad["id"])["smn_info"] is None
    assert world.hook.about(bad["name"]) == []
    loud = create(world, world.topics["web"], "FAILURE", source="nowhere")
    assert told(world, loud["id"], True)["status"] == 4
    assert world.hook.about(loud["name"])[0][1]["tags"]["Task_Status"] == "failed"


@pytest.mark.check(98)
def test_a_topic_of_another_region_is_refused_at_once(world: World) -> None:
    topic = world.topics["web"].replace(REGIONS[1], "cn-south-1")
    provider = Provider(world.address, world.project_id, world.token)
    with pytest.raises(Refused) as refused:
        provider.request("POST", "/tasks", {
            "task_type": "prefix",
            "src_node": {"cloud_type": "AWS", "region": REGIONS[0], "ak": AK, "sk": SK, "bucket": "from",
                         "object_key": [""]},
            "dst_node": {"region": REGIONS[1], "ak": AK, "sk": SK, "bucket": "into"},
            "smn_config": {"topic_urn": topic, "trigger_conditions": ["SUCCESS"]},
        })  # fmt: skip
    assert refused.value.code == "OMS.0168"


@pytest.mark.check(98)
@pytest.mark.parametrize(("topic", "code"), [("unknown", "OMS.0157"), ("away", "OMS.0158")])
def test_a_failed_notification_leaves_the_task_as_it_ended(world: World, topic: str, code: str) -> None:
    urn = world.topics.get(topic, f"urn:smn:{REGIONS[1]}:{world.project_id}:{topic}")
    task = told(world, create(world, urn, "SUCCESS")["id"], False)
    assert (task["status"], task["error_reason"]) == (5, None)
    assert task["smn_info"] == {"notify_result": False, "notify_error_message": code, "topic_name": urn}


def test_a_webhook_that_fails_is_tried_again_under_the_same_id(world: World) -> None:
    world.hook.statuses[:] = [503, 500]
    task = create(world, world.topics["web"], "SUCCESS")
    assert told(world, task["id"], True)["status"] == 5
    messages = world.hook.about(task["name"])
    assert len(messages) == 3
    assert len({headers["x-oms-message-id"] for headers, _ in messages}) == 1
    assert {body["message_id"] for _, body in messages} == {messages[0][0]["x-oms-message-id"]}


@pytest.mark.check(99)
@pytest.mark.parametrize(("language", "status"), [("en-us", "succeeded"), ("zh-cn", "成功")])
def test_every_variable_of_a_template_is_filled(world: World, language: str, status: str) -> None:
    task = create(world, world.topics["web"], "SUCCESS", language=language, message_template_name="ours")
    told(world, task["id"], True)
    _, body = world.hook.about(task["name"])[0]
    assert (body["message_template_name"], body["topic_urn"]) == ("ours", world.topics["web"])
    tags = body["tags"]
    assert set(tags) == VARIABLES
    assert all(tags.values())
    assert (tags["Task_Status"], tags["Task_Name"]) == (status, task["name"])
    assert (tags["Source_Bucket"], tags["Destination_Bucket"]) == ("from", "into")
    assert tags["Transferred_Data"] == "9.77 KB"
    assert tags["Success_object_list_path"] == f"oms/task/{task['name']}/success_object_lists/"
    assert status in body["subject"]
    assert all(value in body["message"] for value in tags.values())


def test_a_mail_says_the_same(world: World) -> None:
    task = create(world, world.topics["mail"], "SUCCESS")
    assert told(world, task["id"], True)["status"] == 5
    mail = next(mail for mail in world.mails if task["name"] in mail)
    assert "To: ops@example.org" in mail
    assert "From: oms@example.org" in mail
    assert "X-Oms-Message-Id: notice:task:" in mail or "x-oms-message-id: notice:task:" in mail


def test_what_was_not_registered_any_more_is_not_sent(world: World) -> None:
    urn = world.admin("topics", "add", "short-lived", world.hook.url + "/x", "--region", REGIONS[1])
    assert urn in world.admin("topics", "list")
    world.admin("topics", "remove", urn)
    assert urn not in world.admin("topics", "list")
    task = told(world, create(world, urn, "SUCCESS")["id"], False)
    assert task["smn_info"]["notify_error_message"] == "OMS.0157"
    assert world.hook.about(task["name"]) == []
