"""A store server in an operating-system process of its own, with the same calls as the in-process one."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlencode

from tests.storeserver.config import StoreConfig, to_json
from tests.storeserver.counters import Counters

_REPOSITORY = Path(__file__).parents[2]


class RemoteFaults:
    """The fault script of a server in another process."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server

    def add(self, **what: Any) -> int:
        """Append a fault; returns its id."""
        return int(self._server.call("POST", "faults", body=json.dumps(what).encode())[0])

    def remove(self, fault_id: int) -> None:
        """Take one fault out."""
        self._server.call("DELETE", "faults", id=str(fault_id))

    def clear(self) -> None:
        """Empty the script."""
        self._server.call("DELETE", "faults")

    def all(self) -> list[dict[str, Any]]:
        """The script with its counts."""
        found: list[dict[str, Any]] = self._server.call("GET", "faults")
        return found


class ServerProcess:
    """`with ServerProcess(StoreConfig(...)) as server:`; blocking calls. It ends when its parent does."""

    def __init__(self, config: StoreConfig | None = None) -> None:
        """Start the process and wait until it listens; raises RuntimeError when it does not."""
        config = config or StoreConfig()
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write(to_json(config))
            file.flush()
            command = [sys.executable, "-m", "tests.storeserver", "--config", file.name]
            command += ["--memory"] if config.root is None else []
            self._begin([*command, "--with-stdin"])

    def _begin(self, command: list[str]) -> None:
        """The process is there and listens; raises RuntimeError when it does not."""
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, cwd=_REPOSITORY, stdin=pipe, stdout=pipe)
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode()
        if not line.startswith("ready "):
            self.process.wait()
            raise RuntimeError(f"the store server did not start: exit code {self.process.returncode}")
        self.url = line.split()[1]
        self.host, _, port = self.url.removeprefix("http://").rpartition(":")
        self.port = int(port)
        self.faults = RemoteFaults(self)

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it with SIGTERM."""
        self.process.terminate()
        self._reap()

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.process.kill()
        self._reap()

    def _reap(self) -> None:
        self.process.wait(10)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()

    def call(self, method: str, page: str, *, body: bytes = b"", **query: str) -> Any:
        """Ask an admin page; JSON answers are decoded; raises RuntimeError with the error document."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            connection.request(method, f"/-/{page}" + (f"?{urlencode(query)}" if query else ""), body=body)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        if response.status != 200:
            raise RuntimeError(content.decode("utf-8", "replace"))
        return json.loads(content) if response.headers["content-type"] == "application/json" else content

    def _object(
        self, method: str, page: str, bucket: str, key: bytes, body: bytes = b"", **query: str
    ) -> Any:
        more = f"?key={quote(key, safe='')}&" + urlencode({"bucket": bucket} | query)
        return self.call(method, page + more, body=body)

    def counters(self) -> Counters:
        """What was asked since the last reset."""
        return Counters.from_json(self.call("GET", "counters"))

    def reset_counters(self) -> None:
        """Forget counts, request log and bandwidth."""
        self.call("POST", "counters/reset")

    def requests(self) -> list[dict[str, Any]]:
        """The request log (needs `request_log`)."""
        found: list[dict[str, Any]] = self.call("GET", "requests")
        return found

    def bandwidth(self) -> dict[str, Any]:
        """Body bytes in and out for each 100 ms."""
        found: dict[str, Any] = self.call("GET", "bandwidth")
        return found

    def create_bucket(self, name: str, **flags: Any) -> None:
        """Create a bucket, or change flags of it."""
        self.call("POST", "bucket", body=json.dumps({"name": name} | flags).encode())

    def close_idle(self) -> int:
        """Close the connections that wait for a request, without a word; returns how many."""
        return int(self.call("POST", "close-idle"))

    def settings(self, **values: Any) -> None:
        """Change settings while it runs, in the form of a configuration file."""
        self.call("POST", "settings", body=json.dumps(values).encode())

    def put(self, bucket: str, key: bytes, body: bytes, **properties: Any) -> dict[str, Any]:
        """Store an object (see `control.put`)."""
        stored: dict[str, Any] = self._object(
            "POST", "put", bucket, key, body, properties=json.dumps(properties)
        )
        return stored

    def get(self, bucket: str, key: bytes) -> bytes:
        """Contents of an object."""
        content: bytes = self._object("GET", "get", bucket, key)
        return content

    def info(self, bucket: str, key: bytes) -> dict[str, Any]:
        """Size, ETag, time and properties of an object."""
        found: dict[str, Any] = self._object("GET", "info", bucket, key)
        return found

    def keys(self, bucket: str) -> list[bytes]:
        """All keys in order."""
        return [unquote_to_bytes(key) for key in self.call("GET", "keys", bucket=bucket)]

    def uploads(self, bucket: str) -> list[dict[str, Any]]:
        """Open multipart uploads."""
        found: list[dict[str, Any]] = self.call("GET", "uploads", bucket=bucket)
        return found

    def delete(self, bucket: str, key: bytes) -> None:
        """Remove an object for good."""
        self._object("POST", "delete", bucket, key)

    def set_mtime(self, bucket: str, key: bytes, at: float) -> None:
        """Change an object's time of modification (seconds)."""
        self._object("POST", "mtime", bucket, key, at=repr(at))

    def mutate(self, bucket: str, key: bytes) -> dict[str, Any]:
        """Give an object other contents of the same size."""
        found: dict[str, Any] = self._object("POST", "mutate", bucket, key)
        return found

    def restore(self, bucket: str, key: bytes) -> None:
        """Make an archived object readable at once."""
        self._object("POST", "restore", bucket, key)
