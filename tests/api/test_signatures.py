"""AK/SK signatures, as vectors and over the wire (oms-behaviour 7.2, checks 82 to 86 and 90)."""

import asyncio
import hashlib
import http.client
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

from api.iam.signing import BadSignature, Claim, SignedRequest, check_claim, matches, parse_authorization
from ledger import iam_admin, sessions
from ledger.seal import KeyRing, access_token_place
from tests.api.service import Account, Service, task_body

PROJECT = "0123456789abcdef0123456789abcdef"
HEADERS = {
    "content-type": "application/json",
    "host": "127.0.0.1:8080",
    "user-agent": "demo",
    "x-project-id": PROJECT,
    "x-sdk-date": "20240102T030405Z",
}
FORM = {
    **HEADERS,
    "content-type": "application/x-www-form-urlencoded",
    "x-sdk-content-sha256": "UNSIGNED-PAYLOAD",
}
NOW = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
TASKS = f"/v2/{PROJECT}/tasks"


def vector(request: SignedRequest, signature: str, info: str = "") -> tuple[Claim, SignedRequest]:
    """A claim over all headers of a request."""
    return Claim("AKEXAMPLE", info, tuple(sorted(request.headers)), signature), request


VECTORS = [
    vector(
        SignedRequest("GET", TASKS, "limit=10&offset=0&status=2", HEADERS, b""),
        "3f049d3f1a1b0411bdc5062b7023f971d158cd63d632c6b74979b4eeb0235d2f",
    ),
    vector(
        SignedRequest("POST", TASKS, "", HEADERS, b'{"task_type":"object"}'),
        "fe125c3c487be6e46858dec0a78d22adcbdcd267c50ee39e47036142631d5aba",
    ),
    vector(
        SignedRequest("GET", f"/v2/{PROJECT}/sync-tasks/a%2Fb%20c", "query_time=1700000000000", HEADERS, b""),
        "b81f8940568a8747ba201f36dcf281faefd648540bde6c57365e1d237331d473",
    ),
    vector(
        SignedRequest("POST", TASKS, "", FORM, b"x=1"),
        "b4ac9623cb31b9e268ce4d56f5131a398facc078f969abe169571c4b95717198",
    ),
    vector(
        SignedRequest("GET", TASKS, "", HEADERS, b""),
        "55e217e50a8679e5395e7a28a009cacd5307fe8d2fe074689ca58af884441d1e",
        "20240102/cn-north-4/oms",
    ),
    vector(
        SignedRequest("GET", TASKS, "c=x%20y~%2A%2B%2F&b=2&b=1&a=true", HEADERS, b""),
        "4a1dfb2e562a93d27713ab42b0758cc803b7994c0160715ca233ed08a6d66c8c",
    ),
]


@pytest.mark.check(82)
@pytest.mark.parametrize(("claim", "request_"), VECTORS)
def test_the_six_vectors_verify(claim: Claim, request_: SignedRequest) -> None:
    """Check 82, first half."""
    check_claim(claim, request_, NOW)
    assert matches(claim, request_, "SKEXAMPLE")


@pytest.mark.check(82)
@pytest.mark.parametrize(("claim", "request_"), VECTORS)
def test_every_signed_element_counts(claim: Claim, request_: SignedRequest) -> None:
    """Check 82, second half: each element altered alone."""
    altered = [
        replace(request_, method="PUT"),
        replace(request_, path=request_.path + "x"),
        replace(request_, query=(request_.query + "&z=1").lstrip("&")),
        *[
            replace(request_, headers={**request_.headers, name: value + "1"})
            for name, value in request_.headers.items()
        ],
    ]
    if request_.body and "x-sdk-content-sha256" not in request_.headers:
        altered.append(replace(request_, body=request_.body + b" "))
    assert all(not matches(claim, other, "SKEXAMPLE") for other in altered)
    assert not matches(claim, request_, "SKEXAMPLF")
    flipped = claim.signature[:-1] + ("0" if claim.signature[-1] != "0" else "1")
    assert not matches(replace(claim, signature=flipped), request_, "SKEXAMPLE")


@pytest.mark.check(85)
def test_the_window_is_fifteen_minutes_either_way() -> None:
    """Check 85."""
    claim, request = VECTORS[0]
    for minutes in (-15, 15):
        check_claim(claim, request, NOW + timedelta(minutes=minutes))
    for minutes in (-16, 16):
        with pytest.raises(BadSignature):
            check_claim(claim, request, NOW + timedelta(minutes=minutes))


@pytest.mark.check(83, 84)
def test_a_stated_hash_must_be_the_bodys_and_unsigned_payload_be_signed() -> None:
    """Checks 83 and 84."""
    claim, empty = VECTORS[0]
    garbage = replace(empty, headers={**empty.headers, "x-sdk-content-sha256": "garbage"})
    check_claim(claim, garbage, NOW)
    assert matches(claim, garbage, "SKEXAMPLE")
    full = replace(garbage, body=b"{}")
    with pytest.raises(BadSignature):
        check_claim(claim, full, NOW)
    stated = replace(
        full, headers={**empty.headers, "x-sdk-content-sha256": hashlib.sha256(b"{}").hexdigest()}
    )
    check_claim(claim, stated, NOW)
    unsigned = replace(full, headers={**empty.headers, "x-sdk-content-sha256": "UNSIGNED-PAYLOAD"})
    with pytest.raises(BadSignature):
        check_claim(claim, unsigned, NOW)


@pytest.mark.parametrize("name", ["host", "x-sdk-date"])
def test_host_and_date_must_be_signed(name: str) -> None:
    claim, request = VECTORS[0]
    fewer = replace(claim, signed_headers=tuple(other for other in claim.signed_headers if other != name))
    with pytest.raises(BadSignature):
        check_claim(fewer, request, NOW)


@pytest.mark.parametrize(
    "value",
    ["", "Basic abc", "SDK-HMAC-SHA256", "SDK-HMAC-SHA256 Access=a", "SDK-HMAC-SM3 Access=a, SignedHeaders=host",
     "SDK-HMAC-SHA256 Access=a, SignedHeaders=host, Signature=zz",
     f"SDK-HMAC-SHA256 Access=, SignedHeaders=host, Signature={'0' * 64}",
     f"SDK-HMAC-SHA256 Access=a/b, SignedHeaders=host, Signature={'0' * 64}",
     f"SDK-HMAC-SHA256 Access=a, SignedHeaders=host;;x, Signature={'0' * 64}",
     f"V11-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature={'0' * 64}"],
)  # fmt: skip
def test_other_authorization_headers_prove_nothing(value: str) -> None:
    with pytest.raises(BadSignature):
        parse_authorization(value)


def signed(api: Service, who: Account, method: str, path: str, body: str = "", **headers: str) -> Any:
    """A request signed by the vendor's own signer."""
    sdk = SdkRequest(
        method=method,
        schema="http",
        host=f"127.0.0.1:{api.port}",
        resource_path=path,
        query_params=[],
        header_params={"Content-Type": "application/json", **headers},
        body=body,
    )
    Signer(BasicCredentials(who.access_key, who.secret_key, who.project_id)).sign(sdk)
    sdk.header_params["Host"] = sdk.host
    return sdk


def send(api: Service, request: Any, path: str | None = None) -> int:
    """Sends it; the status."""
    body = request.body if isinstance(request.body, bytes) else (request.body or "").encode()
    return api.send(request.method, path or request.uri, body or None, request.header_params).status


@pytest.mark.check(82, 85)
def test_the_vendors_signer_is_accepted_and_any_change_is_not(api: Service, ann: Account) -> None:
    path = f"/v2/{ann.project_id}/tasks"
    good = signed(api, ann, "GET", path)
    assert send(api, good) == 200
    for name, value in (
        ("X-Sdk-Date", "20200101T000000Z"),
        ("Authorization", good.header_params["Authorization"][:-1]),
    ):
        bad = signed(api, ann, "GET", path)
        bad.header_params[name] = value
        assert send(api, bad) == 401
    assert send(api, signed(api, replace(ann, secret_key="x"), "GET", path)) == 401
    assert send(api, signed(api, replace(ann, access_key="NOBODY"), "GET", path)) == 401
    assert send(api, signed(api, ann, "GET", path), path + "?limit=5") == 401
    off = (datetime.now(UTC) - timedelta(minutes=16)).strftime("%Y%m%dT%H%M%SZ")
    assert send(api, signed(api, ann, "GET", path, **{"X-Sdk-Date": off})) == 401


def test_a_signed_body_cannot_be_swapped(api: Service, ann: Account) -> None:
    import json

    path = f"/v2/{ann.project_id}/tasks"
    request = signed(api, ann, "POST", path, json.dumps(task_body()))
    assert send(api, request) == 200
    request.body = json.dumps(task_body(description="other"))
    assert send(api, request) == 401


@pytest.mark.check(90)
def test_an_encoded_slash_in_an_id_verifies_and_names_nothing(api: Service, ann: Account) -> None:
    """Check 90."""
    path = f"/v2/{ann.project_id}/tasks/a%2Fb"
    answer = api.send("GET", path, None, signed(api, ann, "GET", path).header_params)
    assert answer.status in (400, 404)
    assert answer.code in ("OMS.0054", "OMS.1009")


def test_a_key_reaches_its_accounts_projects_only(api: Service, ann: Account) -> None:
    bob = api.account()
    path = f"/v2/{bob.project_id}/tasks"
    answer = api.send("GET", path, None, signed(api, ann, "GET", path).header_params)
    assert (answer.status, answer.code) == (403, "OMS.2001")
    other = signed(api, ann, "GET", f"/v2/{ann.project_id}/tasks", **{"X-Project-Id": bob.project_id})
    assert send(api, other) == 403


@pytest.mark.check(86)
def test_a_temporary_key_needs_its_token_signed(api: Service, ann: Account) -> None:
    """Check 86."""
    ring = KeyRing.read(api.key_file)
    sealed = ring.seal(access_token_place(ann.access_key), b"session")
    api.sql("UPDATE access_key SET sealed_token = %s WHERE access_key = %s", sealed.content, ann.access_key)
    path = f"/v2/{ann.project_id}/tasks"
    assert send(api, signed(api, ann, "GET", path, **{"X-Security-Token": "session"})) == 200
    assert send(api, signed(api, ann, "GET", path, **{"X-Security-Token": "other"})) == 401
    assert send(api, signed(api, ann, "GET", path)) == 401
    late = signed(api, ann, "GET", path)
    late.header_params["X-Security-Token"] = "session"
    assert send(api, late) == 401
    api.sql("UPDATE access_key SET expires_at = clock_timestamp() WHERE access_key = %s", ann.access_key)
    assert send(api, signed(api, ann, "GET", path, **{"X-Security-Token": "session"})) == 401


def test_a_header_that_comes_twice_is_refused(api: Service, ann: Account) -> None:
    path = f"/v2/{ann.project_id}/tasks"
    headers = signed(api, ann, "GET", path).header_params
    connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=10)
    connection.putrequest("GET", path, skip_host=True)
    for name, value in [*headers.items(), ("X-Sdk-Date", "20200101T000000Z")]:
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == 401
    connection.close()


def test_a_voided_key_and_a_disabled_user_are_refused_at_once(api: Service, ann: Account) -> None:
    path = f"/v2/{ann.project_id}/tasks"
    token = {"X-Auth-Token": api.token(ann)}

    async def change(work: Any) -> None:
        engine = sessions.create_engine(api.database_url, size=1)
        async with engine.begin() as connection:
            await work(connection)
        await engine.dispose()

    asyncio.run(change(lambda connection: iam_admin.end_access_key(connection, ann.access_key)))
    assert send(api, signed(api, ann, "GET", path)) == 401
    assert api.send("GET", path, None, token).status == 200

    async def disable(connection: Any) -> None:
        user = next(user for user in await iam_admin.users(connection) if user.id == ann.user_id)
        await iam_admin.set_enabled(connection, user, enabled=False)

    asyncio.run(change(disable))
    assert api.send("GET", path, None, token).status == 401
