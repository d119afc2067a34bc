"""The vendor's client drives every call about buckets, clouds and regions over plain HTTP."""

from typing import Any

import pytest
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkoms.v2 import (
    CheckPrefixReq,
    CheckPrefixRequest,
    CheckUrlSourceListFileFormatReq,
    CheckUrlSourceListFileFormatRequest,
    ListBucketsReq,
    PrefixKeyInfo,
    ShowBucketListRequest,
    ShowBucketObjectsRequest,
    ShowBucketRegionReq,
    ShowBucketRegionRequest,
    ShowBucketReq,
    ShowCdnInfoReq,
    ShowCdnInfoRequest,
    ShowCloudTypeRequest,
    ShowRegionInfoRequest,
    SourceCdnReq,
    UpdatePrivacyAgreementRecordRequest,
)

from tests.api.service import Account, Service
from tests.buckets.cdn_server import ACCESS_KEY, BUCKET, SECRET_KEY, Cdn
from tests.storeserver import ServerProcess

KEYS = {"ak": ACCESS_KEY, "sk": SECRET_KEY}


def page(client: Any, **changes: Any) -> Any:
    """A page of the bucket's root."""
    asked = {
        "cloud_type": "AWS",
        "file_path": "",
        "data_center": "us-east-1",
        "page_size": 100,
        "behind_filename": "",
        "bucket_name": BUCKET,
        **KEYS,
        **changes,
    }
    return client.show_bucket_objects(ShowBucketObjectsRequest(body=ShowBucketReq(**asked)))


@pytest.mark.parametrize("cloud", ["AWS", "HuaweiCloud", "HEC"])
def test_buckets_are_listed_by_name(client: Any, shop: ServerProcess, cloud: str) -> None:
    answer = client.show_bucket_list(
        ShowBucketListRequest(body=ListBucketsReq(cloud_type=cloud, app_id="x", **KEYS))
    )
    assert answer.body == ["abroad", "empty", "lists", BUCKET]


@pytest.mark.check(103)
@pytest.mark.parametrize("cloud", ["AWS", "HuaweiCloud"])
def test_one_level_shows_folders_and_formatted_sizes(client: Any, cloud: str) -> None:
    answer = page(client, cloud_type=cloud)
    assert [(record.name, record.size) for record in answer.records] == [
        ("a.txt", "1.46 KB"),
        ("b/", "--"),
        ("d e/", "--"),
        ("z.bin", "1.46 KB"),
    ]
    assert (answer.next_page, answer.next_marker) == (False, None)


@pytest.mark.check(103)
def test_a_level_below_shows_its_own_folder_object_without_a_size(client: Any) -> None:
    answer = page(client, file_path="b/")
    assert [(record.name, record.size) for record in answer.records] == [
        ("b/", "--"),
        ("b/1.txt", "2.05 KB"),
        ("b/2.txt", "2.05 KB"),
        ("b/c/", "--"),
    ]


@pytest.mark.check(103)
@pytest.mark.parametrize("size", [1, 2, 3])
def test_pages_follow_the_last_name_and_end_with_no_marker(client: Any, size: int) -> None:
    names, marker = [], ""
    for _ in range(5):
        answer = page(client, page_size=size, behind_filename=marker)
        names += [record.name for record in answer.records]
        assert len(answer.records) <= size
        if not answer.next_page:
            assert answer.next_marker is None
            break
        assert answer.next_marker == names[-1]
        marker = answer.next_marker
    assert names == ["a.txt", "b/", "d e/", "z.bin"]


@pytest.mark.parametrize(
    ("cloud", "bucket", "wanted"),
    [
        ("AWS", BUCKET, ("us-east-1", "US Standard (N. Virginia)", True)),
        ("AWS", "abroad", ("eu-west-1", "EU (Ireland)", True)),
        ("HuaweiCloud", "lists", ("cn-north-4", "CN North-Beijing4", True)),
    ],
)
def test_a_bucket_tells_its_region(client: Any, cloud: str, bucket: str, wanted: tuple[Any, ...]) -> None:
    body = ShowBucketRegionReq(cloud_type=cloud, bucket_name=bucket, **KEYS)
    answer = client.show_bucket_region(ShowBucketRegionRequest(body=body))
    assert (answer.id, answer.name, answer.support) == wanted


@pytest.mark.parametrize(("prefix", "found"), [("b/", True), ("d e/ä", True), ("b/9", False), ("", True)])
def test_a_prefix_is_found_or_not(client: Any, prefix: str, found: bool) -> None:
    body = CheckPrefixReq(
        cloud_type="AWS", bucket_name=BUCKET, file_name=prefix, data_center="us-east-1", **KEYS
    )
    assert client.check_prefix(CheckPrefixRequest(body=body)).exist is found


def test_a_prefix_is_looked_for_with_temporary_keys(client: Any) -> None:
    body = CheckPrefixReq(
        cloud_type="AWS",
        bucket_name=BUCKET,
        file_name="a",
        data_center="us-east-1",
        ak="temporary",
        sk="secret",
        security_token="a-token",
    )
    assert client.check_prefix(CheckPrefixRequest(body=body)).exist is True


def test_a_bucket_is_seen_through_its_cdn(client: Any, cdn: Cdn, shop: ServerProcess) -> None:
    cdn.hold("a.txt", shop.get(BUCKET, b"a.txt"))
    body = ShowCdnInfoReq(
        cloud_type="AWS",
        region="us-east-1",
        bucket=BUCKET,
        prefix=PrefixKeyInfo(keys=["a.txt", "z.bin"]),
        source_cdn=SourceCdnReq(authentication_type="NONE", domain=f"127.0.0.1:{cdn.port}", protocol="http"),
        **KEYS,
    )
    answer = client.show_cdn_info(ShowCdnInfoRequest(body=body))
    seen = [(one.key, one.is_object_existing, one.is_etag_matching) for one in answer.checked_keys]
    assert seen == [("a.txt", True, True), ("z.bin", False, False)]
    assert (answer.is_download_available, answer.is_same_cloud_type) == (False, False)


def test_a_url_list_is_checked(client: Any, shop: ServerProcess) -> None:
    def check(key: str) -> None:
        body = CheckUrlSourceListFileFormatReq(
            obs_bucket="lists", list_file_key=key, region="my-region", **KEYS
        )
        client.check_url_source_list_file_format(CheckUrlSourceListFileFormatRequest(body=body))

    check("urls.txt")
    with pytest.raises(ClientRequestException) as missing:
        check("none.txt")
    assert (missing.value.status_code, missing.value.error_code) == (400, "OMS.0153")


@pytest.mark.check(93)
def test_clouds_are_listed_for_either_end(client: Any) -> None:
    assert client.show_cloud_type(ShowCloudTypeRequest(type="src")).body == [
        *("AWS", "Aliyun", "Qiniu", "QingCloud", "Tencent", "Baidu", "KingsoftCloud", "Azure", "UCloud"),
        *("HuaweiCloud", "Google", "URLSource"),
    ]
    assert client.show_cloud_type(ShowCloudTypeRequest(type="dst")).body == ["HEC"]


@pytest.mark.check(93)
def test_regions_are_listed_by_cloud(client: Any) -> None:
    answer = client.show_region_info(ShowRegionInfoRequest()).body
    assert [cloud.service_name for cloud in answer][:2] == ["AWS", "Aliyun"]
    first = answer[0].region_list[0]
    assert (first.cloud_type, first.value, first.description) == (
        "AWS",
        "us-east-1",
        "US Standard (N. Virginia)",
    )


@pytest.mark.check(93)
def test_lists_are_bare_arrays(api: Service, ann: Account) -> None:
    buckets = api.call(ann, "POST", "/objectstorage/buckets", {"cloud_type": "AWS", **KEYS})
    clouds = api.call(ann, "GET", "/objectstorage/cloud-type?type=src")
    regions = api.call(ann, "GET", "/objectstorage/data-center")
    for answer in (buckets, clouds, regions):
        assert answer.status == 200
        assert isinstance(answer.json, list)
        assert answer.json


def test_the_privacy_agreement_is_kept(api: Service, ann: Account, client: Any) -> None:
    client.update_privacy_agreement_record(UpdatePrivacyAgreementRecordRequest())
    rows = api.sql("SELECT actor, action FROM audit WHERE project_id = %s", ann.project_id)
    assert rows == [("ann", "agreePrivacyStatement")]
