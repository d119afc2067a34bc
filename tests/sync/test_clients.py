"""The vendor's SDK and what the Terraform resource does, over plain HTTP (oms-behaviour 8, 11)."""

import json
import time
from typing import Any

import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkoms.v2 import (
    CreateSyncEventsRequest,
    CreateSyncTaskReq,
    CreateSyncTaskRequest,
    DeleteSyncTaskRequest,
    ListSyncTasksRequest,
    ListSyncTaskStatisticRequest,
    OmsClient,
    ShowSyncTaskRequest,
    StartSyncTaskReq,
    StartSyncTaskRequest,
    StopSyncTaskRequest,
    SyncObjectReq,
)

from tests.api.service import Account, Answer, Service
from tests.sync.site import KEYS, wanted

HOUR = 3_600_000


@pytest.fixture
def client(api: Service, ann: Account) -> Any:
    """The SDK's client, signing with an access key."""
    credentials = BasicCredentials(ann.access_key, ann.secret_key, ann.project_id)
    return OmsClient.new_builder().with_credentials(credentials).with_endpoint(api.address).build()


def now_ms() -> int:
    return int(time.time() * 1000)


@pytest.mark.check(91)
def test_the_sdk_drives_all_synchronisation_operations(client: Any) -> None:
    body = CreateSyncTaskReq(**{**wanted(description="sdk"), "enable_metadata_migration": True})
    sync_id = client.create_sync_task(CreateSyncTaskRequest(body=body)).sync_task_id
    client.create_sync_events(
        CreateSyncEventsRequest(sync_task_id=sync_id, body=SyncObjectReq(object_keys=["a%2Fb", "c"]))
    )
    shown = client.show_sync_task(ShowSyncTaskRequest(sync_task_id=sync_id, query_time=now_ms()))
    assert (shown.status, shown.description, shown.monthly_acceptance_request) == ("SYNCHRONIZING", "sdk", 2)
    assert shown.enable_metadata_migration is True
    listed = client.list_sync_tasks(ListSyncTasksRequest(limit=5, offset=0, status="SYNCHRONIZING"))
    assert (listed.count, listed.tasks[0].sync_task_id) == (1, sync_id)
    statistic = client.list_sync_task_statistic(
        ListSyncTaskStatisticRequest(
            sync_task_id=sync_id,
            data_type="REQUEST,SUCCESS",
            start_time=now_ms() - HOUR,
            end_time=now_ms() + HOUR,
        )
    )
    request, success = statistic.statistic_datas
    assert (statistic.statistic_time_type, request.data[0].statistic_num) == ("FIVE_MINUTES", 2)
    assert (success.data_type, success.data) == ("SUCCESS", [])
    client.stop_sync_task(StopSyncTaskRequest(sync_task_id=sync_id))
    client.start_sync_task(StartSyncTaskRequest(sync_task_id=sync_id, body=StartSyncTaskReq(**KEYS)))
    client.stop_sync_task(StopSyncTaskRequest(sync_task_id=sync_id))
    client.delete_sync_task(DeleteSyncTaskRequest(sync_task_id=sync_id))
    with pytest.raises(ClientRequestException) as gone:
        client.show_sync_task(ShowSyncTaskRequest(sync_task_id=sync_id, query_time=now_ms()))
    assert (gone.value.status_code, gone.value.error_code) == (404, "OMS.2002")
    assert gone.value.error_msg
    assert gone.value.request_id


@pytest.mark.check(96)
def test_no_field_is_lost_in_the_sdks_models(api: Service, ann: Account, client: Any) -> None:
    sync_id = client.create_sync_task(
        CreateSyncTaskRequest(body=CreateSyncTaskReq(**wanted(app_id="7", dst_storage_policy="IA")))
    ).sync_task_id
    plain = api.call(ann, "GET", f"/sync-tasks/{sync_id}?query_time={now_ms()}").json
    model = client.show_sync_task(ShowSyncTaskRequest(sync_task_id=sync_id, query_time=now_ms()))
    _same(plain, model)
    (entry,) = api.call(ann, "GET", "/sync-tasks").json["tasks"]
    _same(entry, client.list_sync_tasks(ListSyncTasksRequest()).tasks[0])


def _same(plain: dict[str, Any], model: Any) -> None:
    """`enable_kms` is in the reference, and unknown to the SDK (oms-behaviour 8.3)."""
    assert {name for name in plain if name not in model.openapi_types} == {"enable_kms"}
    assert set(model.openapi_types) <= set(plain)
    for name, kind in model.openapi_types.items():
        assert getattr(model, name) == plain[name], name
        assert plain[name] is None or type(plain[name]).__name__ == kind, name


class Resource:
    """What `huaweicloud_oms_migration_sync_task` asks, call by call."""

    def __init__(self, api: Service, who: Account) -> None:
        self._api = api
        self._who = who

    def create(self, *, action: str = "") -> str:
        """POST, and a stop right behind it when the file says so."""
        body = wanted(enable_kms=False, enable_metadata_migration=True, enable_restore=False)
        sync_id = str(self._good("POST", "/sync-tasks", body)["sync_task_id"])
        if action == "stop":
            self.act(sync_id, "stop")
        return sync_id

    def read(self, sync_id: str) -> dict[str, Any] | None:
        """The attributes; None: it is gone."""
        answer = self._api.call(self._who, "GET", f"/sync-tasks/{sync_id}?query_time={now_ms()}")
        if answer.status == 404:
            return None
        return dict(self._checked(answer))

    def act(self, sync_id: str, action: str) -> None:
        """Update: stop, or start with the keys of the file."""
        self._good("POST", f"/sync-tasks/{sync_id}/{action}", KEYS if action == "start" else None)

    def destroy(self, sync_id: str) -> None:
        """Looks, stops what synchronises, and deletes at once: there is no waiting between the two."""
        found = self.read(sync_id)
        if found is None:
            return
        if found["status"] == "SYNCHRONIZING":
            self.act(sync_id, "stop")
        self._good("DELETE", f"/sync-tasks/{sync_id}", None)
        assert self.read(sync_id) is None

    def _good(self, method: str, path: str, body: Any) -> Any:
        return self._checked(self._api.call(self._who, method, path, body))

    def _checked(self, answer: Answer) -> Any:
        assert answer.status == 200, answer
        return json.loads(answer.body) if answer.body else None


def test_the_terraform_resource_lives_its_life(api: Service, ann: Account) -> None:
    resource = Resource(api, ann)
    sync_id = resource.create()
    first = resource.read(sync_id)
    assert first is not None
    assert first == resource.read(sync_id), "a second plan is not empty"
    assert {type(first[name]) for name in ("create_time", "last_start_time")} == {int}
    assert first["create_time"] > 10**12
    resource.act(sync_id, "stop")
    assert (resource.read(sync_id) or {})["status"] == "STOPPED"
    resource.act(sync_id, "start")
    assert (resource.read(sync_id) or {})["status"] == "SYNCHRONIZING"
    resource.destroy(sync_id)
    resource.destroy(sync_id)
    stopped = resource.create(action="stop")
    assert (resource.read(stopped) or {})["status"] == "STOPPED"
    resource.destroy(stopped)
