"""Ends the process when its event loop stands still, so that a supervisor starts a fresh one."""

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

EXIT_STUCK = 70
_LOOKS = 10

log = logging.getLogger(__name__)


class Watchdog:
    """A thread that wants a tick every `seconds` or oftener; ticks touch the file for probes from outside."""

    def __init__(
        self, seconds: float, file: Path | None = None, end: Callable[[int], object] = os._exit
    ) -> None:
        self._seconds = seconds
        self._file = file
        self._end = end
        self._ticked_at = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begins to watch; the time counts from here."""
        self.tick()
        self._thread.start()

    def tick(self) -> None:
        """The loop lives."""
        self._ticked_at = time.monotonic()
        if self._file is not None:
            self._file.touch()

    def stop(self) -> None:
        """Watches no more."""
        self._over.set()

    def _watch(self) -> None:
        pause = self._seconds / _LOOKS
        looked_at = time.monotonic()
        while not self._over.wait(pause):
            now = time.monotonic()
            if now - looked_at > 3 * pause:
                # This thread stood still too (a stopped process, a busy machine): the loop gets time again.
                self._ticked_at = max(self._ticked_at, now - pause)
            looked_at = now
            if now - self._ticked_at > self._seconds:
                self._bite(now - self._ticked_at)

    def _bite(self, silent: float) -> None:
        log.critical("loop_stands_still", extra={"seconds": round(silent, 1)})
        sys.stderr.flush()
        self._end(EXIT_STUCK)


def exit_after(seconds: float, status: int) -> threading.Timer:
    """Ends the process with `status` if it still lives then; the last resort of a shutdown."""
    timer = threading.Timer(seconds, os._exit, (status,))
    timer.daemon = True
    timer.start()
    return timer
