"""A bucket seen through its CDN, with every kind of signed address (OMS 5.5.2)."""

from typing import Any

import pytest

from connectors.cdn import CdnProbe
from connectors.wire import Route, Target, Wire
from engine.cdn import CdnAccess, CdnAuthentication
from tests.api.service import Account, Answer, Service
from tests.buckets import cdn_server
from tests.buckets.cdn_server import ACCESS_KEY, BUCKET, SAS, SECRET, SECRET_KEY, Cdn, Gate
from tests.storeserver import ServerProcess

SAMPLE = ["a.txt", "b/1.txt", "b/2.txt", "b/c/3.txt", "d e/ä.txt"]
GATES: dict[str, tuple[Gate, str | None]] = {
    "NONE": (cdn_server.open_to_all, None),
    "QINIU_PRIVATE_AUTHENTICATION": (cdn_server.qiniu, None),
    "KSYUN_PRIVATE_AUTHENTICATION": (cdn_server.ksyun, None),
    "AZURE_SAS_TOKEN": (cdn_server.azure, f"?{SAS}"),
    "ALIYUN_OSS_A": (cdn_server.type_a("auth_key"), SECRET),
    "ALIYUN_OSS_B": (cdn_server.type_b, SECRET),
    "ALIYUN_OSS_C": (cdn_server.type_c(), SECRET),
    "TENCENT_COS_A": (cdn_server.type_a("sign"), SECRET),
    "TENCENT_COS_B": (cdn_server.type_b, SECRET),
    "TENCENT_COS_C": (cdn_server.type_c(), SECRET),
    "TENCENT_COS_D": (cdn_server.type_d, SECRET),
}


def ask(api: Service, who: Account, cdn: Cdn, kind: str = "NONE", **changes: Any) -> Answer:
    """The call; `keys` are the prefix keys, `source_cdn` fields are merged in."""
    source_cdn = {
        "domain": f"127.0.0.1:{cdn.port}",
        "protocol": "http",
        "authentication_type": kind,
        **({"authentication_key": GATES[kind][1]} if GATES[kind][1] else {}),
        **changes.pop("source_cdn", {}),
    }
    keys = changes.pop("keys", None)
    body = {
        "cloud_type": "AWS",
        "region": "us-east-1",
        "bucket": BUCKET,
        "ak": ACCESS_KEY,
        "sk": SECRET_KEY,
        "source_cdn": source_cdn,
        **({"prefix": {"keys": keys}} if keys is not None else {}),
        **changes,
    }
    return api.call(who, "POST", "/objectstorage/buckets/cdn-info", body)


def hold_all(cdn: Cdn, shop: ServerProcess) -> None:
    """The CDN has what the bucket has."""
    for key in shop.keys(BUCKET):
        cdn.hold(key.decode(), shop.get(BUCKET, key))


def seen(answer: Answer) -> list[tuple[str, bool, bool]]:
    """Key, existing, matching."""
    assert answer.status == 200, answer
    return [
        (one["key"], one["is_object_existing"], one["is_etag_matching"])
        for one in answer.json["checked_keys"]
    ]


@pytest.mark.check(100, 102)
@pytest.mark.parametrize("kind", GATES)
def test_a_sample_is_fetched_with_each_kind_of_signature(
    api: Service, ann: Account, cdn: Cdn, shop: ServerProcess, kind: str
) -> None:
    hold_all(cdn, shop)
    cdn.gate = GATES[kind][0]
    answer = ask(api, ann, cdn, kind)
    assert seen(answer) == [(key, True, True) for key in SAMPLE]
    assert answer.json["is_download_available"] is True


@pytest.mark.parametrize("kind", [kind for kind, (_, key) in GATES.items() if key])
def test_a_wrong_key_opens_nothing(
    api: Service, ann: Account, cdn: Cdn, shop: ServerProcess, kind: str
) -> None:
    hold_all(cdn, shop)
    cdn.gate = GATES[kind][0]
    answer = ask(api, ann, cdn, kind, source_cdn={"authentication_key": "wrong"})
    assert seen(answer) == [(key, False, False) for key in SAMPLE]
    assert answer.json["is_download_available"] is False


@pytest.mark.parametrize(
    ("kind", "gate"),
    [("TENCENT_COS_C", cdn_server.type_c(decimal=True)), ("TENCENT_COS_D", cdn_server.decoded_d)],
)
def test_the_other_reading_of_the_rules_is_tried(
    api: Service, ann: Account, cdn: Cdn, shop: ServerProcess, kind: str, gate: Gate
) -> None:
    hold_all(cdn, shop)
    cdn.gate = gate
    answer = ask(api, ann, cdn, kind, keys=["d e/ä.txt"])
    assert seen(answer) == [("d e/ä.txt", True, True)]
    assert len(cdn.asked) > 1


async def test_the_reading_that_was_taken_is_tried_first_from_then_on(cdn: Cdn) -> None:
    cdn.hold("a.txt", b"abc")
    cdn.gate = cdn_server.type_c(decimal=True)
    origin = f"http://127.0.0.1:{cdn.port}"
    access = CdnAccess(origin, CdnAuthentication.TENCENT_COS_C, SECRET)
    async with Wire() as wire:
        target = Target("http", "127.0.0.1", cdn.port, Route(private_ok=True))
        probe = CdnProbe(wire, target, access)
        sights = [await probe.look(b"a.txt", 3) for _ in range(3)]
    assert [(sight.status, sight.size) for sight in sights] == [(206, 3)] * 3
    assert len(cdn.asked) == 4


@pytest.mark.check(102)
def test_another_etag_and_a_missing_object_are_told_by_key(
    api: Service, ann: Account, cdn: Cdn, shop: ServerProcess
) -> None:
    hold_all(cdn, shop)
    cdn.hold("a.txt", shop.get(BUCKET, b"a.txt"), "another")
    del cdn.objects["/b/1.txt"]
    answer = ask(api, ann, cdn, keys=["a.txt", "b/1.txt", "z.bin", "not in the bucket"])
    assert seen(answer) == [
        ("a.txt", True, False),
        ("b/1.txt", False, False),
        ("z.bin", True, True),
        ("not in the bucket", False, False),
    ]
    assert answer.json["is_download_available"] is False


def test_another_size_is_no_download(api: Service, ann: Account, cdn: Cdn, shop: ServerProcess) -> None:
    etag = shop.info(BUCKET, b"a.txt")["etag"]
    cdn.hold("a.txt", b"short", etag)
    answer = ask(api, ann, cdn, keys=["a.txt"])
    assert seen(answer) == [("a.txt", True, True)]
    assert answer.json["is_download_available"] is False


def test_a_prefix_is_sampled(api: Service, ann: Account, cdn: Cdn, shop: ServerProcess) -> None:
    hold_all(cdn, shop)
    answer = ask(api, ann, cdn, keys=["b/", "b/"])
    assert [key for key, _, _ in seen(answer)] == ["b/1.txt", "b/2.txt", "b/c/3.txt"]


def test_an_empty_bucket_shows_nothing(api: Service, ann: Account, cdn: Cdn) -> None:
    answer = ask(api, ann, cdn, bucket="empty")
    assert answer.json == {
        "is_same_cloud_type": False,
        "is_download_available": False,
        "checked_keys": [],
    }


def test_a_cdn_that_ignores_ranges_is_asked_for_headers(
    api: Service, ann: Account, cdn: Cdn, shop: ServerProcess
) -> None:
    body = b"x" * (3 << 20)
    shop.put("lists", b"large.bin", body)
    cdn.hold("large.bin", body)
    cdn.knows_ranges = False
    # The answer to HEAD tells the length of what GET would bring.
    cdn.headers["Content-Range"] = f"bytes 0-{len(body) - 1}/{len(body)}"
    answer = ask(api, ann, cdn, bucket="lists", keys=["large.bin"])
    assert seen(answer) == [("large.bin", True, True)]
    assert [asked.method for asked in cdn.asked] == ["GET", "HEAD"]


@pytest.mark.parametrize(
    ("kind", "cloud", "header", "same"),
    [
        ("NONE", "AWS", "X-Amz-Cf-Id", True),
        ("NONE", "AWS", "X-Azure-Ref", False),
        ("NONE", "AWS", "", False),
        ("NONE", "HuaweiCloud", "x-ccdn-cachettl", True),
        ("ALIYUN_OSS_A", "AWS", "X-Amz-Cf-Id", False),
    ],
)
def test_a_cdn_of_the_same_vendor_is_known(
    api: Service, ann: Account, cdn: Cdn, shop: ServerProcess, kind: str, cloud: str, header: str, same: bool
) -> None:
    hold_all(cdn, shop)
    cdn.headers = {header: "1"} if header else {}
    cdn.gate = GATES[kind][0]
    assert ask(api, ann, cdn, kind, cloud_type=cloud).json["is_same_cloud_type"] is same


@pytest.mark.parametrize("domain", ["127.0.0.1:9", "localhost", "169.254.169.254", "[::1]", "10.0.0.1:80"])
def test_an_address_that_nobody_named_is_never_dialled(
    api: Service, ann: Account, cdn: Cdn, domain: str
) -> None:
    answer = ask(api, ann, cdn, source_cdn={"domain": domain})
    assert (answer.status, answer.code) == (400, "OMS.0151")
    assert "domain" in answer.json["error_msg"]


def test_the_operators_host_is_open_at_its_own_port_only(
    api: Service, ann: Account, cdn: Cdn, shop: ServerProcess
) -> None:
    shop.reset_counters()
    answer = ask(api, ann, cdn, source_cdn={"domain": f"127.0.0.1:{shop.port}"}, keys=["a.txt"])
    assert answer.code == "OMS.0151"
    assert all(request["op"] == "list" for request in shop.requests())


def test_encrypted_keys_are_not_understood(api: Service, ann: Account, cdn: Cdn) -> None:
    answer = ask(api, ann, cdn, source_cdn={"crypto_type": "KMS"})
    assert (answer.status, answer.code) == (501, "OMS.0001")
