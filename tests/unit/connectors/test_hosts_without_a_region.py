"""What the endpoints file says when a request names no region, or names a host (OMS 5.5)."""

import pytest

from connectors.endpoints import parse_endpoints
from connectors.wire import Target

FILE = parse_endpoints(
    """
    - {cloud_type: AWS, region: ceph-1, endpoint: "http://127.0.0.1:9000"}
    - {cloud_type: AWS, region: ceph-2, endpoint: "http://127.0.0.1:9000"}
    - {cloud_type: AWS, region: "*", endpoint: "https://s3.example"}
    - {cloud_type: CDN, region: "*", endpoint: "http://cdn.local:81", connect: "127.0.0.1:82"}
    """
)


@pytest.mark.parametrize(
    ("cloud", "regions"), [("AWS", ("ceph-1", "us-east-1")), ("HuaweiCloud", ("us-east-1",))]
)
def test_an_account_is_asked_at_each_host_once(cloud: str, regions: tuple[str, ...]) -> None:
    assert FILE.home_regions(cloud, "us-east-1") == regions


def test_a_line_makes_its_region_known() -> None:
    assert FILE.has_line("AWS", "anything")
    assert not FILE.has_line("HuaweiCloud", "cn-north-4")


def test_a_named_host_is_reached_as_its_line_says() -> None:
    found = FILE.target_at("CDN", "http", "cdn.local", 81)
    assert (found.authority, found.route.private_ok) == ("cdn.local:81", True)
    assert found.route.connect == ("127.0.0.1", 82)


@pytest.mark.parametrize(
    ("cloud", "host", "port"),
    [("CDN", "cdn.local", 82), ("CDN", "127.0.0.1", 9000), ("SMN", "cdn.local", 81)],
)
def test_any_other_host_must_be_public(cloud: str, host: str, port: int) -> None:
    assert FILE.target_at(cloud, "http", host, port) == Target("http", host, port)
