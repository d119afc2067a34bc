"""One key, one task: a thousand clients at once, and a client whose answer was lost with the API (issue of retries)."""

import asyncio
import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.api.service import Account, Service, running_service, task_body

CLIENTS = 1000


async def _create_at_once(api: Service, who: Account, key: str) -> list[tuple[int, int]]:
    headers = {"X-Auth-Token": api.token(who), "Idempotency-Key": key}
    url = f"{api.address}/v2/{who.project_id}/tasks"
    connector, timeout = aiohttp.TCPConnector(limit=0), aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, headers=headers) as session:

        async def create() -> tuple[int, int]:
            async with session.post(url, json=task_body()) as answer:
                return answer.status, int((await answer.json()).get("id", 0))

        return await asyncio.gather(*(create() for _ in range(CLIENTS)))


@pytest.mark.slow
def test_a_thousand_creations_at_once_with_one_key_make_one_task(api: Service, ann: Account) -> None:
    began = time.monotonic()
    answers = asyncio.run(_create_at_once(api, ann, "one"))
    print(f"{CLIENTS} creations in {time.monotonic() - began:.1f} s")
    assert {status for status, _ in answers} == {200}
    assert len({task_id for _, task_id in answers}) == 1
    listed = api.call(ann, "GET", "/tasks").json
    assert (listed["count"], listed["tasks"][0]["id"]) == (1, answers[0][1])
    created = "SELECT count(*) FROM audit WHERE project_id = %s AND action = 'createTask'"
    assert api.sql(created, ann.project_id) == [(1,)]


@contextmanager
def silent_redis() -> Iterator[str]:
    """Takes connections and says nothing, so the API's ring after a commit takes its full second."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


def test_a_retry_after_the_api_died_between_commit_and_answer_makes_no_second_task(
    api: Service, ann: Account, key_file: Path, tmp_path: Path
) -> None:
    body, headers = json.dumps(task_body()), {"X-Auth-Token": api.token(ann), "Idempotency-Key": "lost"}
    path, failures = f"/v2/{ann.project_id}/tasks", []

    def create(port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
            connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            failures.append(error)
        finally:
            connection.close()

    with (
        silent_redis() as redis_url,
        running_service(api.database_url, key_file, OMS_REDIS_URL=redis_url) as doomed,
    ):
        client = threading.Thread(target=create, args=(doomed.port,))
        client.start()
        deadline = time.monotonic() + 20
        while not (rows := api.sql("SELECT id FROM task WHERE project_id = %s", ann.project_id)):
            assert time.monotonic() < deadline
        os.kill(doomed.process.pid, signal.SIGKILL)
        client.join(30)
    assert len(failures) == 1, "the client was answered before the API died"
    again = api.send("POST", path, body.encode(), headers)
    assert (again.status, again.json["id"]) == (200, rows[0][0])
    assert api.call(ann, "GET", "/tasks").json["count"] == 1


def test_one_key_for_two_kinds_of_request_is_refused(api: Service, ann: Account) -> None:
    body = task_body(task_type="PREFIX")
    wake = {"Idempotency_Key": "both"}
    first = api.call(ann, "POST", "/taskgroups", body, **wake)
    second = api.call(ann, "POST", "/tasks", task_body(), **wake)
    assert first.status == 200
    assert (second.status, second.code) == (409, "OMS.0001")
