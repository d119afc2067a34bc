"""What opens an Azure account: its name with a key, or a connection string with a key or a SAS (clouds.md B7 row 2)."""

import re
from base64 import b64decode
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from pydantic import SecretStr

from connectors.locations import Credentials

_ACCOUNT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_SUFFIX = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_BASE = re.compile(r"(/[A-Za-z0-9-]{1,64})?")
_SAS = re.compile(r"[A-Za-z0-9%&=+/:._~-]{1,4096}")
_FIELD = re.compile(r"[A-Za-z]{1,64}")


class BadConnectionString(ValueError):
    """The connection string, or the key in it, cannot be used; the message names the field and no secret."""


@dataclass(frozen=True, slots=True)
class BlobEndpoint:
    """Where an account's blobs are said to be; `base` is a path in front of the container, "" on most hosts."""

    scheme: str
    host: str
    port: int
    base: str = ""


@dataclass(frozen=True, slots=True)
class Opening:
    """Who asks, and where if the connection string says so: an endpoint, or the domain that accounts stand before."""

    account: str
    key: str = field(repr=False)
    sas: str = field(default="", repr=False)
    scheme: str = "https"
    endpoint: BlobEndpoint | None = None
    suffix: str = ""


def is_connection_string(text: str) -> bool:
    """True for anything that names fields; a key in base64 has `=` at its end only."""
    return "=" in text.rstrip("=") or ";" in text


def opening_of(credentials: Credentials) -> Opening:
    """What the credentials say. Raises BadConnectionString; ValueError when they are empty."""
    secret, sas = credentials.secret_key.get_secret_value(), credentials.token.get_secret_value()
    if is_connection_string(secret):
        return parse_connection_string(secret)
    if not credentials.access_key.strip() or not (secret.strip() or sas.strip()):
        raise ValueError("account and key must not be empty")
    return Opening(_account(credentials.access_key), _key(secret) if secret else "", _sas(sas) if sas else "")


def parse_connection_string(text: str) -> Opening:
    """The fields of a connection string. Raises BadConnectionString for what no account can be opened with."""
    fields = _fields(text)
    endpoint = _endpoint(fields["blobendpoint"]) if "blobendpoint" in fields else None
    key, sas = fields.get("accountkey", ""), fields.get("sharedaccesssignature", "")
    if not key and not sas:
        raise BadConnectionString("it holds neither AccountKey nor SharedAccessSignature")
    scheme = fields.get("defaultendpointsprotocol", "https").lower()
    if scheme not in {"http", "https"}:
        raise BadConnectionString("DefaultEndpointsProtocol is neither http nor https")
    suffix = fields.get("endpointsuffix", "").lower()
    if suffix and not _SUFFIX.fullmatch(suffix):
        raise BadConnectionString("EndpointSuffix is no domain")
    return Opening(
        account=_account(fields.get("accountname") or _account_of(endpoint)),
        key=_key(key) if key else "",
        sas=_sas(sas.removeprefix("?")) if sas and not key else "",
        scheme=scheme,
        endpoint=endpoint,
        suffix=suffix,
    )


def _fields(text: str) -> dict[str, str]:
    if not text.strip() or not text.isascii() or not text.strip().isprintable():
        raise BadConnectionString("it is empty or holds characters that cannot be")
    found: dict[str, str] = {}
    for pair in text.strip().strip(";").split(";"):
        name, mark, value = pair.partition("=")
        if not mark or not _FIELD.fullmatch(name.strip()):
            raise BadConnectionString("it is not a row of NAME=VALUE")
        found[name.strip().lower()] = value.strip()
    if found.get("usedevelopmentstorage", "false").lower() != "false":
        raise BadConnectionString("UseDevelopmentStorage names no account")
    return found


def _endpoint(text: str) -> BlobEndpoint:
    try:
        parts = urlsplit(text)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise BadConnectionString("BlobEndpoint is no URL") from error
    base = parts.path.rstrip("/")
    if parts.scheme not in {"http", "https"} or not parts.hostname or not _BASE.fullmatch(base):
        raise BadConnectionString("BlobEndpoint is no http or https URL of an account")
    if parts.query or parts.fragment or parts.username is not None:
        raise BadConnectionString("BlobEndpoint holds more than scheme, host, port and account")
    return BlobEndpoint(parts.scheme, parts.hostname.lower(), port, base)


def _account_of(endpoint: BlobEndpoint | None) -> str:
    if endpoint is None:
        return ""
    return endpoint.base.removeprefix("/") or endpoint.host.partition(".")[0]


def _account(name: str) -> str:
    if not _ACCOUNT.fullmatch(name):
        raise BadConnectionString("AccountName is missing or no account's name")
    return name


def _key(text: str) -> str:
    try:
        if b64decode(text, validate=True):
            return text
    except ValueError:
        pass
    raise BadConnectionString("the account key is not base64")


def _sas(text: str) -> str:
    if not _SAS.fullmatch(text) or "sig=" not in text:
        raise BadConnectionString("SharedAccessSignature is no signed query")
    return text


def credentials_in(text: str) -> Credentials:
    """The account's name, and the whole connection string as its secret. Raises BadConnectionString."""
    return Credentials(parse_connection_string(text).account, SecretStr(text))


def secrets_in(text: str) -> tuple[str, ...]:
    """The parts of a connection string that must not be logged on their own; none of any other text."""
    if not is_connection_string(text):
        return ()
    try:
        opening = parse_connection_string(text)
    except BadConnectionString:
        return ()
    signature = [value for name, value in parse_qsl(opening.sas) if name == "sig"]
    return tuple(part for part in (opening.key, opening.sas, *signature) if part)
