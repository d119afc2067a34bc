"""The real HTTP edge in a process of its own, and accounts to call it with."""

import asyncio
import base64
import contextlib
import http.client
import json
import os
import secrets
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from argon2 import PasswordHasher

from ledger import iam_admin, sessions
from ledger.iam import Domain, Role
from ledger.seal import KeyRing

ROOT = Path(__file__).parents[2]
START = {"src_ak": "a", "src_sk": "b", "dst_ak": "c", "dst_sk": "d"}
PASSWORD = "correct horse battery"
_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The error code; an error without its two fields fails the test here."""
        content = self.json
        assert isinstance(content["error_msg"], str), content
        assert content["error_msg"], content
        return str(content["error_code"])


@dataclass(frozen=True, slots=True)
class Account:
    """A user of a fresh account with one project."""

    domain: Domain
    project_id: str
    project_name: str
    user: str
    user_id: str
    access_key: str
    secret_key: str


@dataclass(slots=True)
class Service:
    """One running API."""

    port: int
    database_url: str
    key_file: Path
    process: "subprocess.Popen[bytes]"
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def send(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request; a body that is not bytes goes as JSON."""
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **(headers or {})}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            # Who sends too much may be answered before he has sent it all.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path, content, sent)
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            found = Answer(answer.status, answer.read(), names)
        finally:
            connection.close()
        assert found.headers.get("x-request-id"), (method, path, found)
        return found

    def call(self, who: Account, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """One request below the account's project, by token."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send(
            method, f"/v2/{who.project_id}{path}", body, {"X-Auth-Token": self.token(who), **names}
        )

    def token(self, who: Account) -> str:
        """A project token, asked for once."""
        if who.project_id not in self.tokens:
            answer = self.send("POST", "/v3/auth/tokens", login(who, {"project": {"id": who.project_id}}))
            assert answer.status == 201, answer
            self.tokens[who.project_id] = answer.headers["x-subject-token"]
        return self.tokens[who.project_id]

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Looks into or changes the ledger behind the API's back."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def create(self, who: Account, **changes: Any) -> int:
        """A new task; its id."""
        answer = self.call(who, "POST", "/tasks", task_body(**changes))
        assert answer.status == 200, answer
        return int(answer.json["id"])

    def put_in(self, task_id: int, status: int, **columns: Any) -> None:
        """Forces a task into a status, as workers would bring it there."""
        self.sql("UPDATE task SET status = %s WHERE id = %s", status, task_id)
        for name, value in columns.items():
            self.sql(f"UPDATE task SET {name} = %s WHERE id = %s", value, task_id)

    def account(self, role: Role = Role.ADMIN) -> Account:
        """A fresh account."""
        return asyncio.run(self._account(role))

    async def _account(self, role: Role) -> Account:
        domain = Domain(uuid.uuid4().hex, f"d-{secrets.token_hex(4)}")
        self.sql("INSERT INTO domain (id, name) VALUES (%s, %s)", domain.id, domain.name)
        engine = sessions.create_engine(self.database_url, size=1)
        ring = KeyRing.read(self.key_file)
        async with engine.begin() as connection:
            project = await iam_admin.add_project(connection, domain, f"p-{secrets.token_hex(4)}")
            user = await iam_admin.add_user(connection, domain, "ann", _HASH, role)
            key = await iam_admin.add_access_key(connection, ring, user.id)
        await engine.dispose()
        return Account(domain, project.id, project.name, "ann", user.id, key.access_key, key.secret_key)


def login(who: Account, scope: Mapping[str, Any] | None, password: str = PASSWORD) -> dict[str, Any]:
    """The body of a login."""
    user = {"name": who.user, "password": password, "domain": {"name": who.domain.name}}
    identity = {"methods": ["password"], "password": {"user": user}}
    return {"auth": {"identity": identity, **({"scope": scope} if scope is not None else {})}}


def task_body(**changes: Any) -> dict[str, Any]:
    """A good task; `src_node` and `dst_node` changes are merged in, None removes a field."""
    body: dict[str, Any] = {
        "task_type": "prefix",
        "src_node": {
            "cloud_type": "AWS",
            "region": "us-east-1",
            "bucket": "photos",
            "ak": "SRCAK-canary",
            "sk": "SRCSK-canary",
            "object_key": [""],
        },
        "dst_node": {"region": "cn-north-4", "bucket": "vault", "ak": "DSTAK-canary", "sk": "DSTSK-canary"},
    }
    for name, value in changes.items():
        if name in ("src_node", "dst_node") and isinstance(value, dict):
            merged = {**body[name], **value}
            body[name] = {key: entry for key, entry in merged.items() if entry is not None}
        elif value is None:
            body.pop(name, None)
        else:
            body[name] = value
    return body


def ended_with_failures(api: Service, who: Account, task_id: int = 0, **changes: object) -> int:
    """A task in status 4 whose run listed 10 objects: 5 went over, 2 were skipped, 3 failed. 0: a new one."""
    task_id = task_id or api.create(who, **changes)
    api.sql("UPDATE run SET phase = 'ended', ended_at = clock_timestamp() WHERE task_id = %s", task_id)
    api.sql(
        "INSERT INTO counter (task_id, run_no, shard, listed, listed_bytes, ok, ok_bytes, skip, skip_bytes, fail,"
        " fail_bytes) VALUES (%s, 1, 0, 10, 1000, 5, 500, 2, 200, 3, 300)",
        task_id,
    )
    api.sql(
        "INSERT INTO segment (task_id, run_no, kind, n, bytes, digest, payload) VALUES (%s, 1, 'fail', 3, 300, '', '')",
        task_id,
    )
    api.put_in(task_id, 4, error_code="TRF.0004")
    return task_id


def record_failures(api: Service, task_id: int) -> None:
    """The list of its failed objects was written."""
    api.sql(
        "INSERT INTO record (task_id, run_no, kind, object_key, opened_ms, lines, bytes, digest, state)"
        " VALUES (%s, 1, 'fail', 'oms/task/x', 1, 3, 300, '', 'written')",
        task_id,
    )


def write_key_file(path: Path) -> Path:
    """A fresh master key."""
    path.write_bytes(base64.b64encode(os.urandom(32)) + b"\n")
    return path


@contextmanager
def running_service(database_url: str, key_file: Path, **environment: str) -> Iterator[Service]:
    """The API on a free port until the block ends."""
    with Path(f"{key_file}.log").open("ab") as log:
        port = _free_port()
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "cli.main", "api", "--port", str(port)],
            cwd=ROOT,
            stdout=log,
            stderr=log,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("OMS_")},
                "OMS_DATABASE_URL": database_url,
                "OMS_MASTER_KEY_FILE": str(key_file),
                "PYTHONPATH": str(ROOT),
                **environment,
            },
        )
        try:
            service = Service(port, database_url, key_file, process)
            _wait(service)
            yield service
        finally:
            process.terminate()
            process.wait(20)


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(service: Service) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            service.send("GET", "/healthz")
            return
        except OSError:
            assert service.process.poll() is None, Path(f"{service.key_file}.log").read_text()[-2000:]
            assert time.monotonic() < deadline
        time.sleep(0.05)
