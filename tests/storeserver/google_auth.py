"""Tokens as Google hands them out: for an assertion that the account's key has signed, and good for an hour.

An account's access key is the name before the `@` of its address; its secret is the public key in PEM.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import time
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.storeserver.config import StoreConfig
from tests.storeserver.message import Request, Response, S3Error, parse_query
from tests.storeserver.objects import body_bytes
from tests.storeserver.service import Service

AUDIENCE = "https://oauth2.googleapis.com/token"
GRANT = b"urn:ietf:params:oauth:grant-type:jwt-bearer"
_LONGEST_S = 3600
_SECRET = os.urandom(32)
_SCOPES = "https://www.googleapis.com/auth/"
_WRITING = {
    f"{_SCOPES}devstorage.read_write",
    f"{_SCOPES}devstorage.full_control",
    f"{_SCOPES}cloud-platform",
}
_READING = _WRITING | {f"{_SCOPES}devstorage.read_only"}
_WRITES = frozenset(
    {"put", "delete", "initiate", "upload_part", "complete", "abort", "copy", "create_bucket"}
)


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as broken:
        raise _refused("Invalid JWT.") from broken


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _refused(words: str) -> S3Error:
    return S3Error(400, "invalid_grant", words)


def issue(service: Service, request: Request) -> Response:
    """POST of an assertion: a token."""
    form = parse_query(body_bytes(request))
    if form.get("grant_type") != GRANT or form.get("assertion", b"").count(b".") != 2:
        raise S3Error(400, "unsupported_grant_type", "Invalid grant_type")
    signed, _, signature = form["assertion"].rpartition(b".")
    header, claims = (_object(part) for part in signed.split(b"."))
    access_key = str(claims.get("iss", "")).partition("@")[0]
    _check_signature(service.config, access_key, header, signed, _decoded(signature))
    _check_claims(service.config, claims)
    token = orjson.dumps([access_key, claims["scope"], time.time() + service.config.token_seconds])
    mac = hmac.digest(_SECRET, token, "sha256")
    answer = {
        "access_token": (_encoded(token) + b"." + _encoded(mac)).decode(),
        "expires_in": service.config.token_seconds,
        "token_type": "Bearer",
    }
    return Response(200, [("Content-Type", "application/json; charset=utf-8")], orjson.dumps(answer))


def _object(part: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(_decoded(part))
    except ValueError as broken:
        raise _refused("Invalid JWT.") from broken
    if not isinstance(found, dict):
        raise _refused("Invalid JWT.")
    return found


def _check_signature(
    config: StoreConfig, access_key: str, header: dict[str, Any], signed: bytes, signature: bytes
) -> None:
    account = config.keys.get(access_key)
    if account is None:
        raise _refused("Invalid grant: account not found")
    key = load_pem_public_key(account.secret.encode())
    assert isinstance(key, RSAPublicKey)
    if header.get("alg") != "RS256" or header.get("typ") != "JWT" or not header.get("kid"):
        raise _refused("Invalid JWT.")
    try:
        key.verify(signature, signed, PKCS1v15(), SHA256())
    except InvalidSignature as wrong:
        raise _refused("Invalid JWT Signature.") from wrong


def _check_claims(config: StoreConfig, claims: dict[str, Any]) -> None:
    if claims.get("aud") != AUDIENCE:
        raise _refused("Invalid JWT: Failed audience check.")
    begin, end = claims.get("iat"), claims.get("exp")
    if not isinstance(begin, int) or not isinstance(end, int):
        raise _refused("Invalid JWT: iat and exp are needed.")
    now = time.time()
    timely = abs(begin - now) <= config.skew_seconds and now < end <= begin + _LONGEST_S
    if not timely:
        raise _refused(
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
            "Check your iat and exp values in the JWT claim."
        )
    if not set(str(claims.get("scope", "")).split()) & _READING:
        raise S3Error(400, "invalid_scope", "Invalid OAuth scope or ID token audience provided.")


def verify(request: Request, config: StoreConfig, header: str) -> str:
    """The access key behind a bearer token; raises S3Error."""
    scheme, _, token = header.partition(" ")
    body, _, mac = token.encode("latin-1").partition(b".")
    try:
        text = _decoded(body)
        genuine = scheme == "Bearer" and hmac.compare_digest(
            hmac.digest(_SECRET, text, "sha256"), _decoded(mac)
        )
    except S3Error:
        genuine = False
    if not genuine:
        raise S3Error(401, "authError", "Invalid Credentials")
    access_key, scope, ends_at = orjson.loads(text)
    if time.time() >= ends_at or access_key not in config.keys:
        raise S3Error(401, "authError", "Invalid Credentials")
    if request.op in _WRITES and not set(scope.split()) & _WRITING:
        code = "insufficientPermissions" if request.rest else "AccessDenied"
        raise S3Error(403, code, "Provided scope(s) are not authorized")
    return str(access_key)
