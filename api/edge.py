"""Around every request: its id, the cap of its body, its metrics, and an answer when a handler breaks."""

import logging
import time
import uuid
from http import HTTPStatus
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import INTERNAL_CODE, ApiError, error_answer
from api.ops.metrics import Metrics

MAX_BODY: Final = 1 << 20
_LOG = logging.getLogger("oms.api")


class Edge:
    """The outermost ASGI layer. Every answer leaves with X-Request-Id."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request; other kinds of scope pass through."""
        if scope["type"] == "http":
            await _Exchange(scope, receive, send).run(self._app, self._metrics)
        else:
            await self._app(scope, receive, send)


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._id = uuid.uuid4().hex
        self._received = 0
        self._status = 0

    async def run(self, app: ASGIApp, metrics: Metrics) -> None:
        """Passes the request on and accounts for it."""
        began = time.monotonic()
        state = self._scope.setdefault("state", {})
        state["request_id"] = self._id
        try:
            await self._admitted(app)
        finally:
            route = state.get("route_path", "unmatched")
            metrics.observe(self._scope["method"], route, self._status, time.monotonic() - began)
            failure = state.get("failure")
            if failure is not None:
                _LOG.error("request_failed", extra={"request_id": self._id}, exc_info=failure)

    async def _admitted(self, app: ASGIApp) -> None:
        refusal = self._refusal()
        if refusal is not None:
            await self._answer(refusal)
            return
        try:
            await app(self._scope, self._bounded_receive, self._tagged_send)
        except ClientDisconnect:
            return
        except ApiError as error:
            await self._answer(error)
        except Exception as error:  # noqa: BLE001 - the last line: the client gets an answer, the log the cause
            self._scope["state"]["failure"] = error
            await self._answer(ApiError(INTERNAL_CODE, status=HTTPStatus.INTERNAL_SERVER_ERROR))

    def _refusal(self) -> ApiError | None:
        raw = self._scope.get("raw_path") or b""
        if b"%00" in raw or b"%00" in self._scope["query_string"]:
            return ApiError("OMS.0001", "the address contains NUL")
        length = dict(self._scope["headers"]).get(b"content-length", b"0")
        return _too_large() if int(length) > MAX_BODY else None

    async def _bounded_receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
            if self._received > MAX_BODY:
                raise _too_large()
        return message

    async def _tagged_send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = [*message.get("headers", []), (b"x-request-id", self._id.encode())]
            if self._scope["path"].startswith("/v3/"):
                headers.append((b"x-iam-trace-id", self._id.encode()))
            message = {**message, "headers": headers}
        await self._send(message)

    async def _answer(self, error: ApiError) -> None:
        if self._status:
            return
        answer = error_answer(error.code, error.message, error.status)
        if error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            answer.headers["Connection"] = "close"
        await answer(self._scope, self._receive, self._tagged_send)


def _too_large() -> ApiError:
    return ApiError("S3M.0172", f"at most {MAX_BODY} bytes", status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
