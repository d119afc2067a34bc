"""Answers about the service itself."""

from typing import Literal

from pydantic import BaseModel


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Whether requests can be served, and how the parts are."""

    status: Literal["ready", "not ready"]
    database: Literal["ok", "unreachable", "not migrated"]
    redis: Literal["ok", "unreachable", "not configured"]
