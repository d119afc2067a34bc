"""Tokens, projects, accounts (oms-behaviour 7.1; checks 87 and 89)."""

import asyncio
import secrets
import time
from dataclasses import replace

import pytest

from api.iam.logins import MAX_DELAY, MOST_WAITING, Logins, TooManyLogins
from ledger.iam import Role
from tests.api.service import Account, Service, login, task_body


@pytest.mark.check(89)
def test_a_password_buys_a_project_token_for_a_day(api: Service, ann: Account) -> None:
    """Check 89."""
    answer = api.send("POST", "/v3/auth/tokens", login(ann, {"project": {"name": ann.project_name}}))
    assert answer.status == 201
    token = answer.headers["x-subject-token"]
    content = answer.json["token"]
    assert content["project"] == {
        "id": ann.project_id,
        "name": ann.project_name,
        "domain": {"id": ann.domain.id, "name": ann.domain.name},
    }
    assert content["user"]["name"] == ann.user
    assert content["expires_at"][11:] == content["issued_at"][11:]
    path = f"/v2/{ann.project_id}/tasks"
    assert api.send("GET", path, None, {"X-Auth-Token": token}).status == 200
    stored = api.sql("SELECT sha256, expires_at - issued_at FROM token WHERE principal_id = %s", ann.user_id)
    assert stored[0][1].total_seconds() == 86_400
    assert token.encode() not in bytes(stored[0][0])
    checked = api.send("GET", "/v3/auth/tokens", None, {"X-Auth-Token": token, "X-Subject-Token": token})
    assert (checked.status, checked.json) == (200, answer.json)


def test_an_expired_token_is_invalid(api: Service, ann: Account) -> None:
    token = {"X-Auth-Token": api.token(ann)}
    api.sql("UPDATE token SET expires_at = clock_timestamp() WHERE principal_id = %s", ann.user_id)
    answer = api.send("GET", f"/v2/{ann.project_id}/tasks", None, token)
    assert (answer.status, answer.code) == (401, "OMS.0068")


@pytest.mark.check(87)
def test_tokens_of_other_scopes_do_not_open_a_project(api: Service, ann: Account) -> None:
    """Check 87."""
    bob = api.account()
    other = api.send("GET", f"/v2/{bob.project_id}/tasks", None, {"X-Auth-Token": api.token(ann)})
    assert (other.status, other.code) == (403, "OMS.2001")
    for scope in (None, {"domain": {"name": ann.domain.name}}):
        answer = api.send("POST", "/v3/auth/tokens", login(ann, scope))
        assert answer.status == 201
        assert answer.json["token"]["domain"]["id"] == ann.domain.id
        token = {"X-Auth-Token": answer.headers["x-subject-token"]}
        refused = api.send("GET", f"/v2/{ann.project_id}/tasks", None, token)
        assert (refused.status, refused.code) == (403, "OMS.2001")
        assert api.send("GET", "/v3/projects", None, token).status == 200
    for scope in ({"project": {"id": bob.project_id}}, {"domain": {"name": bob.domain.name}}):
        refused = api.send("POST", "/v3/auth/tokens", login(ann, scope))
        assert (refused.status, refused.code) == (403, "OMS.2001")


@pytest.mark.check(87)
def test_nothing_supplied_and_nonsense_supplied_are_told_apart(api: Service, ann: Account) -> None:
    """Check 87."""
    path = f"/v2/{ann.project_id}/tasks"
    nothing = api.send("GET", path)
    assert (nothing.status, nothing.code) == (401, "OMS.9999")
    for headers in ({"X-Auth-Token": "x"}, {"Authorization": "Basic x"}):
        nonsense = api.send("GET", path, None, headers)
        assert (nonsense.status, nonsense.code) == (401, "OMS.0068")
    long = api.send("GET", path, None, {"X-Auth-Token": "x" * 16_385})
    assert (long.status, long.code) == (403, "S3M.0163")
    first = api.send("POST", path, task_body(description="^"))
    assert first.status == 401


@pytest.mark.parametrize("change", ["password", "user", "domain"])
def test_a_wrong_login_tells_nothing(api: Service, ann: Account, change: str) -> None:
    body = login(ann, None)
    user = body["auth"]["identity"]["password"]["user"]
    if change == "domain":
        user["domain"]["name"] = "nobody"
    else:
        user["name" if change == "user" else "password"] = "nobody"
    answer = api.send("POST", "/v3/auth/tokens", body)
    assert (answer.status, answer.code) == (401, "OMS.0068")
    assert "x-subject-token" not in answer.headers


@pytest.mark.parametrize(
    ("body", "code"),
    [({}, "OMS.1004"), ({"auth": {"identity": {"methods": ["totp"], "password": {}}}}, "OMS.1004"),
     ({"auth": 5}, "OMS.1002"), (b"{", "OMS.0067"), (b"", "OMS.1004")],
)  # fmt: skip
def test_wrong_login_bodies_are_refused(api: Service, body: object, code: str) -> None:
    answer = api.send("POST", "/v3/auth/tokens", body)
    assert (answer.status, answer.code) == (400, code)


def test_projects_and_accounts_are_the_callers_own(api: Service, ann: Account) -> None:
    api.account()
    token = {"X-Auth-Token": api.token(ann)}
    for path in ("/v3/projects", f"/v3/projects?name={ann.project_name}", "/v3/auth/projects"):
        found = api.send("GET", path, None, token).json["projects"]
        assert [(project["id"], project["domain_id"]) for project in found] == [
            (ann.project_id, ann.domain.id)
        ]
    assert api.send("GET", "/v3/projects?name=nothing", None, token).json["projects"] == []
    assert api.send("GET", "/v3/projects?domain_id=other", None, token).json["projects"] == []
    domains = api.send("GET", "/v3/auth/domains", None, token).json["domains"]
    assert [domain["id"] for domain in domains] == [ann.domain.id]


def test_another_accounts_token_cannot_be_looked_into(api: Service, ann: Account) -> None:
    bob = api.account()
    headers = {"X-Auth-Token": api.token(ann), "X-Subject-Token": api.token(bob)}
    answer = api.send("GET", "/v3/auth/tokens", None, headers)
    assert (answer.status, answer.code) == (404, "OMS.1009")
    del headers["X-Subject-Token"]
    assert api.send("GET", "/v3/auth/tokens", None, headers).code == "OMS.1004"


async def test_failed_logins_wait_longer_but_never_for_ever() -> None:
    logins = Logins()
    who = ("ann",)
    assert logins.delay(who) == 0
    delays = []
    for _ in range(40):
        logins._note("ann", failed=True)
        delays.append(logins.delay(who))
    assert delays[0] == 0
    assert delays == sorted(delays)
    assert delays[-1] == MAX_DELAY
    assert logins.delay(("bob",)) == 0
    logins._note("ann", failed=False)
    assert logins.delay(who) == 0


def test_repeated_wrong_passwords_are_answered_slower(api: Service, ann: Account) -> None:
    wrong = login(ann, None, password="wrong")
    seconds = []
    for _ in range(5):
        began = time.monotonic()
        assert api.send("POST", "/v3/auth/tokens", wrong).status == 401
        seconds.append(time.monotonic() - began)
    assert seconds[-1] > 0.4
    assert api.send("POST", "/v3/auth/tokens", login(ann, None)).status == 201


def test_tokens_are_voided_by_their_owner_or_an_administrator(api: Service, ann: Account) -> None:
    mine, foreign = api.token(ann), api.token(api.account())
    sent = {"X-Auth-Token": mine, "X-Subject-Token": foreign}
    other = api.send("DELETE", "/v3/auth/tokens", None, sent)
    assert (other.status, other.code) == (404, "OMS.1009")
    assert (
        api.send("DELETE", "/v3/auth/tokens", None, {"X-Auth-Token": mine, "X-Subject-Token": "x"}).status
        == 404
    )
    again = api.send("POST", "/v3/auth/tokens", login(ann, None)).headers["x-subject-token"]
    voided = api.send("DELETE", "/v3/auth/tokens", None, {"X-Auth-Token": again, "X-Subject-Token": mine})
    assert (voided.status, voided.body) == (204, b"")
    answer = api.send("GET", f"/v2/{ann.project_id}/tasks", None, {"X-Auth-Token": mine})
    assert (answer.status, answer.code) == (401, "OMS.0068")
    assert api.sql("SELECT action FROM audit WHERE project_id = %s", ann.project_id) == [("revokeToken",)]


def test_a_reader_cannot_void_a_colleagues_token(api: Service, ann: Account) -> None:
    victim = api.send("POST", "/v3/auth/tokens", login(ann, None)).headers["x-subject-token"]
    key = secrets.token_hex(8)
    api.sql(
        "INSERT INTO principal (id, domain_id, name, password_hash, role) SELECT %s, domain_id, 'eve', password_hash,"
        " 'reader' FROM principal WHERE id = %s",
        key, ann.user_id,
    )  # fmt: skip
    eve = api.send("POST", "/v3/auth/tokens", login(replace(ann, user="eve"), None)).headers[
        "x-subject-token"
    ]
    refused = api.send("DELETE", "/v3/auth/tokens", None, {"X-Auth-Token": eve, "X-Subject-Token": victim})
    assert (refused.status, refused.code) == (403, "OMS.0072")


async def test_tries_side_by_side_are_not_free_and_have_an_end() -> None:
    logins = Logins()
    tries = [asyncio.create_task(logins.verify(("ann",), None, "x")) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    assert logins.delay(("ann",)) == MAX_DELAY
    with pytest.raises(TooManyLogins):
        await logins.verify(("bob",), None, "x")
    for one in tries:
        one.cancel()
    await asyncio.gather(*tries, return_exceptions=True)


def test_a_name_and_an_id_of_one_user_share_the_delay(api: Service, ann: Account) -> None:
    by_name, by_id = login(ann, None, "wrong"), login(ann, None, "wrong")
    by_id["auth"]["identity"]["password"]["user"] = {"id": ann.user_id, "password": "wrong"}
    for body in (by_name, by_id, by_name, by_id):
        assert api.send("POST", "/v3/auth/tokens", body).status == 401
    began = time.monotonic()
    assert api.send("POST", "/v3/auth/tokens", by_id).status == 401
    assert time.monotonic() - began > 0.4


@pytest.mark.parametrize(
    ("role", "method", "wanted"),
    [(Role.OPERATOR, "GET", 200), (Role.OPERATOR, "POST", 200), (Role.READER, "GET", 200),
     (Role.READER, "POST", "OMS.0205"), (Role.NONE, "GET", "OMS.0206"), (Role.NONE, "POST", "OMS.0206")],
)  # fmt: skip
def test_each_role_may_what_it_may(api: Service, role: Role, method: str, wanted: object) -> None:
    who = api.account(role)
    answer = api.call(who, method, "/tasks", task_body() if method == "POST" else None)
    assert (answer.status if answer.status == 200 else answer.code) == wanted
    assert answer.status in (200, 403)
