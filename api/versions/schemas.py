"""The API's versions (OMS 5.1)."""

from typing import Literal

from pydantic import BaseModel


class Link(BaseModel):
    """Where a version is found."""

    href: str
    rel: str = "self"


class Version(BaseModel):
    """One version (table 5-3)."""

    id: str
    links: list[Link]
    status: Literal["CURRENT", "DEPRECATED", "SUPPORTED"]
    updated: str


class Versions(BaseModel):
    """All versions (table 5-2)."""

    versions: list[Version]
