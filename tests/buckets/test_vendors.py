"""Buckets of QingCloud, Qiniu and UCloud are looked into as those of every other cloud."""

from typing import Any

import pytest
from huaweicloudsdkoms.v2 import (
    CheckPrefixReq,
    CheckPrefixRequest,
    ListBucketsReq,
    ShowBucketListRequest,
    ShowBucketRegionReq,
    ShowBucketRegionRequest,
    ShowRegionInfoRequest,
)

from tests.buckets.cdn_server import BUCKET
from tests.buckets.conftest import VENDORS
from tests.buckets.test_vendor_sdk import KEYS, page

REGIONS = {cloud: region for cloud, (_, region) in VENDORS.items()}


@pytest.mark.parametrize("cloud", VENDORS)
def test_buckets_and_one_level_are_listed(client: Any, cloud: str) -> None:
    asked = ListBucketsReq(cloud_type=cloud, **KEYS)
    assert client.show_bucket_list(ShowBucketListRequest(body=asked)).body == sorted(["empty", BUCKET])
    names, marker = [], ""
    for _ in range(4):
        answer = page(
            client, cloud_type=cloud, data_center=REGIONS[cloud], page_size=2, behind_filename=marker
        )
        names += [(record.name, record.size) for record in answer.records]
        if not answer.next_page:
            break
        marker = answer.next_marker
    assert names == [("a.txt", "1.46 KB"), ("b/", "--"), ("d e/", "--")]


@pytest.mark.parametrize("cloud", VENDORS)
@pytest.mark.parametrize(("prefix", "found"), [("b/c", True), ("d e/ä", True), ("b/9", False)])
def test_a_prefix_is_found_or_not(client: Any, cloud: str, prefix: str, found: bool) -> None:
    body = CheckPrefixReq(
        cloud_type=cloud, bucket_name=BUCKET, file_name=prefix, data_center=REGIONS[cloud], **KEYS
    )
    assert client.check_prefix(CheckPrefixRequest(body=body)).exist is found


@pytest.mark.parametrize("cloud", VENDORS)
def test_a_bucket_tells_its_region(client: Any, cloud: str) -> None:
    body = ShowBucketRegionReq(cloud_type=cloud, bucket_name=BUCKET, **KEYS)
    answer = client.show_bucket_region(ShowBucketRegionRequest(body=body))
    assert (answer.id, answer.support) == (REGIONS[cloud], True)


@pytest.mark.parametrize("cloud", VENDORS)
def test_the_regions_of_the_vendor_are_known(client: Any, cloud: str) -> None:
    answer = client.show_region_info(ShowRegionInfoRequest()).body
    (regions,) = [one.region_list for one in answer if one.service_name == cloud]
    assert REGIONS[cloud] in [region.value for region in regions]
