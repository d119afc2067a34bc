"""A service account's key file, as people paste it into `json_auth_file` (OMS 5.2.3, clouds.md B6 row 2)."""

import re
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import SecretStr

from connectors.locations import Credentials
from connectors.s3.json_answers import Answer, BrokenJson

_FORMS: Final = {
    "client_email": re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}@[A-Za-z0-9][A-Za-z0-9.-]{0,252}"),
    "private_key_id": re.compile(r"[A-Za-z0-9_-]{1,128}"),
    "project_id": re.compile(r"[a-z0-9][a-z0-9.:-]{0,99}"),
}
_FEWEST_BITS: Final = 2048
# Room for 4,096 bits; checking a much longer key takes seconds.
_LONGEST_PEM: Final = 3_600


class KeyFileError(ValueError):
    """A key file cannot be used. Its words name what is at fault and never show it."""


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """Who asks, with which key, in which project, and where its tokens are to be had."""

    email: str
    key_id: str
    project: str
    token_url: str
    key: RSAPrivateKey = field(repr=False)


def read_account(text: str) -> ServiceAccount:
    """The account of a key file. Raises KeyFileError."""
    fields = _fields(text)
    return ServiceAccount(
        email=fields["client_email"],
        key_id=fields["private_key_id"],
        project=fields["project_id"],
        token_url=fields["token_uri"],
        key=_private_key(fields["private_key"]),
    )


def _fields(text: str) -> dict[str, str]:
    names = ("type", "private_key", "token_uri", *_FORMS)
    try:
        answer = Answer.parse(text.encode())
        fields = {name: answer.text(name) for name in names}
    except (BrokenJson, UnicodeEncodeError):
        # Neither the error nor its cause may tell of what stands in the file.
        raise KeyFileError("it is not the JSON of a service account's key") from None
    if fields["type"] != "service_account":
        raise KeyFileError("type is not service_account")
    for name, form in _FORMS.items():
        if not form.fullmatch(fields[name]):
            raise KeyFileError(f"{name} is missing or malformed")
    return fields


def private_key_in(text: str) -> str:
    """The private key of a key file, "" for other texts: what a log must not show although the file was split up."""
    try:
        return Answer.parse(text.encode()).text("private_key")
    except (BrokenJson, UnicodeEncodeError):
        return ""


def credentials_of(text: str) -> Credentials:
    """A key file as credentials: the account's address, and the whole file as the secret.

    Raises KeyFileError; the private key itself is not looked at, which takes some ten milliseconds.
    """
    return Credentials(_fields(text)["client_email"], SecretStr(text))


def _private_key(text: str) -> RSAPrivateKey:
    if len(text) > _LONGEST_PEM:
        raise KeyFileError("private_key is too long")
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyFileError("private_key is no PEM key") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < _FEWEST_BITS:
        raise KeyFileError(f"private_key is no RSA key of {_FEWEST_BITS} bits or more")
    return key
