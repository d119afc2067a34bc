"""`oms api`: the HTTP server."""

import signal
import sys

import click
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 * 1024


class BoundedHead(HttpToolsProtocol):
    """uvicorn's protocol, which has no limit itself, with one: line and headers fit HEAD_BYTES."""

    _head_bytes = 0
    _in_body = False

    def data_received(self, data: bytes) -> None:
        """Feeds the parser; answers 400 and closes when a head does not end in time."""
        if not self._in_body:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > HEAD_BYTES and not self._in_body and not self.transport.is_closing():
            self.send_400_response("Request head too large.")

    def on_headers_complete(self) -> None:
        """The head is over: what comes next is a body."""
        self._head_bytes, self._in_body = 0, True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body is over: what comes next is a head."""
        self._head_bytes, self._in_body = 0, False
        super().on_message_complete()


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Its port.")
def command(host: str, port: int) -> None:
    """Serves the HTTP API (a piece of a cluster; `oms up` starts it by itself)."""
    # uvicorn raises the signal again when it has shut down; that is a good end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        "api.app:create_app",
        factory=True,
        host=host,
        port=port,
        loop="uvloop",
        http=BoundedHead,
        ws="none",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
    )
