"""Passwords: checked with bounded cost, slower after each failure, never locked for good (reliability 5.3)."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Hashable, Sequence

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MAX_DELAY = 4.0
FREE_FAILURES = 2
FORGET_SECONDS = 900.0
_REMEMBERED = 10_000
_PARALLEL = 2
MOST_WAITING = 200

_HASHER = PasswordHasher()


class TooManyLogins(Exception):
    """So many passwords wait to be checked that another one would only wait."""


class Logins:
    """Checks passwords, two at a time, and remembers who failed how often."""

    def __init__(self) -> None:
        self._failures: OrderedDict[Hashable, tuple[int, float]] = OrderedDict()
        self._slots = asyncio.Semaphore(_PARALLEL)
        self._waiting = 0
        # A user that does not exist costs the same as a wrong password.
        self._nobodys_hash = _HASHER.hash("nobody")

    async def verify(self, who: Sequence[Hashable], stored_hash: str | None, password: str) -> bool:
        """Whether the password fits, after the delay that earlier failures of any of `who` have earned.

        Raises TooManyLogins.
        """
        if self._waiting >= MOST_WAITING:
            raise TooManyLogins
        delay = self.delay(who)
        # Counted before it is known, so tries side by side are not free.
        for name in who:
            self._note(name, failed=True)
        self._waiting += 1
        try:
            await asyncio.sleep(delay)
            async with self._slots:
                fits = await asyncio.to_thread(_fits, stored_hash or self._nobodys_hash, password)
        finally:
            self._waiting -= 1
        accepted = fits and stored_hash is not None
        if accepted:
            for name in who:
                self._note(name, failed=False)
        return accepted

    def delay(self, who: Sequence[Hashable]) -> float:
        """Seconds to wait before the next try."""
        failures = max((self._count(name) for name in who), default=0)
        return 0.0 if failures <= FREE_FAILURES else min(MAX_DELAY, 0.125 * 2 ** (failures - FREE_FAILURES))

    def _count(self, name: Hashable) -> int:
        count, at = self._failures.get(name, (0, 0.0))
        return count if time.monotonic() - at < FORGET_SECONDS else 0

    def _note(self, name: Hashable, *, failed: bool) -> None:
        count = self._count(name) + 1
        self._failures.pop(name, None)
        if failed:
            self._failures[name] = (min(count, 32), time.monotonic())
            while len(self._failures) > _REMEMBERED:
                self._failures.popitem(last=False)


def hash_password(password: str) -> str:
    """The argon2id hash that is stored."""
    return _HASHER.hash(password)


def _fits(stored_hash: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored_hash, password)
    except (VerificationError, InvalidHashError):
        return False
