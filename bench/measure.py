"""What processes use: CPU seconds and memory, of a child or of a whole family."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil

MB = 1e6
_SAMPLE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds by part of the client, and the peak memory (bytes) of its largest process and of all that move
    bytes together.
    """

    seconds: float
    cpu: dict[str, float]
    rss: int
    rss_together: int

    def then(self, other: Usage) -> Usage:
        """One after the other."""
        parts = self.cpu.keys() | other.cpu.keys()
        cpu = {part: self.cpu.get(part, 0.0) + other.cpu.get(part, 0.0) for part in parts}
        together = max(self.rss_together, other.rss_together)
        return Usage(self.seconds + other.seconds, cpu, max(self.rss, other.rss), together)


@dataclass(frozen=True, slots=True)
class Run:
    """One client's run of one scenario. `requests` counts both stores by operation, records left out."""

    scenario: str
    client: str
    repetition: int
    objects: int
    bytes: int
    usage: Usage
    requests: dict[str, int]
    record_requests: int
    store_cpu: float
    ledger_bytes: int = 0
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def cpu(self) -> float:
        """All of the client's CPU seconds."""
        return sum(self.usage.cpu.values())


def measured_children(
    commands: Sequence[Sequence[str]], environment: Mapping[str, str] | None = None
) -> Usage:
    """Run programs side by side, each to its end. Raises RuntimeError when one fails."""
    began = time.monotonic()
    children = [
        subprocess.Popen(one, env=os.environ | dict(environment or {}), stdout=subprocess.DEVNULL)
        for one in commands
    ]
    cpu, memory = 0.0, []
    for child in children:
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        cpu += used.ru_utime + used.ru_stime
        memory.append(used.ru_maxrss << 10)
    took = time.monotonic() - began
    if failed := [child.returncode for child in children if child.returncode]:
        raise RuntimeError(f"{commands[0][0]} ended with {failed[0]}")
    return Usage(took, {"client": cpu}, max(memory), sum(memory))


class Family:
    """A process and all its descendants, sorted into parts by `part_of(command line)`."""

    def __init__(self, root: int, part_of: Callable[[str], str], movers: str) -> None:
        self._root = psutil.Process(root)
        self._part_of = part_of
        self._movers = movers
        self._names: dict[int, str] = {}
        self._stopped = threading.Event()
        self._largest = self._together = 0

    def cpu(self) -> dict[str, float]:
        """CPU seconds by part so far, with those of children that have ended."""
        used: defaultdict[str, float] = defaultdict(float)
        for one in self._members():
            try:
                part, times = self._part(one), one.cpu_times()
            except psutil.Error:
                continue
            used[part] += times.user + times.system + times.children_user + times.children_system
        return dict(used)

    def _members(self) -> list[psutil.Process]:
        return [self._root, *self._root.children(recursive=True)]

    def _part(self, one: psutil.Process) -> str:
        if one.pid not in self._names:
            self._names[one.pid] = self._part_of(" ".join(one.cmdline()) or one.name())
        return self._names[one.pid]

    def __enter__(self) -> Family:
        self._began, self._before = time.monotonic(), self.cpu()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._watcher.join()
        after = self.cpu()
        spent = {part: after[part] - self._before.get(part, 0.0) for part in after}
        self.usage = Usage(time.monotonic() - self._began, spent, self._largest, self._together)

    def _watch(self) -> None:
        movers = [one for one in self._members() if self._part(one) == self._movers]
        while not self._stopped.wait(_SAMPLE_SECONDS):
            sizes = [size for size in map(_rss, movers) if size]
            self._largest = max(self._largest, *sizes, 0)
            self._together = max(self._together, sum(sizes))


def _rss(one: psutil.Process) -> int:
    try:
        return int(one.memory_info().rss)
    except psutil.Error:
        return 0
