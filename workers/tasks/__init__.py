"""The Celery worker: `celery -A workers.tasks worker`."""

from functools import cache
from typing import Any


@cache
def _celery() -> Any:
    from workers.tasks.command import create_celery

    return create_celery()


def __getattr__(name: str) -> Any:
    # The app reads the environment, so it is made when somebody asks for it and not on import.
    if name == "celery":
        return _celery()
    raise AttributeError(name)
