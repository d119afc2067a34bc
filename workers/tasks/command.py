"""What `celery -A workers.tasks worker` finds: an app that takes everything from its environment."""

from typing import Any

from workers.tasks.app import create
from workers.tasks.log import Secrets
from workers.tasks.main import log_as
from workers.tasks.parts import open_parts
from workers.tasks.settings import read_settings


def create_celery() -> Any:
    """The app; its worker carries a runtime."""
    settings, secrets = read_settings(), Secrets()
    log_as(settings.name, secrets)
    return create(settings, lambda given: open_parts(given, secrets))
