"""The endpoints file and the vendors' own hosts (design 7)."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from connectors.endpoints import EndpointError, Endpoints, load_endpoints, parse_endpoints
from connectors.locations import Credentials, Location
from connectors.obs.store import ObsStore
from connectors.registry import UnsupportedCloud, open_store
from connectors.s3.dialects import Addressing, Signature
from connectors.s3.store import S3Store
from connectors.settings import endpoints, endpoints_file
from connectors.wire import Wire
from engine.failures import Side

LINE = '{cloud_type: AWS, region: us-east-1, endpoint: "http://127.0.0.1:9000"}'


def test_the_first_line_that_serves_wins() -> None:
    found = parse_endpoints(
        f"""
        - {LINE}
        - {{cloud_type: AWS, region: "*", endpoint: "https://s3.example.com"}}
        - {{cloud_type: "*", region: "*", endpoint: "http://other.example.com:81"}}
        """
    )
    assert found.find("AWS", "us-east-1").port == 9000
    assert (found.find("AWS", "eu-west-1").host, found.find("AWS", "eu-west-1").port) == (
        "s3.example.com",
        443,
    )
    assert found.find("HEC", "any").target.authority == "other.example.com:81"


def test_a_line_has_the_defaults_of_its_host() -> None:
    found = parse_endpoints(
        """
        - {cloud_type: HEC, region: a, endpoint: "https://obs.cn-north-4.myhuaweicloud.com"}
        - {cloud_type: HEC, region: b, endpoint: "http://rgw.local:7480"}
        - {cloud_type: AWS, region: c, endpoint: "https://s3.us-west-2.amazonaws.com"}
        - {cloud_type: HEC, region: d, endpoint: "http://10.0.0.1:80", dialect: obs}
        """
    )
    wanted = [
        ("obs", Signature.OBS, Addressing.VIRTUAL),
        ("s3", Signature.V4, Addressing.PATH),
        ("aws", Signature.V4, Addressing.VIRTUAL),
        ("obs", Signature.OBS, Addressing.PATH),
    ]
    assert [(line.dialect.name, line.signature, line.addressing) for line in found.lines] == wanted
    assert all(line.target.route.private_ok for line in found.lines)


def test_connect_ca_and_tls_reach_the_route(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.touch()
    (line,) = parse_endpoints(
        f'[{{cloud_type: AWS, region: r, endpoint: "https://s3.local", connect: "[::1]:9", ca_file: "{ca}", '
        "verify_tls: false, signature: v2, addressing: virtual}]"
    ).lines
    route = line.target.route
    assert (route.connect, route.ca_file, route.verify_tls) == (("::1", 9), str(ca), False)


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "[1]",
        "{",
        "- {cloud_type: AWS, region: r}",
        '- {cloud_type: AWS, region: r, endpoint: "ftp://x"}',
        '- {cloud_type: AWS, region: r, endpoint: "http://x/path"}',
        '- {cloud_type: AWS, region: r, endpoint: "http://user@x"}',
        '- {cloud_type: AWS, region: r, endpoint: "http://x:99999"}',
        '- {cloud_type: AWS, region: r, endpoint: "http://x", dialect: gopher}',
        '- {cloud_type: AWS, region: r, endpoint: "http://x", signature: v5}',
        '- {cloud_type: AWS, region: r, endpoint: "http://x", dialect: obs, signature: v4}',
        '- {cloud_type: AWS, region: r, endpoint: "http://x", addressing: sideways}',
        '- {cloud_type: AWS, region: r, endpoint: "http://x", connect: nowhere}',
        '- {cloud_type: AWS, region: r, endpoint: "http://x", ca_file: /no/such/file}',
        '- {cloud_type: AWS, region: r, endpoint: "http://x", verify_tls: "no"}',
        '- {cloud_type: AWS, region: r, endpoint: "http://x", conect: "x:1"}',
    ],
)
def test_a_wrong_file_is_refused(text: str) -> None:
    with pytest.raises(EndpointError):
        parse_endpoints(text)


def test_no_file_means_the_vendors_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMS_ENDPOINTS", raising=False)
    assert (endpoints_file(), endpoints()) == (None, Endpoints())
    monkeypatch.setenv("OMS_ENDPOINTS", str(tmp_path / "missing.yaml"))
    with pytest.raises(EndpointError):
        endpoints()
    (tmp_path / "there.yaml").write_text(f"- {LINE}\n")
    assert load_endpoints(tmp_path / "there.yaml").find("AWS", "us-east-1").named


@pytest.mark.parametrize(
    ("cloud", "region", "host", "dialect"),
    [
        ("AWS", "eu-west-1", "s3.eu-west-1.amazonaws.com", "aws"),
        ("AWS", "cn-north-1", "s3.cn-north-1.amazonaws.com.cn", "aws"),
        ("HuaweiCloud", "cn-north-4", "obs.cn-north-4.myhuaweicloud.com", "obs"),
        ("HEC", "eu-west-101", "obs.eu-west-101.myhuaweicloud.eu", "obs"),
    ],
)
def test_a_vendor_has_its_own_hosts(cloud: str, region: str, host: str, dialect: str) -> None:
    found = Endpoints().find(cloud, region)
    assert (found.host, found.scheme, found.dialect.name) == (host, "https", dialect)
    assert not found.target.route.private_ok


@pytest.mark.parametrize("region", ["", "x.evil.com/", "a b", "..", "169.254.169.254/", "x@y", "A", "x" * 64])
def test_a_region_cannot_name_another_host(region: str) -> None:
    with pytest.raises(EndpointError):
        Endpoints().find("AWS", region)


def _open(
    cloud: str, bucket: str = "bkt", *, key: str = "AK", secret: str = "SK", text: str = "[]"
) -> object:
    credentials = Credentials(key, SecretStr(secret))
    return open_store(
        Location(cloud, "us-east-1", bucket, Side.SOURCE), credentials, Wire(), parse_endpoints(text)
    )


def test_each_cloud_has_its_store() -> None:
    assert type(_open("AWS")) is S3Store
    assert type(_open("HEC")) is type(_open("HuaweiCloud")) is ObsStore
    assert type(_open("HEC", text=f"[{LINE.replace('AWS', 'HEC')}]")) is S3Store


def test_an_unknown_cloud_has_none() -> None:
    with pytest.raises(UnsupportedCloud):
        _open("Aliyun")


@pytest.mark.parametrize(("key", "secret"), [("", "SK"), ("AK", ""), (" ", "SK"), ("AK", "\t")])
def test_empty_keys_are_refused(key: str, secret: str) -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        _open("AWS", key=key, secret=secret)


@pytest.mark.parametrize("bucket", ["", "a/b", "evil.com/", "a b", "..", "@x", "a?b", "a#b", "-x"])
def test_a_bucket_cannot_name_another_host_or_path(bucket: str) -> None:
    for text in ("[]", f"[{LINE}]"):
        with pytest.raises(ValueError):
            _open("AWS", bucket, text=text)


def test_the_name_of_a_store_shows_no_key() -> None:
    store = _open("AWS", key="AKIAVERYSECRET")
    assert isinstance(store, S3Store)
    assert store.name.startswith("s3.us-east-1.amazonaws.com/bkt@")
    assert "AKIAVERYSECRET" not in store.name
