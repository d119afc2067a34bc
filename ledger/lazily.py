"""Statements of the HTTP edge in modules that workers load too: without SQLAlchemy, until one is used.

It takes 38 MB and half a second to load, and a worker never uses it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import TextClause


def lazily(sql: str) -> Callable[[], TextClause]:
    """The statement, made at its first use."""

    @cache
    def made() -> TextClause:
        from sqlalchemy import text

        return text(sql)

    return made
