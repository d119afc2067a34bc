"""What holds for every request: one form of error, an id, limits, probes (OMS 6, checks 91 and 92)."""

import contextlib
import http.client
import json
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.settings import SettingsError, SinceUnit, read_settings
from tests.api.service import Account, Service, running_service, task_body
from tests.servers import TEMPLATE, create_template, running_postgres, running_redis


@pytest.mark.check(92)
@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("GET", "/v3/nothing", 404, "OMS.1009"), ("GET", "/v2/x/y/z", 404, "OMS.1009"),
     ("PUT", "/healthz", 405, "OMS.1008"),
     ("PATCH", "/v2/x/tasks/1", 405, "OMS.1008"), ("HEAD", "/v3/projects", 405, ""), ("OPTIONS", "/", 405, "OMS.1008"),
     ("DELETE", "/", 405, "OMS.1008"),
     ("TRACE", "/v3/projects", 405, "OMS.1008"), ("GET", "/v2/%00/tasks", 400, "OMS.0001"),
     ("GET", "/v2/x/tasks?group_id=%00", 400, "OMS.0001"), ("GET", "/v2/x/tasks/", 404, "OMS.1009"),
     ("GET", "/v2/%ff/tasks", 401, "OMS.9999"), ("PUT", "/v2/x/tasks/batch-update", 401, "OMS.9999")],
)  # fmt: skip
def test_unknown_paths_and_methods_have_the_one_form(
    api: Service, method: str, path: str, status: int, code: str
) -> None:
    answer = api.send(method, path)
    assert answer.status == status
    if method != "HEAD":
        assert answer.code == code
        assert set(answer.json) == {"error_code", "error_msg"}


NESTED = b'{"a":' * 40 + b"1" + b"}" * 40


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[1,",
        b"{'a':1}",
        b"\xff\xfe",
        b'{"a":NaN}',
        b'"\\ud800"',
        b"{}x",
        b"[" * 100_000,
        NESTED,
    ],
)
def test_a_body_that_is_no_json_is_refused(api: Service, ann: Account, body: bytes) -> None:
    answer = api.call(ann, "POST", "/tasks", body)
    assert (answer.status, answer.code) == (400, "OMS.0067")


def test_a_body_of_another_kind_is_refused(api: Service, ann: Account) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""):
        answer = api.call(ann, "POST", "/tasks", b"x=1", Content_Type=kind)
        assert (answer.status, answer.code) == (415, "OMS.0004") if kind else (400, "OMS.0067")
    answer = api.call(ann, "POST", "/tasks", task_body(), Content_Type="Application/JSON; charset=utf-8")
    assert answer.status == 200


def test_a_body_may_have_a_mebibyte_and_not_more(api: Service, ann: Account) -> None:
    fitting = json.dumps(task_body()).encode().ljust(1 << 20)
    assert api.call(ann, "POST", "/tasks", fitting).status == 200
    answer = api.call(ann, "POST", "/tasks", fitting + b" ")
    assert (answer.status, answer.code) == (413, "S3M.0172")


def test_a_body_without_a_length_is_counted(api: Service, ann: Account) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=20)
    headers = {
        "X-Auth-Token": api.token(ann),
        "Content-Type": "application/json",
        "Transfer-Encoding": "chunked",
    }
    chunks = (b" " * 65_536 for _ in range(17))
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.request("POST", f"/v2/{ann.project_id}/tasks", chunks, headers, encode_chunked=True)
    answer = connection.getresponse()
    assert answer.status == 413
    assert json.loads(answer.read())["error_code"] == "S3M.0172"
    connection.close()


def test_a_length_that_lies_is_no_error_of_ours(api: Service, ann: Account) -> None:
    with socket.create_connection(("127.0.0.1", api.port), timeout=10) as wire:
        head = (
            f"POST /v2/{ann.project_id}/tasks HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {api.token(ann)}\r\n"
            "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{}"
        )
        wire.sendall(head.encode())
    assert api.send("GET", "/healthz").status == 200


def test_request_ids_differ_and_the_audit_knows_them(api: Service, ann: Account) -> None:
    answers = [api.call(ann, "POST", "/tasks", task_body()) for _ in range(2)]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert ids[0] != ids[1]
    for answer in answers:
        audited = api.sql("SELECT request_id FROM audit WHERE resource = %s", str(answer.json["id"]))
        assert audited == [(answer.headers["x-request-id"],)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
FIELDS = sorted({*task_body(), "bandwidth_policy", "source_cdn", "smn_config", "description", "migrate_since",
 "task_priority",
                 "object_overwrite_mode", "enable_kms", "src_node", "dst_node"})  # fmt: skip
NODE_FIELDS = [
    "ak",
    "sk",
    "bucket",
    "region",
    "object_key",
    "list_file",
    "save_prefix",
    "cloud_type",
    "security_token",
]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.sampled_from(FIELDS), JSON, min_size=1, max_size=2),
    st.sampled_from(["src_node", "dst_node"]),
    st.dictionaries(st.sampled_from(NODE_FIELDS), JSON, max_size=2),
)
def test_no_body_breaks_the_server(
    api: Service, ann: Account, fields: dict[str, Any], node: str, inside: dict[str, Any]
) -> None:
    body = {**task_body(), **fields}
    if isinstance(body[node], dict):
        body[node] = {**body[node], **inside}
    answer = api.call(ann, "POST", "/tasks", body)
    assert answer.status in (200, 400, 501), answer
    if answer.status != 200:
        assert answer.code
    for path, method in (
        ("/tasks/batch-update", "POST"),
        ("/tasks/1/start", "POST"),
        ("/tasks/1/bandwidth-policy", "PUT"),
    ):
        other = api.call(ann, method, path, {**fields, **inside})
        assert other.status == 400
        assert other.code


def test_probes_need_no_token_and_metrics_tell_no_names(api: Service, ann: Account) -> None:
    task_id = api.create(ann)
    assert api.send("GET", "/healthz").json == {"status": "ok"}
    ready = api.send("GET", "/readyz")
    assert (ready.status, ready.json["status"], ready.json["redis"]) == (200, "ready", "not configured")
    text = api.send("GET", "/metrics").body.decode()
    assert re.search(
        r'oms_http_requests_total\{method="POST",route="/v2/\{project_id\}/tasks",status="200"\} [1-9]', text
    )
    assert re.search(r'^oms_tasks\{status="1"\} [1-9]', text, re.MULTILINE)
    for name in ("oms_objects", "oms_bytes", "oms_leases", "oms_leaked_uploads", "oms_workers"):
        assert f"\n{name}" in text
    for secret in (str(task_id), ann.project_id, ann.access_key, "photos", "canary"):
        assert secret not in text


def test_the_openapi_page_names_every_call_and_its_errors(api: Service) -> None:
    answer = api.send("GET", "/openapi.json")
    assert answer.status == 200
    paths = answer.json["paths"]
    calls = {(method, path) for path, methods in paths.items() for method in methods}
    task = "/v2/{project_id}/tasks"
    assert calls >= {
        ("get", task), ("post", task), ("post", f"{task}/batch-update"), ("get", f"{task}/{{task_id}}"),
        ("delete", f"{task}/{{task_id}}"), ("post", f"{task}/{{task_id}}/start"), ("post", f"{task}/{{task_id}}/stop"),
        ("put", f"{task}/{{task_id}}/bandwidth-policy"), ("get", "/"), ("get", "/{version}"),
        ("post", "/v3/auth/tokens"), ("get", "/v3/auth/tokens"), ("get", "/v3/projects"),
    }  # fmt: skip
    create = paths[task]["post"]["responses"]
    assert set(create) >= {"200", "400", "401", "403", "404", "405", "409", "413", "415", "501", "503"}
    assert "422" not in json.dumps(paths)
    assert create["413"]["content"]["application/json"]["schema"]["$ref"].endswith("/ErrorBody")


def test_a_lost_redis_is_told_but_does_not_stop_anything(
    api_database_url: str, key_file: Path, ann: Account
) -> None:
    with running_redis() as url, running_service(api_database_url, key_file, OMS_REDIS_URL=url) as service:
        assert service.send("GET", "/readyz").json["redis"] == "ok"
    lost = "redis://127.0.0.1:1/0"
    with running_service(api_database_url, key_file, OMS_REDIS_URL=lost) as service:
        ready = service.send("GET", "/readyz")
        assert (ready.status, ready.json["redis"]) == (200, "unreachable")
        began = time.monotonic()
        service.create(ann)
        assert time.monotonic() - began < 3


def test_a_lost_database_is_503_and_a_restarted_one_is_used_again(key_file: Path) -> None:
    with running_postgres() as server:
        create_template(server)
        with running_service(server.url(TEMPLATE), key_file) as service:
            ann = service.account()
            task_id = service.create(ann)
            server.stop()
            ready = service.send("GET", "/readyz")
            assert (ready.status, ready.json["database"]) == (503, "unreachable")
            away = service.call(ann, "POST", "/tasks", task_body())
            assert (away.status, away.code) == (503, "OMS.2004")
            server.start()
            assert service.call(ann, "GET", f"/tasks/{task_id}").status == 200
            assert service.send("GET", "/readyz").status == 200
            service.create(ann)


def test_a_request_waits_for_a_database_that_restarts(key_file: Path) -> None:
    with running_postgres() as server, ThreadPoolExecutor(2) as pool:
        create_template(server)
        with running_service(server.url(TEMPLATE), key_file) as service:
            ann = service.account()
            task_id = service.create(ann)
            server.stop()
            shown = pool.submit(service.call, ann, "GET", f"/tasks/{task_id}")
            created = pool.submit(service.call, ann, "POST", "/tasks", task_body())
            time.sleep(0.5)
            assert not shown.done()
            assert not created.done()
            server.start()
            assert (shown.result().status, created.result().status) == (200, 200)


def test_an_unmigrated_database_is_not_ready(postgres_url: str, key_file: Path) -> None:
    with running_service(postgres_url, key_file) as service:
        ready = service.send("GET", "/readyz")
        assert (ready.status, ready.json["database"]) == (503, "not migrated")


@pytest.mark.parametrize(
    ("name", "value"),
    [("OMS_DATABASE_URL", ""), ("OMS_MASTER_KEY_FILE", ""), ("OMS_TIMEZONE", "Mars/Olympus"),
     ("OMS_TASKS_PER_DAY", "many"),     ("OMS_TASKS_WAITING", "0"), ("OMS_COMPAT_MIGRATE_SINCE_RESPONSE", "hours")],
)  # fmt: skip
def test_settings_that_cannot_work_are_named(name: str, value: str) -> None:
    good = {"OMS_DATABASE_URL": "postgresql:///oms", "OMS_MASTER_KEY_FILE": "key"}
    assert read_settings(good).since_unit is SinceUnit.MILLISECONDS
    assert read_settings(good).tasks_per_day == 1500
    with pytest.raises(SettingsError, match=name):
        read_settings({**good, name: value})


def test_a_refused_method_names_those_that_are_allowed(api: Service, ann: Account) -> None:
    assert api.call(ann, "PATCH", "/tasks").headers["allow"] == "GET, POST"
    assert api.call(ann, "PATCH", "/tasks/1").headers["allow"] == "DELETE, GET"
    batch = api.call(ann, "GET", "/tasks/batch-update")
    assert (batch.status, batch.headers["allow"]) == (405, "POST")


def test_identity_answers_carry_their_trace_id(api: Service) -> None:
    answer = api.send("GET", "/v3/projects")
    assert answer.headers["x-iam-trace-id"] == answer.headers["x-request-id"]
