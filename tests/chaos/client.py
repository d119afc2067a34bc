"""The OMS calls as a patient client makes them."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any

from tests.chaos.installation import Installation


class Refused(Exception):
    """The API answered with an error."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status} {text}")
        self.status = status


class Client:
    """Speaks to both APIs in turn; a call that got no answer, or a 5xx, is made again."""

    def __init__(self, site: Installation) -> None:
        self._site = site
        self._turn = 0
        self.repeated = 0
        self.did: dict[str, int] = {}

    def call(self, method: str, path: str, body: dict[str, Any] | None = None, *, key: str = "") -> Any:
        """The JSON answer; raises Refused, TimeoutError."""
        deadline = time.monotonic() + 90
        while True:
            try:
                return self._once(method, path, body, key)
            except (OSError, http.client.HTTPException) as error:
                problem: Exception = error
            except Refused as refused:
                if refused.status < 500:
                    raise
                problem = refused
            self.repeated += 1
            if time.monotonic() > deadline:
                raise TimeoutError(f"{method} {path}: {problem!r}") from problem
            time.sleep(0.3)

    def attempt(self, what: str, method: str, path: str, body: dict[str, Any] | None = None) -> bool:
        """False: refused, as a rule because it was in another state by then. Raises TimeoutError."""
        try:
            self.call(method, path, body)
        except Refused:
            return False
        self.count(what)
        return True

    def gone(self, path: str) -> bool:
        """Whether there is no such thing (any more). Raises TimeoutError."""
        try:
            self.call("GET", path)
        except Refused as refused:
            return refused.status == 404
        return False

    def count(self, what: str) -> None:
        """Something was done; `did` has how often."""
        self.did[what] = self.did.get(what, 0) + 1

    def _once(self, method: str, path: str, body: dict[str, Any] | None, key: str) -> Any:
        self._turn += 1
        engine = self._site.engine
        headers = {"X-Auth-Token": engine._token, "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        connection = http.client.HTTPConnection(self._site.addresses[self._turn % 2], timeout=20)
        try:
            payload = None if body is None else json.dumps(body)
            connection.request(method, f"/v2/{engine._project}{path}", payload, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise Refused(answer.status, content.decode())
        return json.loads(content) if content else None
