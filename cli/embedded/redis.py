"""The embedded Redis: memory only, reachable through a Unix socket alone."""

import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import redis

from cli.embedded.errors import EmbeddedError
from cli.embedded.process import Launch, end, spawn, tail
from cli.embedded.wheels import redis_program

START_SECONDS = 20.0
SOCKET = "redis.sock"


@dataclass(slots=True)
class Redis:
    """One embedded server. Nothing is saved: what it holds are doorbells and buckets that fill again."""

    home: Path
    sockets: Path
    log: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL for redis-py."""
        return f"unix://{quote(str(self.sockets / SOCKET), safe='/')}"

    def start(self) -> None:
        """Starts the server and waits until it answers; raises EmbeddedError."""
        self.home.mkdir(mode=0o700, exist_ok=True)
        self.process = spawn(Launch(self._command(), self.log, directory=self.home))
        self._wait_until_answering(time.monotonic() + START_SECONDS)

    def stop(self) -> int:
        """Ends the server; returns its exit status (0 when nothing ran)."""
        if self.process is None:
            return 0
        status = end(self.process, [(signal.SIGTERM, 5.0)])
        self.process = None
        return status

    def _command(self) -> tuple[str, ...]:
        options = {
            "port": "0",
            "unixsocket": str(self.sockets / SOCKET),
            "unixsocketperm": "700",
            "dir": str(self.home),
            "save": "",
            "appendonly": "no",
            "maxmemory": "128mb",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "loglevel": "notice",
        }
        return (redis_program(), *(part for name, value in options.items() for part in (f"--{name}", value)))

    def _wait_until_answering(self, deadline: float) -> None:
        client = redis.Redis(unix_socket_path=str(self.sockets / SOCKET))
        with client:
            while True:
                try:
                    client.ping()
                    return
                except redis.ConnectionError as error:
                    if self.process is None or self.process.poll() is not None:
                        raise EmbeddedError(f"Redis ended while starting:\n{tail(self.log)}") from error
                    if time.monotonic() > deadline:
                        self.stop()
                        raise EmbeddedError(f"Redis does not answer:\n{tail(self.log)}") from error
                    time.sleep(0.01)
