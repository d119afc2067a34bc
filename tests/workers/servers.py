"""A Redis that a test may kill, stop and start again."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cli.embedded.redis import Redis
from cli.embedded.servers import embedded_redis
from tests.servers import places


@dataclass(slots=True)
class MortalRedis:
    """One server at one URL."""

    server: Redis

    @property
    def url(self) -> str:
        return self.server.url

    def start(self) -> None:
        self.server.start()

    def kill(self) -> None:
        """SIGKILL; what it held is gone."""
        process = self.server.process
        assert process is not None
        process.kill()
        process.wait()
        self.server.process = None

    def freeze(self) -> None:
        """SIGSTOP: connections stand, nothing answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self.server.process is not None
        os.kill(self.server.process.pid, number)


@contextmanager
def mortal_redis(*, started: bool = True) -> Iterator[MortalRedis]:
    """A Redis of this test alone."""
    with places() as where:
        redis = MortalRedis(embedded_redis(where))
        if started:
            redis.start()
        try:
            yield redis
        finally:
            if redis.server.process is not None:
                redis.thaw()
            redis.server.stop()
