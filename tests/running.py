"""A running engine: a process, and its HTTP API spoken with the standard library."""

import http.client
import json
import os
import signal
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

STOP_SECONDS = 30


class Busy(RuntimeError):
    """The API asks to be called again later: Postgres is away, say."""


class Engine:
    """`with Engine(data_dir, endpoints) as engine:` runs `oms up` and logs in."""

    def __init__(
        self,
        data_dir: Path,
        endpoints: Path,
        *,
        workers: int = 2,
        environment: dict[str, str] | None = None,
    ) -> None:
        oms = Path(sys.executable).with_name("oms")
        self._command = [oms, "up", "--data-dir", data_dir, "--port", "0", "--workers", str(workers)]
        self._environment = os.environ | {"OMS_ENDPOINTS": str(endpoints)} | (environment or {})
        self._data_dir = data_dir

    def __enter__(self) -> "Engine":
        self.begin()
        return self

    def begin(self) -> None:
        """Start the process, wait until it is ready, log in. Raises RuntimeError when it does not start."""
        self._data_dir.mkdir(parents=True, exist_ok=True)
        with (self._data_dir / "up.log").open("ab") as log:
            self.process = subprocess.Popen(
                self._command, env=self._environment, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.startswith("ready "):
            raise RuntimeError(f"the engine did not start; see {self._data_dir}/up.log")
        self._host = urlsplit(line.split()[1]).netloc
        self._login(json.loads((self._data_dir / "credentials.json").read_text()))

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(STOP_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()

    @property
    def host(self) -> str:
        """Host and port of the API."""
        return self._host

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The JSON answer of an OMS call below the project. Raises RuntimeError with the API's error."""
        return self._send(method, f"/v2/{self._project}{path}", body, {"X-Auth-Token": self._token})[1]

    def _login(self, known: dict[str, str]) -> None:
        self._project = known["project_id"]
        user = {
            "name": known["user_name"],
            "password": known["password"],
            "domain": {"name": known["domain_name"]},
        }
        body = {
            "auth": {
                "identity": {"methods": ["password"], "password": {"user": user}},
                "scope": {"project": {"id": self._project}},
            }
        }
        headers, _ = self._send("POST", "/v3/auth/tokens", body, {})
        self._token = headers["X-Subject-Token"]

    def _send(
        self, method: str, path: str, body: dict[str, Any] | None, headers: dict[str, str]
    ) -> tuple[Any, Any]:
        connection = http.client.HTTPConnection(self._host, timeout=60)
        try:
            payload = None if body is None else json.dumps(body)
            connection.request(method, path, payload, headers | {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            kind = Busy if answer.status == HTTPStatus.SERVICE_UNAVAILABLE else RuntimeError
            raise kind(f"{method} {path}: {answer.status} {content.decode()}")
        return answer.headers, json.loads(content) if content else None
