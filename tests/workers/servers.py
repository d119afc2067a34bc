"""A Redis that a test may kill, stop and start again."""

import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from cli.embedded.redis import Redis
from cli.embedded.servers import embedded_redis
from cli.embedded.wheels import redis_program
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
        server = MortalRedis(embedded_redis(where))
        if started:
            server.start()
        try:
            yield server
        finally:
            if server.server.process is not None:
                server.thaw()
            server.server.stop()


@contextmanager
def tcp_redis() -> Iterator[str]:
    """A Redis on a free port of the loopback address; gives its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [redis_program(), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with tempfile.TemporaryDirectory() as folder:
        child = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
        try:
            url = f"redis://127.0.0.1:{port}/3"
            with redis.Redis.from_url(url, retry=Retry(ConstantBackoff(0.05), 100)) as client:
                client.ping()
            yield url
        finally:
            child.kill()
            child.wait()
