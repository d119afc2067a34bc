"""Service accounts of Google for tests: key pairs made once a process, and the key files that people download."""

import json
from functools import cache

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

PROJECT = "a-project"
GOOGLES_OWN = "https://oauth2.googleapis.com/token"


@cache
def private_pem(name: str) -> str:
    """The private key of a name."""
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@cache
def public_pem(name: str) -> str:
    """The public one, as the store server wants it for an account's secret."""
    public = load_pem_private_key(private_pem(name).encode(), None).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def address(access_key: str) -> str:
    """The account that the store server knows under an access key."""
    return f"{access_key}@{PROJECT}.iam.gserviceaccount.com"


def key_file(access_key: str, token_url: str = GOOGLES_OWN, *, key: str = "right", **changes: object) -> str:
    """The key file of an account, with the private key of the name `key`."""
    fields: dict[str, object] = {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "0123456789abcdef0123456789abcdef01234567",
        "private_key": private_pem(key),
        "client_email": address(access_key),
        "client_id": "123456789012345678901",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": token_url,
        "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
        "universe_domain": "googleapis.com",
    }
    return json.dumps(fields | changes)
