"""Coroutines that go on for as long as the process does."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from random import Random

log = logging.getLogger(__name__)


def jittered(seconds: float, random: Random) -> float:
    """Within a fifth of it either way, so that workers do not move in step."""
    return seconds * (0.8 + 0.4 * random.random())


async def forever(name: str, turn: Callable[[], Awaitable[float]], after_error: float = 1.0) -> None:
    """Takes turn after turn; each tells the seconds until the next. A failed one is logged."""
    while True:
        try:
            pause = await turn()
        except Exception:
            log.exception("turn_failed", extra={"turn": name})
            pause = after_error
        await asyncio.sleep(pause)
