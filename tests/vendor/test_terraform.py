"""The Terraform provider's task resource, scripted, against a running engine."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.site import AK, REGIONS, SK
from tests.vendor.conftest import World
from tests.vendor.terraform import Gone, MigrationTask, Provider, Refused


@pytest.fixture
def provider(world: World) -> Iterator[Provider]:
    """The provider of this installation."""
    return Provider(world.address, world.project_id, world.token)


def file(world: World, **changes: Any) -> dict[str, Any]:
    """A resource as it stands in a Terraform file."""
    return {
        "type": "prefix",
        "start_task": True,
        "description": "terraform (v1)",
        "enable_kms": False,
        "enable_restore": False,
        "enable_metadata_migration": True,
        "enable_failed_object_recording": True,
        "enable_requester_pays": False,
        "migrate_since": "2023-01-02 15:04:05",
        "bandwidth_policy": [
            {"start": "00:00", "end": "16:00", "max_bandwidth": 1.0},
            {"start": "16:00", "end": "23:59", "max_bandwidth": 1.0},
        ],
        "source": {"bucket": "from", "region": REGIONS[0], "data_source": "AWS", "object_key": ["big/"]},
        "destination": {"bucket": "into", "region": REGIONS[1], "save_prefix": "tf/"},
        "keys": ((AK, SK), (AK, SK)),
        "smn_config": {
            "topic_urn": world.topics["web"], "trigger_conditions": ["SUCCESS", "FAILURE"], "language": "zh-cn",
        },
        **changes,
    }  # fmt: skip


@pytest.mark.check(94)
def test_a_task_is_applied_planned_empty_changed_and_destroyed(world: World, provider: Provider) -> None:
    task = MigrationTask(provider, file(world))
    task.create()
    assert task.plan() == {}
    task.update(start_task=False)
    assert task.plan() == {}
    # Limited at every hour, so that the task is still at work when it is stopped.
    limits = [{"start": "00:00", "end": "15:00", "max_bandwidth": 2.0},
              {"start": "15:00", "end": "23:59", "max_bandwidth": 1.0}]  # fmt: skip
    task.update(bandwidth_policy=limits)
    assert task.plan() == {}
    task.update(start_task=True)
    assert task.plan() == {}
    task.destroy()
    with pytest.raises(Gone):
        task.plan()


def test_a_task_that_shall_not_start_is_stopped(world: World, provider: Provider) -> None:
    task = MigrationTask(provider, file(world, start_task=False))
    task.create()
    assert provider.request("GET", f"/tasks/{task.id}")["status"] == 3
    task.destroy()


@pytest.mark.check(48, 49, 50)
def test_every_action_is_refused_or_seen_by_the_next_look(world: World, provider: Provider) -> None:
    task = MigrationTask(
        provider, file(world, bandwidth_policy=[{"start": "00:00", "end": "23:59", "max_bandwidth": 1.0}])
    )
    task.create()
    for method, path, code in (("DELETE", "", "OMS.0063"), ("POST", "/start", "OMS.0065")):
        body = {"src_ak": AK, "src_sk": SK, "dst_ak": AK, "dst_sk": SK} if path else None
        with pytest.raises(Refused) as refused:
            provider.request(method, f"/tasks/{task.id}{path}", body)
        assert refused.value.code == code
    task.stop()
    with pytest.raises(Refused) as refused:
        provider.request("POST", f"/tasks/{task.id}/stop")
    assert refused.value.code == "OMS.0066"
    task.start()
    task.destroy()
