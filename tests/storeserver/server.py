"""The store server in this process."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

from tests.storeserver import control
from tests.storeserver.config import StoreConfig
from tests.storeserver.counters import Counters
from tests.storeserver.dispatch import Dispatcher
from tests.storeserver.faults import Faults
from tests.storeserver.protocol import Connection
from tests.storeserver.service import Service


class StoreServer:
    """A running server: `server = await StoreServer.start(StoreConfig(...))`, `await server.stop()`."""

    def __init__(self, service: Service, listener: asyncio.Server, connections: set[Connection]) -> None:
        self.service = service
        self._listener = listener
        self._connections = connections
        self.host, self.port = listener.sockets[0].getsockname()[:2]

    @staticmethod
    async def start(
        config: StoreConfig | None = None, answering: Callable[[Service], Dispatcher] = Dispatcher
    ) -> StoreServer:
        """Open the data and listen; port 0 takes a free one. `answering` may fill the data and answer otherwise."""
        config = config or StoreConfig()
        service = Service(config)
        dispatcher = answering(service)
        connections: set[Connection] = set()

        def close_idle() -> int:
            idle = [c for c in connections if c.idle]
            for connection in idle:
                connection.transport.close()
            return len(idle)

        service.close_idle = close_idle
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(
            lambda: Connection(dispatcher, connections), config.host, config.port, backlog=1024
        )
        return StoreServer(service, listener, connections)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.host}:{self.port}"

    async def stop(self) -> None:
        """Cut all connections and close the data."""
        self._listener.close()
        for connection in list(self._connections):
            connection.cut()
        await asyncio.sleep(0)
        await self._listener.wait_closed()
        self.service.storage.close()

    @property
    def faults(self) -> Faults:
        """The fault script."""
        return self.service.faults

    def counters(self) -> Counters:
        """What was asked since the last reset."""
        return self.service.recorder.counters()

    def reset_counters(self) -> None:
        """Forget counts, request log and bandwidth."""
        self.service.recorder.reset()

    def requests(self) -> list[dict[str, Any]]:
        """The request log (needs `request_log`)."""
        return self.service.recorder.requests()

    def bandwidth(self) -> dict[str, Any]:
        """Body bytes in and out for each 100 ms."""
        return self.service.recorder.bandwidth()

    def create_bucket(self, name: str, **flags: Any) -> None:
        """Create a bucket, or change flags of it."""
        control.set_bucket(self.service, name, **flags)

    def close_idle(self) -> int:
        """Close the connections that wait for a request, without a word; returns how many."""
        return self.service.close_idle()

    def settings(self, **values: Any) -> None:
        """Change settings while it runs."""
        control.set_settings(self.service, **values)

    def put(self, bucket: str, key: bytes, body: bytes, **properties: Any) -> dict[str, Any]:
        """Store an object past HTTP (see `control.put`)."""
        return control.info(control.put(self.service, bucket, key, body, **properties))

    def get(self, bucket: str, key: bytes) -> bytes:
        """Contents of an object."""
        return control.get(self.service, bucket, key)

    def info(self, bucket: str, key: bytes) -> dict[str, Any]:
        """Size, ETag, time and properties of an object."""
        return control.info(control.find(self.service, bucket, key))

    def keys(self, bucket: str) -> list[bytes]:
        """All keys in order."""
        return control.keys(self.service, bucket)

    def uploads(self, bucket: str) -> list[dict[str, Any]]:
        """Open multipart uploads."""
        return control.uploads(self.service, bucket)

    def delete(self, bucket: str, key: bytes) -> None:
        """Remove an object for good."""
        control.delete(self.service, bucket, key)

    def set_mtime(self, bucket: str, key: bytes, at: float) -> None:
        """Change an object's time of modification (seconds)."""
        control.set_mtime(self.service, bucket, key, at)

    def mutate(self, bucket: str, key: bytes) -> dict[str, Any]:
        """Give an object other contents of the same size."""
        return control.info(control.mutate(self.service, bucket, key))

    def restore(self, bucket: str, key: bytes) -> None:
        """Make an archived object readable at once."""
        control.restore(self.service, bucket, key)


async def serve(config: StoreConfig, answering: Callable[[Service], Dispatcher]) -> None:
    """Say where it listens, and answer until standard input ends."""
    ended = asyncio.Event()
    server = await StoreServer.start(config, answering)
    print(f"ready {server.url}", flush=True)
    asyncio.get_running_loop().add_reader(sys.stdin, ended.set)
    await ended.wait()
