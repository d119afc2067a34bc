"""Regions and what location answers mean."""

import pytest

from engine.regions import Region, Regions, region_name

LIST = Regions(
    {
        "AWS": (Region("us-east-1", "Virginia"), Region("eu-west-1", "Ireland")),
        "HEC": (Region("a", "A"), Region("b", "B")),
    }
)


@pytest.mark.parametrize(
    ("cloud", "told", "wanted"),
    [
        ("AWS", "", "us-east-1"),
        ("AWS", "US", "us-east-1"),
        ("AWS", "EU", "eu-west-1"),
        ("AWS", "ap-south-1", "ap-south-1"),
        ("Aliyun", "oss-cn-hangzhou", "cn-hangzhou"),
        ("HuaweiCloud", "", "asked"),
        ("HuaweiCloud", "cn-north-4", "cn-north-4"),
    ],
)
def test_a_location_answer_means_a_region(cloud: str, told: str, wanted: str) -> None:
    assert region_name(cloud, told, "asked") == wanted


def test_a_region_is_described_where_its_cloud_has_it() -> None:
    assert LIST.description("AWS", "eu-west-1") == "Ireland"
    assert LIST.description("HEC", "eu-west-1") is None
    assert LIST.description("Nowhere", "a") is None


@pytest.mark.parametrize(
    ("cloud", "own", "home"),
    [("AWS", None, "us-east-1"), ("HEC", "b", "b"), ("HEC", "x", "a"), ("Other", None, "")],
)
def test_a_cloud_is_asked_at_its_first_region_or_at_ours(cloud: str, own: str | None, home: str) -> None:
    assert LIST.home(cloud, own) == home
