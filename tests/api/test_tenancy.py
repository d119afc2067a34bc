"""Another project's ids answer exactly like ids that do not exist: generated from the API's own description."""

import asyncio
import secrets
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import pytest

from ledger import iam_admin, sessions
from tests.api.service import Account, Answer, Service, task_body

VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# What differs between any two answers.
OWN = {"x-request-id", "date", "x-iam-trace-id"}
UNKNOWN = {
    "task_id": "179999999999999",
    "group_id": str(uuid.UUID(int=7)),
    "sync_task_id": str(uuid.UUID(int=7)),
}


# The owner's task has one of this number.
VERIFICATION = "179999999999998"


@dataclass(frozen=True, slots=True)
class Operation:
    """A path below one id, with the body and the query that its operations would take."""

    template: str
    method: str
    described: Mapping[str, Any]

    @property
    def parameter(self) -> str:
        """The name of its id."""
        return self.template.split("{")[2].partition("}")[0]

    def path(self, project_id: str, resource: str) -> str:
        """The address below a project, with what the query must have."""
        filled = self.template.replace("{project_id}", project_id).replace(f"{{{self.parameter}}}", resource)
        filled = filled.replace("{number}", VERIFICATION)
        now = int(time.time() * 1000) // 3_600_000 * 3_600_000
        query = {
            "query_time": now,
            "data_type": "REQUEST",
            "marker": 0,
            "start_time": now - 3_600_000,
            "end_time": now,
        }
        named = [one["name"] for one in self.described.get("parameters", ()) if one["in"] == "query"]
        return filled + "?" + "&".join(f"{name}={query[name]}" for name in named)


def operations(page: Mapping[str, Any]) -> list[Operation]:
    """Those that name a resource of a project."""
    return [
        Operation(template, method.upper(), described)
        for template, methods in page["paths"].items()
        for method, described in methods.items()
        if template.startswith("/v2/{project_id}/") and template.count("{") > 1
    ]


def sample(page: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    """The smallest document that fits a schema; unknown kinds of schema fail the test here."""
    if "$ref" in schema:
        return sample(page, page["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if "examples" in schema:
        return schema["examples"][0]
    if "anyOf" in schema:
        return sample(page, schema["anyOf"][0])
    if "enum" in schema:
        return schema["enum"][0]
    match schema["type"]:
        case "object":
            wanted = schema.get("required", ())
            return {name: sample(page, part) for name, part in schema["properties"].items() if name in wanted}
        case "array":
            return [sample(page, schema["items"])] if schema.get("minItems") else []
        case "string":
            return "a" * max(schema.get("minLength", 0), 1)
        case "integer":
            return schema.get("minimum", 0)
        case "boolean":
            return False
    raise AssertionError(schema)


def body_of(page: Mapping[str, Any], operation: Operation) -> Any:
    """A body that the operation would take."""
    wanted = operation.described.get("requestBody")
    document = None if wanted is None else sample(page, wanted["content"]["application/json"]["schema"])
    if document is not None and operation.template.endswith(("/start", "/retry", "/verifications")):
        # Not required by the description: a URL list needs fewer.
        document |= {"src_ak": "a", "src_sk": "a", "dst_ak": "a", "dst_sk": "a"}
    return document


def seen(answer: Answer) -> tuple[int, bytes, dict[str, str]]:
    """An answer without what is its own."""
    return answer.status, answer.body, {n: v for n, v in answer.headers.items() if n not in OWN}


@pytest.fixture(scope="module")
def page(api: Service) -> Any:
    """The description."""
    return api.send("GET", "/openapi.json").json


@pytest.fixture(scope="module")
def owner(api: Service) -> Account:
    """Who has one of each."""
    return api.account()


@pytest.fixture(scope="module")
def resources(api: Service, owner: Account) -> dict[str, str]:
    """One of each."""
    keys = {"src_ak": "a", "src_sk": "b", "dst_ak": "c", "dst_sk": "d"}
    group = api.call(owner, "POST", "/taskgroups", task_body(task_type="PREFIX"))
    assert group.status == 200, group
    sync = api.call(
        owner, "POST", "/sync-tasks",
        {"src_cloud_type": "AWS", "src_region": "us-east-1", "src_bucket": "photos", "dst_region": "cn-north-4",
         "dst_bucket": "vault", **keys},
    )  # fmt: skip
    assert sync.status == 200, sync
    found = {
        "task_id": api.create(owner),
        "group_id": group.json["group_id"],
        "sync_task_id": sync.json["sync_task_id"],
    }
    with psycopg.connect(api.database_url) as connection:
        connection.execute(
            "INSERT INTO task (id, project_id, name, task_type, region, spec, status, verifies)"
            " SELECT %s, project_id, name, task_type, region, spec, 5, id FROM task WHERE id = %s",
            [VERIFICATION, found["task_id"]],
        )
    return {name: str(value) for name, value in found.items()}


def sibling(api: Service, owner: Account) -> Account:
    """The same user, in another project of the same account."""

    async def add() -> str:
        engine = sessions.create_engine(api.database_url, size=1)
        async with engine.begin() as connection:
            project = await iam_admin.add_project(connection, owner.domain, f"q-{secrets.token_hex(4)}")
        await engine.dispose()
        return project.id

    return replace(owner, project_id=asyncio.run(add()))


@pytest.mark.parametrize("stranger", ["another account", "another project"])
def test_what_others_own_answers_like_what_is_not_there(
    api: Service, page: Any, owner: Account, resources: Mapping[str, str], stranger: str
) -> None:
    who = api.account() if stranger == "another account" else sibling(api, owner)
    token = {"X-Auth-Token": api.token(who)}
    found = operations(page)
    assert {one.parameter for one in found} == set(UNKNOWN)
    assert len(found) == 23
    for operation in found:
        for verb in VERBS:
            body = body_of(page, operation) if verb in ("POST", "PUT", "PATCH") else None
            real, unknown = (
                api.send(verb, operation.path(who.project_id, resource), body, token)
                for resource in (resources[operation.parameter], UNKNOWN[operation.parameter])
            )
            assert seen(real) == seen(unknown), (verb, operation.template)
            assert real.status >= 400, (verb, operation.template)


def test_the_owner_gets_another_answer_from_every_operation(
    api: Service, page: Any, owner: Account, resources: Mapping[str, str]
) -> None:
    """Else the test above would compare two refusals that have nothing to do with the id."""
    token = {"X-Auth-Token": api.token(owner)}
    ordered = sorted(operations(page), key=lambda one: (one.method == "DELETE", one.method != "GET"))
    for operation in ordered:
        body = body_of(page, operation)
        real, unknown = (
            api.send(operation.method, operation.path(owner.project_id, resource), body, token)
            for resource in (resources[operation.parameter], UNKNOWN[operation.parameter])
        )
        assert seen(real) != seen(unknown), (operation.method, operation.template, real)


def test_ids_in_bodies_and_queries_are_bound_to_the_project_too(
    api: Service, owner: Account, resources: Mapping[str, str]
) -> None:
    bob = api.account()
    for names, unknown in (
        ({"ids": [int(resources["task_id"])]}, {"ids": [int(UNKNOWN["task_id"])]}),
        ({"group_id": resources["group_id"]}, {"group_id": UNKNOWN["group_id"]}),
    ):
        real, missing = (
            api.call(bob, "POST", "/tasks/batch-update", {**chosen, "bandwidth_policy": []})
            for chosen in (names, unknown)
        )
        assert (real.status, real.code, missing.code) == (400, "OMS.1009", "OMS.1009")
    listed = api.call(bob, "GET", f"/tasks?group_id={resources['group_id']}")
    assert seen(listed) == seen(api.call(bob, "GET", f"/tasks?group_id={UNKNOWN['group_id']}"))
    assert listed.json == {"tasks": [], "count": 0}


def test_another_projects_address_answers_like_one_that_is_not_there(
    api: Service, page: Any, owner: Account
) -> None:
    token = {"X-Auth-Token": api.token(api.account())}
    unknown = uuid.UUID(int=9).hex
    for template, methods in page["paths"].items():
        if not template.startswith("/v2/{project_id}"):
            continue
        for method in methods:
            path = (
                template.replace("{task_id}", "1").replace("{group_id}", "x").replace("{sync_task_id}", "x")
            ).replace("{number}", "1")
            real, missing = (
                api.send(method.upper(), path.replace("{project_id}", project), {}, token)
                for project in (owner.project_id, unknown)
            )
            assert seen(real) == seen(missing), (method, template)
            assert (real.status, real.code) == (403, "OMS.2001"), (method, template)
