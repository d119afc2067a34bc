"""Every way in which a new task can be wrong, and the one code that says so (oms-behaviour 4.6, 4.8)."""

from typing import Any

import pytest

from tests.api.service import Account, Service, task_body
from tests.google_accounts import key_file

MIB = 1_048_576
LIST = {"list_file": {"list_file_key": "a.txt", "obs_bucket": "lists"}, "object_key": None}
URLS = {"cloud_type": "URLSource", **LIST, "ak": None, "sk": None, "bucket": None, "region": None}
CDN = {"domain": "cdn.example", "protocol": "https", "authentication_type": "NONE"}
CONNECTION_STRING = "AccountName=account;AccountKey=a2V5;EndpointSuffix=core.windows.net"
SMN = {"topic_urn": "urn:smn:cn-north-4:p:t", "trigger_conditions": ["SUCCESS"]}


def source(**changes: Any) -> dict[str, Any]:
    """A body with another source."""
    return {"src_node": changes}


def destination(**changes: Any) -> dict[str, Any]:
    """A body with another destination."""
    return {"dst_node": changes}


def windows(*entries: tuple[str, str, Any]) -> dict[str, Any]:
    """A body with a bandwidth policy."""
    keys = ("start", "end", "max_bandwidth")
    return {"bandwidth_policy": [dict(zip(keys, entry, strict=True)) for entry in entries]}


HOURS = [(f"{hour:02}:00", f"{hour:02}:30", MIB) for hour in range(6)]

REFUSED: list[tuple[dict[str, Any], str]] = [
    # required
    ({"src_node": None}, "OMS.1004"),
    ({"dst_node": None}, "OMS.1004"),
    *[(source(**{name: None}), "OMS.1004") for name in ("ak", "sk", "bucket", "region")],
    *[(source(**{name: ""}), "OMS.1004") for name in ("ak", "sk", "bucket", "region")],
    *[(destination(**{name: None}), "OMS.1004") for name in ("ak", "sk", "bucket", "region")],
    *[(destination(**{name: ""}), "OMS.1004") for name in ("ak", "sk", "bucket", "region")],
    (source(ak="  "), "OMS.1004"),
    (source(cloud_type="Tencent"), "OMS.1004"),
    (source(cloud_type="Google", ak=None, sk=None), "OMS.1004"),
    (source(cloud_type="Azure", ak=None, sk=None), "OMS.1004"),
    (source(cloud_type="Azure", ak=None, sk=None, connection_string=" "), "OMS.1004"),
    (source(cloud_type="Azure", ak=None, sk=None, connection_string="x"), "OMS.0001"),
    (
        source(cloud_type="Azure", ak=None, sk=None, connection_string="UseDevelopmentStorage=true"),
        "OMS.0001",
    ),
    (source(list_file={"obs_bucket": "lists"}, object_key=None), "OMS.1004"),
    (source(list_file={"list_file_key": "a.txt"}, object_key=None), "OMS.1004"),
    ({"bandwidth_policy": [{"start": "00:00", "end": "01:00"}]}, "OMS.1004"),
    ({"source_cdn": {"domain": "x", "protocol": "http"}}, "OMS.1004"),
    ({"smn_config": {"topic_urn": "x"}}, "OMS.1004"),
    # types
    ({"src_node": []}, "OMS.1002"),
    ({"dst_node": "x"}, "OMS.1002"),
    ({"enable_kms": "true"}, "OMS.1002"),
    ({"enable_restore": 1}, "OMS.1002"),
    ({"description": 5}, "OMS.1002"),
    ({"migrate_since": "0"}, "OMS.1002"),
    ({"migrate_since": 1.5}, "OMS.1002"),
    ({"migrate_since": True}, "OMS.1002"),
    ({"task_type": 5}, "OMS.1002"),
    (source(object_key="a"), "OMS.1002"),
    (source(object_key=[1]), "OMS.1002"),
    (source(ak=5), "OMS.1002"),
    ({"bandwidth_policy": {}}, "OMS.1002"),
    (windows(("00:00", "01:00", "1048576")), "OMS.1002"),
    # choices and ranges
    ({"task_type": "bucket"}, "OMS.0001"),
    ({"object_overwrite_mode": "SOMETIMES"}, "OMS.0001"),
    ({"dst_storage_policy": "COLD"}, "OMS.0001"),
    ({"consistency_check": "md5"}, "OMS.0001"),
    ({"task_priority": "high"}, "OMS.0001"),
    ({"migrate_since": -1}, "OMS.0001"),
    ({"migrate_since": 2**63}, "OMS.0001"),
    (source(cloud_type="Dropbox"), "OMS.0001"),
    (source(cloud_type="HEC"), "OMS.0001"),
    (source(object_key=["x" * 1025]), "OMS.0001"),
    (source(object_key=["x"] * 501), "OMS.1003"),
    (source(ak="x" * 101), "OMS.0001"),
    (source(sk="a\nb"), "OMS.0001"),
    (source(region="x" * 101), "OMS.0001"),
    (source(security_token="x" * 16_385), "OMS.0001"),
    (source(object_key=["a\x00b"]), "OMS.0001"),
    (source(crypto_type="PGP"), "OMS.0001"),
    (destination(bucket="x" * 1025), "OMS.0001"),
    (destination(save_prefix="x" * 1025), "OMS.0001"),
    (destination(bucket="a/b"), "OMS.0058"),
    (source(bucket="a b"), "OMS.0057"),
    ({"description": "x" * 256}, "OMS.0001"),
    *[({"description": f"a{char}b"}, "OMS.0078") for char in "^<>&\"'"],
    # what fits together
    (source(object_key=None), "S3M.0088"),
    (source(object_key=[]), "S3M.0088"),
    (source(**{**LIST, "object_key": ["a"]}), "S3M.0088"),
    ({"task_type": "list"}, "S3M.0088"),
    ({"task_type": "list", **source(**{**LIST, "object_key": ["a"]})}, "S3M.0088"),
    ({"task_type": "url_list", **source(**LIST)}, "S3M.0095"),
    ({"task_type": "list", **source(**LIST, cloud_type="URLSource")}, "S3M.0095"),
    (destination(save_prefix="/in"), "S3M.0092"),
    ({"object_overwrite_mode": "CRC64_COMPARISON_OVERWRITE"}, "S3M.0093"),
    ({"consistency_check": "crc64"}, "S3M.0094"),
    ({"consistency_check": "no_check"}, "S3M.0094"),
    ({"enable_restore": True, **source(cloud_type="QingCloud")}, "OMS.1048"),
    ({"enable_restore": True, **source(cloud_type="Google", json_auth_file=key_file("reader"))}, "OMS.1048"),
    ({"source_cdn": {**CDN, "authentication_type": "ALIYUN_OSS_A"}}, "OMS.1032"),
    ({"source_cdn": {**CDN, "authentication_type": "TENCENT_COS_D", "authentication_key": ""}}, "OMS.1032"),
    ({"source_cdn": {**CDN, "protocol": "ftp"}}, "OMS.0001"),
    ({"source_cdn": {**CDN, "domain": "cdn.example/path"}}, "OMS.0001"),
    ({"source_cdn": {**CDN, "domain": "user@cdn.example"}}, "OMS.0001"),
    ({"task_type": "url_list", "source_cdn": CDN, **source(**URLS)}, "S3M.0095"),
    ({"task_type": "url_list", "enable_restore": True, **source(**URLS)}, "OMS.1048"),
    ({"task_type": "url_list", **source(**{**URLS, "list_file": None})}, "S3M.0088"),
    ({"task_type": "url_list", "consistency_check": "crc64", **source(**URLS)}, "S3M.0094"),
    ({"smn_config": {**SMN, "trigger_conditions": []}}, "OMS.1003"),
    ({"smn_config": {**SMN, "trigger_conditions": ["MAYBE"]}}, "OMS.0001"),
    ({"smn_config": {**SMN, "topic_urn": "nothing"}}, "OMS.0157"),
    # bandwidth
    (windows(*HOURS), "OMS.0083"),
    (windows(("00:00", "01:00", MIB - 1)), "OMS.0084"),
    (windows(("00:00", "01:00", 209_715_201)), "OMS.0084"),
    (windows(("00:00", "02:00", MIB), ("01:59", "03:00", MIB)), "OMS.0085"),
    (windows(("02:00", "02:00", MIB)), "OMS.0087"),
    (windows(("22:00", "06:00", MIB)), "OMS.0087"),
    (windows(("00:00", "24:00", MIB)), "OMS.0087"),
    (windows(("0:5", "01:00", MIB)), "OMS.0087"),
    # one bucket
    ({**source(cloud_type="HuaweiCloud", region="cn-north-4", bucket="vault")}, "OMS.0058"),
]


@pytest.mark.check(31, 43, 57, 60, 62, 65)
@pytest.mark.check(39)
@pytest.mark.parametrize(("changes", "code"), REFUSED)
def test_a_wrong_task_is_refused_with_its_code(
    api: Service, ann: Account, changes: dict[str, Any], code: str
) -> None:
    """Checks 31, 43, 57, 60, 62 and 65."""
    answer = api.call(ann, "POST", "/tasks", task_body(**changes))
    assert (answer.status, answer.code) == (400, code), answer.json
    assert api.call(ann, "GET", "/tasks").json["count"] == 0


ACCEPTED: list[dict[str, Any]] = [
    {"enable_restore": True},
    {"description": "(daily)"},
    {"description": "x" * 255},
    {"migrate_since": 1_672_671_844.0},
    {
        "migrate_since": None,
        "enable_kms": None,
        "bandwidth_policy": None,
        "source_cdn": None,
        "smn_config": None,
    },
    {"a field that nobody knows": {"x": 1}},
    {"enable_kms": True},
    windows(("15:00", "16:00", MIB), ("16:00", "17:00", 1.048576e06)),
    windows(("00:00", "23:59", 209_715_200)),
    windows(*HOURS[:5]),
    {"bandwidth_policy": []},
    source(object_key=["d/", "ключ", "x" * 1024]),
    source(cloud_type="aws"),
    source(crypto_type="DEFAULT", kms_key_id="x", connection_string="x", json_auth_file="{}"),
    source(ak="x" * 100, security_token="x" * 16_384),
    {"task_type": "list", **source(**LIST)},
    {"task_type": "list", **source(**{**LIST, "object_key": []})},
    {"object_overwrite_mode": "CRC64_COMPARISON_OVERWRITE", **source(cloud_type="HuaweiCloud")},
    {
        **source(cloud_type="HuaweiCloud", region="cn-north-4", bucket="vault"),
        **destination(save_prefix="in/"),
    },
    source(cloud_type=None, region="oss-cn-hangzhou"),
    source(cloud_type="Aliyun", region="cn-hangzhou"),
    source(cloud_type="Tencent", region="ap-beijing", app_id="1250000000"),
    source(cloud_type="KingsoftCloud", region="BEIJING"),
    source(cloud_type="Baidu", region="bj"),
    source(cloud_type="QingCloud", region="pek3b"),
    source(cloud_type="Qiniu", region="cn-east-1"),
    source(cloud_type="UCloud", region="cn-bj"),
    source(cloud_type="Google", region="europe-west4", ak=None, sk=None, json_auth_file=key_file("reader")),
    {"consistency_check": "crc64", **source(cloud_type="Tencent", app_id="1250000000")},
    {"task_type": "url_list", **source(**URLS)},
    {"task_type": "url_list", "consistency_check": "no_check", **source(**URLS)},
    {"source_cdn": CDN},
    {"source_cdn": {**CDN, "domain": "cdn.example:8080", "protocol": "http"}},
    {"source_cdn": {**CDN, "authentication_type": "ALIYUN_OSS_A", "authentication_key": "k"}},
]


@pytest.mark.check(57, 60)
@pytest.mark.parametrize("changes", ACCEPTED)
def test_a_right_task_is_accepted(api: Service, ann: Account, changes: dict[str, Any]) -> None:
    """Checks 57 and 60."""
    answer = api.call(ann, "POST", "/tasks", task_body(**changes))
    assert answer.status == 200, answer.json


UNBUILT: list[tuple[dict[str, Any], str]] = [
    ({"source_cdn": {**CDN, "crypto_type": "KMS"}}, "source_cdn.crypto_type"),
    (source(crypto_type="KMS", kms_key_id="x"), "src_node.crypto_type"),
    (destination(crypto_type="KMS"), "dst_node.crypto_type"),
]


@pytest.mark.parametrize(("changes", "field"), UNBUILT)
def test_what_is_not_built_yet_is_checked_and_then_named(
    api: Service, ann: Account, changes: dict[str, Any], field: str
) -> None:
    answer = api.call(ann, "POST", "/tasks", task_body(**changes))
    assert (answer.status, answer.code) == (501, "OMS.0001")
    assert field in answer.json["error_msg"]
    worse = api.call(ann, "POST", "/tasks", task_body(**{**changes, "description": "^"}))
    assert (worse.status, worse.code) == (400, "OMS.0078")


@pytest.mark.parametrize(
    "keys",
    [{"ak": "account", "sk": "a2V5"}, {"ak": None, "sk": None, "connection_string": CONNECTION_STRING}],
    ids=["key", "connection string"],
)
def test_azure_is_a_source_by_its_key_or_a_connection_string(
    api: Service, ann: Account, keys: dict[str, Any]
) -> None:
    body = task_body(**source(cloud_type="Azure", region="westeurope", **keys))
    answer = api.call(ann, "POST", "/tasks", body)
    assert answer.status == 200, answer
    assert "a2V5" not in str(api.call(ann, "GET", f"/tasks/{answer.json['id']}").json)


def test_azure_starts_again_with_a_connection_string(api: Service, ann: Account) -> None:
    made = source(cloud_type="Azure", region="westeurope", ak="account", sk="a2V5")
    task_id = api.call(ann, "POST", "/tasks", task_body(**made)).json["id"]
    api.put_in(task_id, 3)
    body = {"src_connection_string": " ", "dst_ak": "c", "dst_sk": "d"}
    for told, code in ((" ", "OMS.1004"), ("x", "OMS.0001")):
        body["src_connection_string"] = told
        assert api.call(ann, "POST", f"/tasks/{task_id}/start", body).code == code
    body["src_connection_string"] = CONNECTION_STRING
    assert api.call(ann, "POST", f"/tasks/{task_id}/start", body).status == 200


@pytest.mark.parametrize("side", ["src", "dst"])
def test_encrypted_keys_at_start_are_not_built_yet(api: Service, ann: Account, side: str) -> None:
    task_id = api.create(ann)
    api.put_in(task_id, 3)
    body = {"src_ak": "a", "src_sk": "b", "dst_ak": "c", "dst_sk": "d", f"{side}_crypto_type": "KMS"}
    answer = api.call(ann, "POST", f"/tasks/{task_id}/start", body)
    assert (answer.status, answer.code) == (501, "OMS.0001")
    assert f"{side}_crypto_type" in answer.json["error_msg"]


def test_the_gravest_fault_is_named_first(api: Service, ann: Account) -> None:
    body = task_body(dst_node={"ak": None}, enable_kms="x", task_type="y", description="^")
    assert api.call(ann, "POST", "/tasks", body).code == "OMS.1004"
    body["dst_node"]["ak"] = "k"
    assert api.call(ann, "POST", "/tasks", body).code == "OMS.1002"
    body["enable_kms"] = True
    assert api.call(ann, "POST", "/tasks", body).code == "OMS.0001"
    body["task_type"] = "prefix"
    assert api.call(ann, "POST", "/tasks", body).code == "OMS.0078"
