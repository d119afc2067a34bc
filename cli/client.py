"""A small HTTP client of the API for the commands: logs in by password or signs with an access key."""

import hashlib
import hmac
import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

TIMEOUT_SECONDS = 60.0


class ClientError(Exception):
    """The server cannot be reached, or refuses; `code` and `status` are the server's, "" and 0 when it said nothing."""

    def __init__(self, message: str, *, code: str = "", status: int = 0) -> None:
        super().__init__(f"{code}: {message}" if code else message)
        self.code = code
        self.status = status


@dataclass(frozen=True, slots=True)
class PasswordLogin:
    """A user by name and account."""

    user: str
    domain: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyLogin:
    """An access key."""

    access_key: str
    secret_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    query: str = ""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Path and query."""
        return f"{self.path}?{self.query}" if self.query else self.path


class Client:
    """Calls of one project. Every method raises ClientError."""

    def __init__(self, server: str, project_id: str, login: PasswordLogin | KeyLogin) -> None:
        parts = urlsplit(server if "://" in server else f"http://{server}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ClientError(f"not an address of a server: {server}")
        self._https = parts.scheme == "https"
        self._host = parts.netloc
        self._base = parts.path.rstrip("/")
        self._login = login
        self._token = ""
        self.project_id = project_id

    def create(self, body: Mapping[str, Any]) -> tuple[int, str]:
        """Creates a task; its id and name."""
        answer = self._call("POST", "/tasks", body=body)
        return int(answer["id"]), str(answer["task_name"])

    def show(self, task_id: int) -> dict[str, Any]:
        """A task as the API shows it."""
        return self._call("GET", f"/tasks/{task_id}")

    def tasks(self, **query: int | str) -> dict[str, Any]:
        """A page of tasks with their count."""
        return self._call("GET", "/tasks", query=query)

    def stop(self, task_id: int) -> None:
        """Pauses a task."""
        self._call("POST", f"/tasks/{task_id}/stop")

    def start(self, task_id: int, body: Mapping[str, Any]) -> None:
        """Starts a task again."""
        self._call("POST", f"/tasks/{task_id}/start", body=body)

    def delete(self, task_id: int) -> None:
        """Deletes a task."""
        self._call("DELETE", f"/tasks/{task_id}")

    def verify(self, task_id: int, body: Mapping[str, Any]) -> dict[str, Any]:
        """Begins a verification of a task."""
        return self._call("POST", f"/tasks/{task_id}/verifications", body=body)

    def verification(self, task_id: int, number: int) -> dict[str, Any]:
        """A verification as the API shows it."""
        return self._call("GET", f"/tasks/{task_id}/verifications/{number}")

    def findings(self, task_id: int, number: int, marker: int) -> dict[str, Any]:
        """A page of what differs."""
        page = f"/tasks/{task_id}/verifications/{number}/findings"
        return self._call("GET", page, query={"marker": marker})

    def requests(self, task_id: int) -> dict[str, Any]:
        """What a task has asked of its stores."""
        return self._call("GET", f"/tasks/{task_id}/requests")

    def limit_requests(self, task_id: int, most: int | None) -> dict[str, Any]:
        """A new ceiling for each run of a task; None takes it away."""
        return self._call("PUT", f"/tasks/{task_id}/requests/limit", body={"max_requests": most})

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, int | str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        content = b"" if body is None else json.dumps(body).encode()
        wire_query = urlencode(sorted((query or {}).items()), quote_via=quote, safe="~")
        request = _Request(
            method, f"{self._base}/v2/{quote(self.project_id, safe='~')}{path}", wire_query, content
        )
        status, answer, _ = self._exchange(self._authenticated(request))
        if status == http.HTTPStatus.UNAUTHORIZED and self._token:
            self._token = ""
            status, answer, _ = self._exchange(self._authenticated(request))
        if status >= http.HTTPStatus.BAD_REQUEST:
            raise _refused(status, answer)
        return answer

    def _authenticated(self, request: _Request) -> _Request:
        if isinstance(self._login, KeyLogin):
            return _signed(request, self._login, self._host)
        if not self._token:
            self._token = self._new_token(self._login)
        return _with(request, {"X-Auth-Token": self._token, "Content-Type": "application/json"})

    def _new_token(self, login: PasswordLogin) -> str:
        user = {"name": login.user, "password": login.password, "domain": {"name": login.domain}}
        identity = {"methods": ["password"], "password": {"user": user}}
        body = json.dumps({"auth": {"identity": identity, "scope": {"project": {"id": self.project_id}}}})
        request = _Request("POST", f"{self._base}/v3/auth/tokens", body=body.encode())
        status, answer, token = self._exchange(_with(request, {"Content-Type": "application/json"}))
        if status != http.HTTPStatus.CREATED or not token:
            raise _refused(status, answer)
        return token

    def _exchange(self, request: _Request) -> tuple[int, dict[str, Any], str]:
        connection = self._connection()
        try:
            connection.request(request.method, request.address, request.body or None, dict(request.headers))
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, _parsed(content), answer.headers.get("X-Subject-Token", "")
        except (OSError, http.client.HTTPException) as error:
            raise ClientError(f"{self._host} does not answer: {error}") from error
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if self._https:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self._host, timeout=TIMEOUT_SECONDS, context=context)
        return http.client.HTTPConnection(self._host, timeout=TIMEOUT_SECONDS)


def _signed(request: _Request, login: KeyLogin, host: str) -> _Request:
    """SDK-HMAC-SHA256 (oms-behaviour 7.2); path and query are in their canonical form already."""
    date = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {"content-type": "application/json", "host": host, "x-sdk-date": date}
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    path = request.path if request.path.endswith("/") else request.path + "/"
    digest = hashlib.sha256(request.body).hexdigest()
    canonical = f"{request.method}\n{path}\n{request.query}\n{lines}\n{names}\n{digest}"
    text = f"SDK-HMAC-SHA256\n{date}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.digest(login.secret_key.encode(), text.encode(), "sha256").hex()
    value = f"SDK-HMAC-SHA256 Access={login.access_key}, SignedHeaders={names}, Signature={signature}"
    return _with(request, {"Content-Type": "application/json", "X-Sdk-Date": date, "Authorization": value})


def _with(request: _Request, headers: Mapping[str, str]) -> _Request:
    return _Request(request.method, request.path, request.query, request.body, headers)


def _parsed(content: bytes) -> dict[str, Any]:
    if not content:
        return {}
    try:
        value = json.loads(content)
    except ValueError:
        return {"error_msg": content[:200].decode("utf-8", "replace")}
    return value if isinstance(value, dict) else {}


def _refused(status: int, answer: Mapping[str, Any]) -> ClientError:
    message = str(answer.get("error_msg") or f"HTTP status {status}")
    return ClientError(message, code=str(answer.get("error_code") or ""), status=status)
