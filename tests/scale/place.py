"""Where the proofs run: two made stores, `oms up` between them, and a watch on its workers' memory."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.e2e.site import AK, SK, Site
from tests.running import Engine
from tests.scale.store import Made
from tests.storeserver.process import ServerProcess

_SAMPLE_SECONDS = 0.2
FIFTHS = 5
MIB = 1 << 20
# What a process comes to hold once and for all, early in a run or late in a short one.
_WARM = 64 * MIB


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of what was found; `missed` says which bar it misses."""

    name: str
    found: str
    missed: str = ""

    def text(self) -> str:
        """As it is printed."""
        return f"{self.name}: {self.found}" + (f"  MISSED: {self.missed}" if self.missed else "")


def judged(name: str, found: str, bar: str, *, held: bool) -> Figure:
    """A figure with the bar that it has to meet."""
    return Figure(name, f"{found} (bar: {bar})", "" if held else bar)


class MadeStore(ServerProcess):
    """A `tests.scale.store`, asked as any store server of the tests."""

    def __init__(self, made: Made) -> None:
        """Start it and wait until it listens. Raises RuntimeError when it does not."""
        self._begin([sys.executable, "-m", "tests.scale.store", made.to_json()])

    def told(self) -> dict[str, Any]:
        """What came of parts and lists."""
        found: dict[str, Any] = self.call("GET", "scale")
        return found


@contextmanager
def placed(root: Path, *, large: int = 0, etag: str = "", source_keys: int = 0) -> Iterator[Site]:
    """`from` with a large object or with so many keys; `into` with the same keys. All gone afterwards."""
    root.mkdir(parents=True, exist_ok=True)
    with (
        MadeStore(Made(AK, SK, "from", large, etag, source_keys)) as source,
        MadeStore(Made(AK, SK, "into", keys=source_keys)) as destination,
    ):
        endpoints = root / "endpoints.yaml"
        endpoints.write_text(
            f"- {{cloud_type: AWS, region: '*', endpoint: '{source.url}'}}\n"
            f"- {{cloud_type: HEC, region: '*', endpoint: '{destination.url}'}}\n"
        )
        with Engine(root / "data", endpoints, workers=2) as engine:
            yield Site(root, source, destination, engine)


def told(site: Site) -> dict[str, Any]:
    """What the destination has seen."""
    assert isinstance(site.destination, MadeStore)
    return site.destination.told()


def workers(site: Site) -> list[psutil.Process]:
    """The worker processes."""
    return site.processes("--name worker-")


@dataclass(slots=True)
class Memory:
    """The most memory of any worker in each fifth of a run, in bytes; `progress` is told by who follows the run."""

    site: Site
    progress: float = 0.0
    peaks: list[int] = field(default_factory=lambda: [0] * FIFTHS)
    _ended: threading.Event = field(default_factory=threading.Event)
    _watcher: threading.Thread | None = None

    def __enter__(self) -> Memory:
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        assert self._watcher is not None
        self._watcher.join()

    def _watch(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            fifth = min(int(self.progress * FIFTHS), FIFTHS - 1)
            self.peaks[fifth] = max([self.peaks[fifth], *map(_rss, workers(self.site))])

    def figure(self, most: int) -> Figure:
        """Constant: the last fifth no more than `_WARM` above the first, none above `most`; in bytes."""
        shown = ", ".join(f"{peak / MIB:.0f}" for peak in self.peaks)
        held = max(self.peaks) <= most and self.peaks[-1] <= self.peaks[0] + _WARM
        bar = f"last fifth <= first + {_WARM // MIB}, all <= {most // MIB}"
        return judged("peak MiB of a worker by fifths", shown, bar, held=held)


def _rss(one: psutil.Process) -> int:
    try:
        return int(one.memory_info().rss)
    except psutil.Error:
        return 0
