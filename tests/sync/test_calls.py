"""The synchronisation calls at the HTTP edge: states, refusals, figures, keys (OMS 5.3)."""

import time
import uuid
from datetime import UTC, datetime

import pytest

from tests.api.service import Account, Service
from tests.sync.site import KEYS, wanted

HOUR = 3_600_000
FIVE_MINUTES = 300_000
START = {name: f"{name}-second" for name in KEYS}


def created(api: Service, who: Account, **more: object) -> str:
    """A new task; its id."""
    answer = api.call(who, "POST", "/sync-tasks", wanted(**more))
    assert answer.status == 200, answer
    return str(answer.json["sync_task_id"])


def path(sync_id: str, rest: str = "") -> str:
    return f"/sync-tasks/{sync_id}{rest}"


def now_ms() -> int:
    return int(time.time() * 1000)


def send(api: Service, who: Account, sync_id: str, *keys: str) -> int:
    return api.call(who, "POST", path(sync_id, "/events"), {"object_keys": list(keys)}).status


def count(api: Service, sync_id: str, at_ms: int, **figures: int) -> None:
    """Puts figures into the bucket of an instant."""
    bucket = at_ms - at_ms % FIVE_MINUTES
    names, values = ", ".join(figures), list(figures.values())
    marks = ", ".join(["%s"] * len(values))
    api.sql(
        f"INSERT INTO sync_statistic (sync_id, bucket_ms, {names}) VALUES (%s, %s, {marks})",
        sync_id, bucket, *values,
    )  # fmt: skip


@pytest.mark.check(74)
def test_a_new_task_synchronises_at_once_and_the_sixth_is_refused(api: Service, ann: Account) -> None:
    first = created(api, ann, description="a ^ b")
    shown = api.call(ann, "GET", path(first, f"?query_time={now_ms()}")).json
    assert shown["status"] == "SYNCHRONIZING"
    assert abs(shown["create_time"] - now_ms()) < 60_000
    assert shown["create_time"] == shown["last_start_time"]
    assert uuid.UUID(first).version == 4
    assert (shown["description"], shown["app_id"]) == ("a ^ b", None)
    for _ in range(4):
        created(api, ann)
    sixth = api.call(ann, "POST", "/sync-tasks", wanted())
    assert (sixth.status, sixth.code) == (400, "S3M.0091")
    api.call(ann, "POST", path(first, "/stop"))
    assert api.call(ann, "POST", "/sync-tasks", wanted()).code == "S3M.0091"
    assert api.call(ann, "DELETE", path(first)).status == 200
    created(api, ann)


def test_no_more_than_the_quota_run(api: Service, ann: Account) -> None:
    ids = [created(api, ann) for _ in range(5)]
    api.call(ann, "POST", path(ids[0], "/stop"))
    api.sql(
        "INSERT INTO sync_task (id, project_id, spec) SELECT gen_random_uuid(), project_id, spec FROM sync_task"
        " WHERE id = %s",
        ids[1],
    )
    assert api.call(ann, "POST", path(ids[0], "/start"), START).code == "S3M.0091"


@pytest.mark.check(76)
def test_events_to_what_cannot_take_them_are_refused(api: Service, ann: Account) -> None:
    sync_id = created(api, ann)
    events = path(sync_id, "/events")
    for keys in ([], ["k"] * 101):
        refused = api.call(ann, "POST", events, {"object_keys": keys})
        assert (refused.status, refused.code) == (400, "OMS.0001")
    assert api.call(ann, "POST", events, {"object_keys": ["k"] * 100}).status == 200
    assert api.call(ann, "POST", events, {"object_keys": ["k" * 16_385]}).status == 400
    assert api.call(ann, "POST", events, {"object_keys": [""]}).status == 400
    assert api.call(ann, "POST", events, {}).code == "OMS.1004"
    api.call(ann, "POST", path(sync_id, "/stop"))
    stopped = api.call(ann, "POST", events, {"object_keys": ["k"]})
    assert (stopped.status, stopped.code) == (400, "OMS.0094")
    for unknown in (str(uuid.uuid4()), "x", "1" * 300):
        answer = api.call(ann, "POST", path(unknown, "/events"), {"object_keys": ["k"]})
        assert (answer.status, answer.code) == (404, "OMS.2002")
    api.call(ann, "DELETE", path(sync_id))
    deleted = api.call(ann, "POST", events, {"object_keys": ["k"]})
    assert (deleted.status, deleted.code) == (400, "OMS.0093")


def test_an_accepted_event_is_in_the_ledger_decoded(api: Service, ann: Account) -> None:
    sync_id = created(api, ann)
    assert send(api, ann, sync_id, "test%2F001.txt", "test%2B001.txt", "test+001.txt", "a%20ü", "100%") == 200
    ((keys, n),) = api.sql("SELECT keys, n FROM sync_event WHERE sync_id = %s", sync_id)
    assert [bytes(key) for key in keys] == [
        b"test/001.txt", b"test+001.txt", b"test+001.txt", "a ü".encode(), b"100%",
    ]  # fmt: skip
    assert n == 5
    shown = api.call(ann, "GET", path(sync_id, f"?query_time={now_ms()}")).json
    assert shown["monthly_acceptance_request"] == 5


def test_a_full_backlog_is_answered_busy_and_loses_nothing(api: Service, ann: Account) -> None:
    sync_id = created(api, ann)
    keys = {"object_keys": [f"k{n}" for n in range(100)]}
    answers = [api.call(ann, "POST", path(sync_id, "/events"), keys) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 503]
    assert (answers[2].code, answers[2].headers["retry-after"]) == ("OMS.2004", "1")
    assert api.sql("SELECT sum(n) FROM sync_event WHERE sync_id = %s", sync_id) == [(200,)]


@pytest.mark.check(78)
def test_stop_shows_in_the_next_look_and_only_then_it_can_be_deleted(api: Service, ann: Account) -> None:
    sync_id = created(api, ann)
    shown = path(sync_id, f"?query_time={now_ms()}")
    running = api.call(ann, "DELETE", path(sync_id))
    assert (running.status, running.code) == (400, "OMS.0063")
    stopped = api.call(ann, "POST", path(sync_id, "/stop"))
    assert (stopped.status, stopped.body) == (200, b"")
    assert api.call(ann, "GET", shown).json["status"] == "STOPPED"
    assert api.call(ann, "POST", path(sync_id, "/stop")).code == "OMS.0094"
    gone = api.call(ann, "DELETE", path(sync_id))
    assert (gone.status, gone.body) == (200, b"")
    for answer in (
        api.call(ann, "GET", shown),
        api.call(ann, "DELETE", path(sync_id)),
        api.call(ann, "POST", path(sync_id, "/stop")),
        api.call(ann, "POST", path(sync_id, "/start"), START),
        api.call(ann, "GET", path(sync_id, "/statistics?data_type=SIZE&start_time=1&end_time=2")),
    ):
        assert (answer.status, answer.code) == (404, "OMS.2002")
    for table in ("sync_event", "sync_statistic", "sync_credential"):
        assert api.sql(f"SELECT count(*) FROM {table} WHERE sync_id = %s", sync_id) == [(0,)]


def test_start_needs_all_four_keys_and_a_stopped_task(api: Service, ann: Account) -> None:
    sync_id = created(api, ann)
    assert api.call(ann, "POST", path(sync_id, "/start"), START).code == "OMS.0065"
    api.call(ann, "POST", path(sync_id, "/stop"))
    for name in START:
        body = {key: value for key, value in START.items() if key != name}
        assert api.call(ann, "POST", path(sync_id, "/start"), body).code == "OMS.1004"
        assert api.call(ann, "POST", path(sync_id, "/start"), body | {name: ""}).code == "OMS.1004"
    assert api.call(ann, "POST", path(sync_id, "/start"), START).status == 200
    shown = api.call(ann, "GET", path(sync_id, f"?query_time={now_ms()}")).json
    assert (shown["status"], shown["last_start_time"] > shown["create_time"]) == ("SYNCHRONIZING", True)


def test_a_start_of_a_synchronisation_is_one_of_each_batch_that_waits_for_its_keys(
    api: Service, ann: Account
) -> None:
    sync_id = created(api, ann)
    api.sql(
        """INSERT INTO task (id, project_id, sync_id, name, task_type, region, spec, status)
           SELECT 7, project_id, id, 'batch', 'object', 'r', spec, 2 FROM sync_task WHERE id = %s::uuid""",
        sync_id,
    )
    api.call(ann, "POST", path(sync_id, "/stop"))
    assert api.sql("SELECT status, starts FROM task WHERE id = 7") == [(7, 0)]
    api.call(ann, "POST", path(sync_id, "/start"), START)
    assert api.sql("SELECT status, starts FROM task WHERE id = 7") == [(2, 1)]


def test_keys_are_sealed_while_it_synchronises_and_gone_when_it_stops(api: Service, ann: Account) -> None:
    sync_id = created(api, ann, src_sk="canary-secret-one", dst_sk="canary-secret-two")
    rows = api.sql("SELECT side, sealed FROM sync_credential WHERE sync_id = %s", sync_id)
    assert sorted(side for side, _ in rows) == ["destination", "source"]
    assert not any(b"canary" in bytes(sealed) for _, sealed in rows)
    answers = [
        api.call(ann, "GET", path(sync_id, f"?query_time={now_ms()}")),
        api.call(ann, "GET", "/sync-tasks"),
    ]
    assert not any(b"canary" in answer.body for answer in answers)
    api.call(ann, "POST", path(sync_id, "/stop"))
    assert api.sql("SELECT count(*) FROM sync_credential WHERE sync_id = %s", sync_id) == [(0,)]
    api.call(ann, "POST", path(sync_id, "/start"), START)
    assert api.sql("SELECT count(*) FROM sync_credential WHERE sync_id = %s", sync_id) == [(2,)]


@pytest.mark.check(79)
def test_query_time_chooses_the_month_of_the_regions_calendar(api: Service, ann: Account) -> None:
    sync_id = created(api, ann)
    # In Shanghai March begins at 16:00 UTC of February's last day.
    march = int(datetime(2026, 2, 28, 16, tzinfo=UTC).timestamp() * 1000)
    count(api, sync_id, march - FIVE_MINUTES, request=7, failure=7)
    count(api, sync_id, march, request=5, success=2, failure=1, skip=1, bytes=99)
    count(api, sync_id, march + HOUR, request=1, success=1, bytes=1)

    def month(instant: int) -> list[int]:
        shown = api.call(ann, "GET", path(sync_id, f"?query_time={instant}")).json
        return [
            shown[f"monthly_{name}"]
            for name in ("acceptance_request", "success_object", "failure_object", "skip_object", "size")
        ]

    assert month(march - 1) == [7, 0, 7, 0, 0]
    assert month(march) == month(march + 20 * 24 * HOUR) == [6, 3, 1, 1, 100]
    assert month(march + 40 * 24 * HOUR) == [0] * 5
    missing = api.call(ann, "GET", path(sync_id))
    assert (missing.status, missing.code) == (400, "OMS.1004")
    for text in ("", "x", "-1", "1" * 30, "9" * 18):
        assert api.call(ann, "GET", path(sync_id, f"?query_time={text}")).status == 400


@pytest.mark.check(80)
def test_statistics_come_in_aligned_buckets_without_empty_ones(api: Service, ann: Account) -> None:
    sync_id = created(api, ann)
    base = 1_700_150_400_000
    count(api, sync_id, base, request=1)
    count(api, sync_id, base + 2 * FIVE_MINUTES, request=20, success=3, bytes=512)
    count(api, sync_id, base + HOUR, request=8)

    def ask(kinds: str, start: int, end: int) -> dict[str, object]:
        query = f"/statistics?data_type={kinds}&start_time={start}&end_time={end}"
        found: dict[str, object] = api.call(ann, "GET", path(sync_id, query)).json
        return found

    assert ask("REQUEST,SIZE", base + 1, base + HOUR) == {
        "sync_task_id": sync_id,
        "statistic_time_type": "FIVE_MINUTES",
        "statistic_datas": [
            {"data_type": "REQUEST", "data": [
                {"time_stamp": base, "statistic_num": 1},
                {"time_stamp": base + 2 * FIVE_MINUTES, "statistic_num": 20}]},
            {"data_type": "SIZE", "data": [{"time_stamp": base + 2 * FIVE_MINUTES, "statistic_num": 512}]},
        ],
    }  # fmt: skip
    two_days = ask("REQUEST,FAILURE", base, base + 48 * HOUR)
    assert two_days["statistic_time_type"] == "ONE_HOUR"
    assert two_days["statistic_datas"] == [
        {"data_type": "REQUEST", "data": [
            {"time_stamp": base, "statistic_num": 21}, {"time_stamp": base + HOUR, "statistic_num": 8}]},
        {"data_type": "FAILURE", "data": []},
    ]  # fmt: skip
    bad = [
        f"data_type=REQUESTS&start_time={base}&end_time={base + 1}",
        f"data_type=REQUEST,&start_time={base}&end_time={base + 1}",
        f"data_type=&start_time={base}&end_time={base + 1}",
        f"data_type=SIZE&start_time={base}&end_time={base}",
        f"data_type=SIZE&start_time={base}&end_time={base + 1001 * HOUR}",
        f"data_type=SIZE&start_time={base}&end_time=soon",
        f"start_time={base}&end_time={base + 1}",
        f"data_type=SIZE&end_time={base}",
    ]
    for query in bad:
        assert api.call(ann, "GET", path(sync_id, f"/statistics?{query}")).status == 400, query


def test_waiting_requests_are_in_the_statistics(api: Service, ann: Account) -> None:
    sync_id = created(api, ann)
    for _ in range(2):
        send(api, ann, sync_id, "a", "b", "a")
    now = now_ms()
    query = f"/statistics?data_type=REQUEST&start_time={now - HOUR}&end_time={now + HOUR}"
    (series,) = api.call(ann, "GET", path(sync_id, query)).json["statistic_datas"]
    ((stamp, number),) = [(point["time_stamp"], point["statistic_num"]) for point in series["data"]]
    assert (stamp % FIVE_MINUTES, number) == (0, 6)


def test_lists_are_newest_first_and_narrowed_by_status(api: Service, ann: Account) -> None:
    ids = [created(api, ann) for _ in range(3)]
    api.call(ann, "POST", path(ids[1], "/stop"))

    def ask(query: str) -> tuple[list[str], int]:
        found = api.call(ann, "GET", f"/sync-tasks{query}").json
        return [task["sync_task_id"] for task in found["tasks"]], found["count"]

    assert ask("") == (ids[::-1], 3)
    assert ask("?limit=1&offset=1") == ([ids[1]], 3)
    assert ask("?status=STOPPED") == ([ids[1]], 1)
    assert ask("?status=SYNCHRONIZING&limit=1") == ([ids[2]], 2)
    assert ask("?offset=10000&status=") == ([], 3)
    for query in ("?limit=0", "?limit=101", "?offset=-1", "?offset=10001", "?status=RUNNING"):
        assert api.call(ann, "GET", f"/sync-tasks{query}").status == 400, query


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"description": "a(b"}, "OMS.0078"),
        ({"description": "x" * 256}, "OMS.0001"),
        ({"src_bucket": ""}, "OMS.1004"),
        ({"dst_sk": ""}, "OMS.1004"),
        ({"src_cloud_type": "Google"}, "OMS.0001"),
        ({"src_cloud_type": "URLSource"}, "OMS.0001"),
        ({"src_cloud_type": "Tencent"}, "OMS.1004"),
        ({"consistency_check": "crc64"}, "S3M.0094"),
        ({"consistency_check": "md5"}, "OMS.0001"),
        ({"enable_kms": "yes"}, "OMS.1002"),
        ({"src_cloud_type": "QingCloud", "enable_restore": True}, "OMS.1048"),
        (
            {"source_cdn": {"domain": "d", "protocol": "http", "authentication_type": "TENCENT_COS_A"}},
            "OMS.1032",
        ),
        ({"src_cloud_type": "HuaweiCloud", "src_region": "r", "dst_region": "r", "dst_bucket": "from"}, "OMS.0058"),
    ],
)  # fmt: skip
@pytest.mark.check(60)
def test_a_task_that_cannot_work_is_refused(
    api: Service, ann: Account, change: dict[str, object], code: str
) -> None:
    answer = api.call(ann, "POST", "/sync-tasks", wanted(**change))
    assert (answer.status, answer.code) == (400, code)
    assert api.call(ann, "GET", "/sync-tasks").json["count"] == 0


def test_transmission_is_answered_as_no_check(api: Service, ann: Account) -> None:
    for word in ("transmission", "no_check"):
        sync_id = created(api, ann, consistency_check=word)
        shown = api.call(ann, "GET", path(sync_id, f"?query_time={now_ms()}")).json
        assert shown["consistency_check"] == "no_check"


def test_an_idempotency_key_makes_one_task_and_one_event(api: Service, ann: Account) -> None:
    tasks = [api.call(ann, "POST", "/sync-tasks", wanted(), Idempotency_Key="k1") for _ in range(3)]
    assert len({task.json["sync_task_id"] for task in tasks}) == 1
    sync_id = tasks[0].json["sync_task_id"]
    other = api.call(ann, "POST", "/sync-tasks", wanted(description="b"), Idempotency_Key="k1")
    assert (other.status, other.code) == (409, "OMS.0001")
    for _ in range(3):
        sent = api.call(
            ann, "POST", path(sync_id, "/events"), {"object_keys": ["a", "b"]}, Idempotency_Key="k2"
        )
        assert sent.status == 200
    assert api.sql("SELECT sum(n) FROM sync_event WHERE sync_id = %s", sync_id) == [(2,)]


def test_another_project_sees_exactly_what_an_unknown_id_shows(api: Service, ann: Account) -> None:
    sync_id, bob = created(api, ann), api.account()
    calls = [
        ("GET", f"?query_time={now_ms()}", None),
        ("GET", "/statistics?data_type=SIZE&start_time=1&end_time=2", None),
        ("POST", "/events", {"object_keys": ["k"]}),
        ("POST", "/stop", None),
        ("POST", "/start", START),
        ("DELETE", "", None),
    ]
    for method, rest, body in calls:
        found, unknown = (
            api.call(bob, method, path(one, rest), body) for one in (sync_id, str(uuid.uuid4()))
        )
        assert (found.status, found.json) == (unknown.status, unknown.json) == (404, unknown.json)
    assert api.call(bob, "GET", "/sync-tasks").json == {"tasks": [], "count": 0}


def test_each_change_leaves_an_audit_row(api: Service, ann: Account) -> None:
    sync_id = created(api, ann)
    api.call(ann, "POST", path(sync_id, "/stop"))
    api.call(ann, "POST", path(sync_id, "/start"), START)
    api.call(ann, "POST", path(sync_id, "/stop"))
    api.call(ann, "DELETE", path(sync_id))
    rows = api.sql("SELECT action FROM audit WHERE resource = %s ORDER BY id", sync_id)
    assert [action for (action,) in rows] == [
        "createSyncTask", "stopSyncTask", "startSyncTask", "stopSyncTask", "deleteSyncTask",
    ]  # fmt: skip
