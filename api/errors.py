"""How every refusal looks: `error_code`, `error_msg`, and the HTTP status that goes with the code (OMS 6)."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from api.openapi import allowed_methods
from api.validation import first_fault
from engine import codes
from engine.group_states import GroupRefused
from engine.states import Refused

INTERNAL_CODE = "OMS.1001"
BUSY_CODE = "OMS.2004"

_HTTP_CODES = {
    HTTPStatus.BAD_REQUEST: "OMS.0067",
    HTTPStatus.NOT_FOUND: "OMS.1009",
    HTTPStatus.METHOD_NOT_ALLOWED: "OMS.1008",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "S3M.0172",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "OMS.0004",
}


class ErrorBody(BaseModel):
    """The body of every error answer (OMS table 5-47)."""

    error_code: str = Field(description="The error code.")
    error_msg: str = Field(description="The error message.")


class ApiError(Exception):
    """A refusal with a code of the reference. `detail` names the field or the cause, never a secret.

    `action`: start, stop, delete and bandwidth of an unknown task are answered 400 (oms-behaviour 4.1).
    """

    def __init__(
        self, code: str, detail: str = "", *, status: int | None = None, action: bool = False
    ) -> None:
        super().__init__(code, detail)
        self.code = code
        self.status = codes.http_status(code, action=action) if status is None else status
        self.message = f"{codes.message(code)} ({detail})" if detail else codes.message(code)


def error_answer(code: str, message: str, status: int) -> JSONResponse:
    """The answer itself."""
    return JSONResponse({"error_code": code, "error_msg": message}, status)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entries of the errors that an operation may answer."""
    return {
        status: {"model": ErrorBody, "description": HTTPStatus(status).phrase} for status in sorted(statuses)
    }


def install(app: FastAPI) -> None:
    """Registers the handlers that bring every exception into the one form."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(GroupRefused, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    for busy in (OperationalError, InterfaceError, PoolTimeoutError):
        app.add_exception_handler(busy, _database_away)
    app.add_exception_handler(Exception, _broken)


async def _api_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    return error_answer(error.code, error.message, error.status)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused | GroupRefused)
    return error_answer(error.code, codes.message(error.code), codes.http_status(error.code))


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    fault = first_fault(error.errors())
    refusal = ApiError(fault.code, fault.detail)
    return error_answer(refusal.code, refusal.message, refusal.status)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = _HTTP_CODES.get(HTTPStatus(error.status_code), "OMS.0004")
    answer = error_answer(code, codes.message(code), error.status_code)
    answer.headers.update(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        answer.headers["Allow"] = ", ".join(allowed_methods(request.app, request.url.path))
    return answer


async def _database_away(request: Request, error: Exception) -> JSONResponse:
    request.state.failure = error
    answer = error_answer(BUSY_CODE, codes.message(BUSY_CODE), HTTPStatus.SERVICE_UNAVAILABLE)
    answer.headers["Retry-After"] = "5"
    return answer


async def _broken(_: Request, error: Exception) -> JSONResponse:
    return error_answer(INTERNAL_CODE, codes.message(INTERNAL_CODE), HTTPStatus.INTERNAL_SERVER_ERROR)
