"""Steps of one worker's wall clock, through `clock/sitecustomize.py`."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from tests.chaos.installation import Installation


def stepped(seconds: float) -> Callable[[Installation, Random], contextlib.AbstractContextManager[None]]:
    """A worker's clock jumps by so much, and back."""

    @contextmanager
    def begin(site: Installation, rng: Random) -> Iterator[None]:
        file = rng.choice(sorted(site.clocks.iterdir()))
        _write(file, seconds)
        try:
            yield
        finally:
            _write(file, 0.0)

    return begin


def _write(file: Path, seconds: float) -> None:
    """Into the file as it is: the workers have it mapped."""
    with file.open("r+b") as opened:
        opened.write(struct.pack("<d", seconds))
