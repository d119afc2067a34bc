"""Signed CDN addresses against the vendors' published vectors (oms-behaviour 10)."""

import hashlib
from urllib.parse import unquote

import pytest

from engine.cdn import CdnAccess, CdnAuthentication, CdnForm, CdnGet, forms, signed_target
from engine.cdn_vendors import cdn_vendor, same_vendor
from engine.spec import CloudType

KIND = CdnAuthentication
ALIYUN, TENCENT = "aliyuncdnexp1234", "dimtm5evg50ijsx2hvuwyfoiu65"
FIRST, SECOND = CdnForm(), CdnForm(second=True)

# kind, key of the CDN, object key, second, nonce, form, target
VECTORS = [
    (
        KIND.ALIYUN_OSS_A, ALIYUN, "video/standard/1K.html", 1444435200, "0", FIRST,
        "/video/standard/1K.html?auth_key=1444435200-0-0-80cd3862d699b7118eed99103f2a3a4f",
    ),
    (
        KIND.ALIYUN_OSS_B, ALIYUN, "4/44/44c0909bcfc20a01afaf256ca99a8b8b.mp3", 1439596800, "0", FIRST,
        "/201508150800/9044548ef1527deadafa49a890a377f0/4/44/44c0909bcfc20a01afaf256ca99a8b8b.mp3",
    ),
    (
        KIND.ALIYUN_OSS_C, ALIYUN, "test.flv", 0x55CE8100, "0", FIRST,
        "/a37fa50a5fb8f71214b1e7c95ec7a1bd/55CE8100/test.flv",
    ),
    (
        KIND.TENCENT_COS_A, TENCENT, "test.jpg", 1582791032, "im1acp76sx9sdqe601v", FIRST,
        "/test.jpg?sign=1582791032-im1acp76sx9sdqe601v-0-3fbb88382c9356b6faaf9d68c7b2ae3a",
    ),
    (
        KIND.TENCENT_COS_B, TENCENT, "test.jpg", 1582791032, "0", FIRST,
        "/202002271610/2e03a07cfa55a47768226d3e5ea82a8d/test.jpg",
    ),
    (
        KIND.TENCENT_COS_C, TENCENT, "test.jpg", 1582791032, "0", FIRST,
        "/7913fc0c5c9e92dd3633b7895152bbb2/5e577978/test.jpg",
    ),
    (
        KIND.TENCENT_COS_C, TENCENT, "test.jpg", 1582791032, "0", SECOND,
        "/ea68b93ac23ebbc6eebf7f163c6e9c4c/1582791032/test.jpg",
    ),
    (
        KIND.TENCENT_COS_D, TENCENT, "test.jpg", 1582791032, "0", FIRST,
        "/test.jpg?sign=900a5049aa8ac1ab144527d9c2be4cea&t=1582791032",
    ),
    (
        KIND.ALIYUN_OSS_A, "K", "d/a b.txt", 1700000000, "0", FIRST,
        "/d/a%20b.txt?auth_key=1700000000-0-0-d1d98b66b65c98e9bcc2bf2d2f263d07",
    ),
    (
        KIND.TENCENT_COS_B, "K", "d/a b.txt", 1700000000, "0", FIRST,
        "/202311150613/f990be95c9512d287492155a9fb0bed3/d/a%20b.txt",
    ),
    (
        KIND.TENCENT_COS_C, "K", "d/a b.txt", 1700000000, "0", FIRST,
        "/bb6cbce4b06ab4f1416fae1ad6e76003/6553f100/d/a%20b.txt",
    ),
    (
        KIND.TENCENT_COS_D, "K", "d/a b.txt", 1700000000, "0", FIRST,
        "/d/a%20b.txt?sign=2c5f4cbd51ede7cbf880a0781fffcba6&t=1700000000",
    ),
    (KIND.NONE, "", "d/a b+ä.txt", 1, "0", FIRST, "/d/a%20b%2B%C3%A4.txt"),
    (KIND.AZURE_SAS_TOKEN, "?sv=2020&sig=a%2Fb", "d/a.txt", 1, "0", FIRST, "/d/a.txt?sv=2020&sig=a%2Fb"),
]  # fmt: skip


def target(kind: KIND, key: str, name: str, now_s: int, nonce: str, form: CdnForm) -> str:
    access = CdnAccess("https://cdn.example", kind, key)
    return signed_target(access, CdnGet(name.encode(), 0, now_s, nonce), form)


@pytest.mark.check(100)
@pytest.mark.parametrize(("kind", "key", "name", "now_s", "nonce", "form", "wanted"), VECTORS)
def test_a_target_is_signed_as_the_vendor_shows(
    kind: KIND, key: str, name: str, now_s: int, nonce: str, form: CdnForm, wanted: str
) -> None:
    assert target(kind, key, name, now_s, nonce, form) == wanted


@pytest.mark.check(100)
def test_qiniu_signs_the_whole_address_with_the_sources_keys() -> None:
    access = CdnAccess(
        "http://78re52.com1.z0.glb.clouddn.com",
        KIND.QINIU_PRIVATE_AUTHENTICATION,
        access_key="AK",
        secret_key="MY_SECRET_KEY",
    )
    get = CdnGet(b"resource/flower.jpg", 0, 1451491200 - 3600)
    assert signed_target(access, get) == (
        "/resource/flower.jpg?e=1451491200&token=AK:438dd8pXocjYuF-6dTcKMtETB2g="
    )


@pytest.mark.check(100)
def test_kingsoft_signs_the_resource_in_its_own_encoding() -> None:
    access = CdnAccess(
        "http://cdn",
        KIND.KSYUN_PRIVATE_AUTHENTICATION,
        access_key="A/K",
        secret_key="SKEXAMPLE",
        bucket="bkt",
    )
    found = signed_target(access, CdnGet(b"dir/a b+c~.txt", 0, 1700000000 - 3600))
    path, _, query = found.partition("?")
    assert path == "/dir/a%20b%2Bc~.txt"
    assert query == ("Signature=tkZGR9e%2FfYoSTpjl8XJjbWQs%2F7Y%3D&Expires=1700000000&KSSAccessKeyId=A%2FK")
    other = signed_target(access, CdnGet(b"dir/a b+c~.txt", 0, 1700000000 - 3600, method="HEAD"))
    assert other != found


@pytest.mark.check(100)
@pytest.mark.parametrize("kind", [kind for kind in KIND if kind not in (KIND.NONE, KIND.AZURE_SAS_TOKEN)])
def test_each_request_is_signed_for_its_own_time(kind: KIND) -> None:
    access = CdnAccess("http://cdn", kind, "K", "AK", "SK", "bkt")
    now, later = (signed_target(access, CdnGet(b"k", 0, second)) for second in (1700000000, 1700000060))
    assert now != later


@pytest.mark.parametrize("kind", [KIND.QINIU_PRIVATE_AUTHENTICATION, KIND.KSYUN_PRIVATE_AUTHENTICATION])
def test_a_deadline_leaves_time_for_a_large_object(kind: KIND) -> None:
    access = CdnAccess("http://cdn", kind, "", "AK", "SK", "bkt")
    assert f"={1700000000 + 3600 + 5000}&" in signed_target(access, CdnGet(b"k", 5_000_000_000, 1700000000))


@pytest.mark.parametrize(
    ("kind", "key", "count"),
    [
        (KIND.NONE, "a b", 1),
        (KIND.QINIU_PRIVATE_AUTHENTICATION, "a b", 1),
        (KIND.ALIYUN_OSS_A, "ab", 1),
        (KIND.ALIYUN_OSS_A, "a b", 2),
        (KIND.TENCENT_COS_B, "ä", 2),
        (KIND.TENCENT_COS_C, "ab", 2),
        (KIND.TENCENT_COS_D, "a b", 4),
    ],
)
def test_the_readings_differ_and_the_usual_one_comes_first(kind: KIND, key: str, count: int) -> None:
    found = forms(kind, key.encode())
    assert found[0] == CdnForm()
    assert len({target(kind, "K", key, 1700000000, "0", form) for form in found}) == count == len(found)


def test_the_other_reading_hashes_the_plain_path() -> None:
    decoded = target(KIND.TENCENT_COS_D, "K", "ä", 1700000000, "0", CdnForm(decoded=True))
    assert hashlib.md5("K/ä1700000000".encode()).hexdigest() in decoded
    assert unquote(decoded).startswith("/ä?")


def test_an_access_hides_its_secrets() -> None:
    shown = repr(CdnAccess("http://cdn", KIND.ALIYUN_OSS_A, "KEY-canary", "AK", "SK-canary"))
    assert "canary" not in shown


@pytest.mark.parametrize(
    ("kind", "host", "headers", "cloud"),
    [
        (KIND.ALIYUN_OSS_B, "x.cloudfront.net", (), CloudType.ALIYUN),
        (KIND.KSYUN_PRIVATE_AUTHENTICATION, "cdn.example", (), CloudType.KINGSOFT_CLOUD),
        (KIND.NONE, "D1.CloudFront.net", (), CloudType.AWS),
        (KIND.NONE, "cdn.example", ("x-nws-log-uuid",), CloudType.TENCENT),
        (KIND.NONE, "cdn.example", ("x-ccdn-cachettl",), CloudType.HUAWEI_CLOUD),
        (KIND.NONE, "cdn.example", ("etag",), None),
    ],
)
def test_a_cdn_shows_whose_it_is(
    kind: KIND, host: str, headers: tuple[str, ...], cloud: CloudType | None
) -> None:
    assert cdn_vendor(kind, host, headers) is cloud


def test_hec_is_huaweis() -> None:
    assert same_vendor(CloudType.HEC, CloudType.HUAWEI_CLOUD)
    assert not same_vendor(CloudType.AWS, CloudType.HUAWEI_CLOUD)
    assert not same_vendor(CloudType.AWS, None)
