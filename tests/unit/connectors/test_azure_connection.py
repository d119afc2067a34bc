"""Connection strings: what opens an account, at which host, and what is refused (clouds.md B7 row 2)."""

from base64 import b64encode

import pytest
from pydantic import SecretStr

from connectors.azure.connection import (
    BadConnectionString,
    credentials_in,
    opening_of,
    parse_connection_string,
    secrets_in,
)
from connectors.azure.store import AzureStore
from connectors.endpoints import EndpointError, Endpoints, parse_endpoints
from connectors.locations import Credentials, Location
from connectors.registry import open_account, open_store
from connectors.wire import Wire
from engine.failures import Side

KEY = b64encode(b"k" * 64).decode()
SAS = "sv=2021-12-02&sp=rl&sig=a%2Bb%3D"
NAMED = f"DefaultEndpointsProtocol=https;AccountName=acc;AccountKey={KEY};EndpointSuffix=core.windows.net"
WITH_SAS = f"BlobEndpoint=https://acc.blob.core.windows.net/;SharedAccessSignature={SAS}"
NO_LINES = Endpoints()
LINE = '[{cloud_type: Azure, region: "*", endpoint: "http://127.0.0.1:10000", dialect: azure}]'


def _name(credentials: Credentials, region: str = "westeurope", endpoints: Endpoints = NO_LINES) -> str:
    """`scheme://host:port/base` of the store that is opened."""
    location = Location("Azure", region, "box", Side.SOURCE)
    store = open_store(location, credentials, Wire(), endpoints)
    assert isinstance(store, AzureStore)
    target = store._channel.place.target
    return f"{target.scheme}://{target.host}:{target.port}{store._channel._base}"  # type: ignore[attr-defined]


def _keys(connection_string: str) -> Credentials:
    return credentials_in(connection_string)


@pytest.mark.parametrize(
    ("credentials", "region", "url"),
    [
        (Credentials("acc", SecretStr(KEY)), "westeurope", "https://acc.blob.core.windows.net:443"),
        (Credentials("acc", SecretStr(KEY)), "chinanorth2", "https://acc.blob.core.chinacloudapi.cn:443"),
        (Credentials("acc", SecretStr(KEY)), "usgovvirginia", "https://acc.blob.core.usgovcloudapi.net:443"),
        (_keys(NAMED), "westeurope", "https://acc.blob.core.windows.net:443"),
        (
            _keys(f"AccountName=acc;AccountKey={KEY}"),
            "chinaeast",
            "https://acc.blob.core.chinacloudapi.cn:443",
        ),
        (_keys(NAMED.replace("https", "http")), "x", "http://acc.blob.core.windows.net:80"),
        (_keys(WITH_SAS), "x", "https://acc.blob.core.windows.net:443"),
        (
            _keys(f"AccountName=acc;AccountKey={KEY};BlobEndpoint=https://blobs.example.org"),
            "x",
            "https://blobs.example.org:443",
        ),
        (
            _keys(f"BlobEndpoint=https://h.example:444/acc/;AccountKey={KEY}"),
            "x",
            "https://h.example:444/acc",
        ),
    ],
)
def test_an_account_is_found(credentials: Credentials, region: str, url: str) -> None:
    assert _name(credentials, region) == url


@pytest.mark.parametrize("credentials", [Credentials("acc", SecretStr(KEY)), _keys(NAMED), _keys(WITH_SAS)])
def test_the_operators_line_goes_before_what_a_connection_string_says(credentials: Credentials) -> None:
    endpoints = parse_endpoints(LINE)
    assert _name(credentials, endpoints=endpoints) == "http://127.0.0.1:10000/acc"


def test_a_private_address_in_a_connection_string_is_not_dialled_unless_a_line_names_it() -> None:
    told = _keys(f"BlobEndpoint=http://127.0.0.1:10000/acc;AccountKey={KEY}")
    routes = []
    for endpoints in (NO_LINES, parse_endpoints(LINE.replace('"*"', "elsewhere"))):
        store = open_store(Location("Azure", "x", "box", Side.SOURCE), told, Wire(), endpoints)
        assert isinstance(store, AzureStore)
        routes.append(store._channel.place.target.route.private_ok)
    assert routes == [False, True]


def test_a_key_and_a_sas_are_told_apart() -> None:
    with_key, with_sas = parse_connection_string(NAMED), parse_connection_string(WITH_SAS)
    assert (with_key.account, with_key.key, with_key.sas) == ("acc", KEY, "")
    assert (with_sas.account, with_sas.key, with_sas.sas) == ("acc", "", SAS)
    assert opening_of(_keys(NAMED)) == with_key
    assert opening_of(Credentials("acc", SecretStr(""), SecretStr(SAS))).sas == SAS
    assert not {KEY, SAS} & set(f"{with_key!r} {with_sas!r}".replace("'", " ").split())


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "x",
        "AccountName",
        "AccountName=acc",
        f"AccountKey={KEY}",
        "AccountName=acc;AccountKey=not base64!",
        "AccountName=acc;AccountKey=",
        f"AccountName=UPPER;AccountKey={KEY}",
        f"AccountName=a/b;AccountKey={KEY}",
        f"AccountName=acc;AccountKey={KEY};EndpointSuffix=a/b",
        f"AccountName=acc;AccountKey={KEY};EndpointSuffix=evil.example?",
        f"AccountName=acc;AccountKey={KEY};DefaultEndpointsProtocol=ftp",
        f"AccountName=acc;AccountKey={KEY};BlobEndpoint=gopher://h",
        f"AccountName=acc;AccountKey={KEY};BlobEndpoint=https://u:p@h",
        f"AccountName=acc;AccountKey={KEY};BlobEndpoint=https://h/a/b",
        f"AccountName=acc;AccountKey={KEY};BlobEndpoint=https://h:port",
        "AccountName=acc;SharedAccessSignature=sv=1\r\nx: y",
        "AccountName=acc;SharedAccessSignature=sv=1&sp=r",
        "UseDevelopmentStorage=true",
        f"AccountName=acc;AccountKey={KEY};ü=1",
    ],
)
def test_what_opens_no_account_is_refused_without_its_secret(text: str) -> None:
    with pytest.raises(BadConnectionString) as refused:
        parse_connection_string(text)
    assert KEY not in str(refused.value)


@pytest.mark.parametrize(
    ("credentials", "container"),
    [
        (Credentials("", SecretStr(KEY)), "box"),
        (Credentials("acc", SecretStr("")), "box"),
        (Credentials("acc", SecretStr("no base64!")), "box"),
        (Credentials("acc", SecretStr(KEY)), "UPPER"),
        (Credentials("acc", SecretStr(KEY)), "a/b"),
        (Credentials("acc", SecretStr(KEY)), "a--b"),
        (Credentials("acc", SecretStr(KEY)), ""),
    ],
)
def test_no_store_is_opened_without_keys_or_with_no_containers_name(
    credentials: Credentials, container: str
) -> None:
    with pytest.raises(ValueError):
        open_store(Location("Azure", "x", container, Side.SOURCE), credentials, Wire(), NO_LINES)


def test_special_containers_and_the_account_itself_can_be_opened() -> None:
    keys = Credentials("acc", SecretStr(KEY))
    assert open_store(Location("Azure", "x", "$web", Side.SOURCE), keys, Wire(), NO_LINES)
    assert open_account("Azure", "x", keys, Wire(), NO_LINES)


def test_the_parts_of_a_connection_string_are_secrets_too() -> None:
    assert secrets_in(NAMED) == (KEY,)
    assert secrets_in(WITH_SAS) == (SAS, "a+b=")
    assert secrets_in(KEY) == secrets_in("a=b") == ()


@pytest.mark.parametrize("cloud", ["AWS", "HEC"])
def test_the_dialect_is_azures_own(cloud: str) -> None:
    endpoints = parse_endpoints(LINE.replace("Azure", cloud))
    keys = Credentials("acc", SecretStr(KEY))
    with pytest.raises(EndpointError):
        open_store(Location(cloud, "x", "box", Side.SOURCE), keys, Wire(), endpoints)
