"""The two stores of a measurement, each in a process of its own."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psutil

from bench.store import Contents
from tests.storeserver.counters import Counters
from tests.storeserver.process import ServerProcess

ACCESS_KEY, SECRET_KEY = "bench-access-key", "bench-secret-key"
REGIONS = ("us-east-1", "cn-north-4")
FROM, INTO = "from", "into"


class BenchStore(ServerProcess):
    """A `bench.store`, asked as any store server of the tests."""

    def __init__(self, contents: Contents) -> None:
        """Start it and wait until it listens. Raises RuntimeError when it does not."""
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write(contents.to_json())
            file.flush()
            self._begin([sys.executable, "-m", "bench.store", file.name])

    def cpu_seconds(self) -> float:
        """What it has used so far."""
        used = psutil.Process(self.process.pid).cpu_times()
        return float(used.user + used.system)


class Pair:
    """Source and destination. `empty` gives the destination a fresh process behind the same address."""

    def __init__(self, source: Contents, destination: Contents) -> None:
        self.source = BenchStore(source)
        self.destination = BenchStore(destination)
        self._contents = replace(destination, port=self.destination.port)

    def empty(self) -> None:
        """The destination as it was at the start."""
        self.destination.kill()
        self.destination = BenchStore(self._contents)

    def forget(self) -> None:
        """Counts begin anew."""
        self.source.reset_counters()
        self.destination.reset_counters()

    def counters(self) -> tuple[Counters, Counters]:
        """Of both."""
        return self.source.counters(), self.destination.counters()

    def cpu_seconds(self) -> float:
        """Of both."""
        return self.source.cpu_seconds() + self.destination.cpu_seconds()

    def endpoints(self) -> str:
        """The endpoints file for them."""
        return (
            f"- {{cloud_type: AWS, region: '*', endpoint: '{self.source.url}'}}\n"
            f"- {{cloud_type: HEC, region: '*', endpoint: '{self.destination.url}'}}\n"
        )

    def close(self) -> None:
        """End both."""
        self.source.kill()
        self.destination.kill()


@contextmanager
def opened(source: Contents, destination: Contents) -> Iterator[Pair]:
    """A pair, gone afterwards."""
    pair = Pair(source, destination)
    try:
        yield pair
    finally:
        pair.close()
