"""Key files of service accounts: what is read, what is refused, and which token URLs may be dialled."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption
from cryptography.hazmat.primitives.serialization import PrivateFormat as Format
from pydantic import SecretStr

from connectors.endpoints import EndpointError, parse_endpoints
from connectors.google.accounts import credentials_of, read_account
from connectors.google.store import GoogleStore
from connectors.google.tokens import token_url
from connectors.locations import Credentials, Location
from connectors.registry import open_account, open_store
from connectors.wire import Wire
from engine.failures import Side
from tests.google_accounts import GOOGLES_OWN, PROJECT, address, key_file

NONE = parse_endpoints("[]")
HERE = parse_endpoints(
    """
    - {cloud_type: Google, region: a, endpoint: "http://127.0.0.1:9000", dialect: google}
    - {cloud_type: AWS, region: "*", endpoint: "http://127.0.0.1:9001"}
    """
)


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes = b"") -> str:
    sealing = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, Format.PKCS8, sealing).decode()


def test_a_key_file_is_read() -> None:
    account = read_account(key_file("reader"))
    assert (account.email, account.project, account.token_url) == (address("reader"), PROJECT, GOOGLES_OWN)
    assert "PRIVATE" not in repr(account)
    assert "key=" not in repr(account)
    found = credentials_of(key_file("reader"))
    assert (found.access_key, "PRIVATE" in repr(found)) == (address("reader"), False)


WRONG: list[tuple[str, dict[str, object]]] = [
    ("type", {"type": "external_account"}),
    ("type", {"type": "authorized_user"}),
    ("JSON", {"type": None}),
    ("client_email", {"client_email": ""}),
    ("client_email", {"client_email": "no address"}),
    ("client_email", {"client_email": "a@b\r\nx"}),
    ("private_key_id", {"private_key_id": ""}),
    ("project_id", {"project_id": ""}),
    ("project_id", {"project_id": "a/b"}),
    ("private_key", {"private_key": ""}),
    ("private_key", {"private_key": "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n"}),
    ("private_key", {"private_key": _pem(ec.generate_private_key(ec.SECP256R1()))}),
    ("private_key", {"private_key": _pem(rsa.generate_private_key(65537, 1024))}),
    ("private_key", {"private_key": _pem(rsa.generate_private_key(65537, 2048), b"canary")}),
    ("JSON", {"private_key": 5}),
]


@pytest.mark.parametrize(("named", "changes"), WRONG)
def test_a_wrong_field_is_named_and_never_shown(named: str, changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=named) as caught:
        read_account(key_file("reader", **changes))  # type: ignore[arg-type]  # the file may hold anything
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "canary", '{"type": "service_account"', "\ud800"])
def test_what_is_no_key_file_is_refused(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_account(text)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        GOOGLES_OWN,
        "https://accounts.google.com/o/oauth2/token",
        "https://www.googleapis.com/oauth2/v4/token",
    ],
)
def test_googles_own_token_urls_are_dialled_publicly(url: str) -> None:
    place = token_url(url, HERE)
    assert f"https://{place.target.authority}{place.path}" == url
    assert place.target.route.private_ok is False


def test_a_host_that_the_operator_named_is_dialled() -> None:
    place = token_url("http://127.0.0.1:9000/token", HERE)
    assert (place.target.authority, place.path, place.target.route.private_ok) == (
        "127.0.0.1:9000",
        "/token",
        True,
    )


@pytest.mark.parametrize(
    "url",
    [
        "",
        "token",
        "http://oauth2.googleapis.com/token",
        "https://oauth2.googleapis.com:8443/token",
        "https://oauth2.googleapis.com/token?x=y",
        "https://oauth2.googleapis.com.evil.example/token",
        "https://evil.example/token",
        "http://169.254.169.254/computeMetadata/v1/",
        "http://127.0.0.1:9001/token",
        "https://127.0.0.1:9000/token",
        "http://127.0.0.1/token",
        "http://127.0.0.1:9000/token?x=y",
        "file:///etc/passwd",
    ],
)
def test_any_other_token_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="token_uri"):
        token_url(url, HERE)
    if "127.0.0.1" not in url:
        with pytest.raises(ValueError, match="token_uri"):
            _open(key_file("reader", url))


def _open(secret: str, line: str = "") -> object:
    location = Location("Google", "europe-west4", "bkt", Side.SOURCE)
    return open_store(location, Credentials("x", SecretStr(secret)), Wire(), parse_endpoints(f"[{line}]"))


def test_all_regions_are_on_one_host() -> None:
    store = _open(key_file("reader"))
    assert isinstance(store, GoogleStore)
    assert store.name.startswith("storage.googleapis.com/bkt@")
    account = open_account("Google", "us", credentials_of(key_file("reader")), Wire(), NONE)
    assert isinstance(account, GoogleStore)


def test_a_host_of_the_operators_needs_the_dialect() -> None:
    line = '{cloud_type: Google, region: "*", endpoint: "http://127.0.0.1:9000"'
    with pytest.raises(EndpointError, match="dialect google"):
        _open(key_file("reader"), line + "}")
    assert isinstance(_open(key_file("reader"), line + ", dialect: google}"), GoogleStore)


@pytest.mark.parametrize("secret", ["", " ", json.dumps({"type": "service_account"})])
def test_nothing_is_opened_without_a_key_file(secret: str) -> None:
    with pytest.raises(ValueError):
        _open(secret)
