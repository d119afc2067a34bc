"""A loopback server that answers every request with an empty 200 and keeps what it was asked, byte for byte."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request as it stood on the wire; header names are lower case."""

    method: str
    raw_target: str
    headers: dict[str, str]


@dataclass(slots=True)
class Recorder:
    """Where it listens and what it was asked."""

    port: int
    requests: list[Recorded] = field(default_factory=list)


@contextmanager
def recording() -> Iterator[Recorder]:
    """A running recorder on a free port."""
    recorder = Recorder(0)

    class Answering(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while line := self.rfile.readline():
                method, raw_target = line.decode("latin-1").rstrip("\r\n").rsplit(" ", 1)[0].split(" ", 1)
                headers = self._headers()
                self.rfile.read(int(headers.get("content-length", "0")))
                recorder.requests.append(Recorded(method, raw_target, headers))
                self.wfile.write(b'HTTP/1.1 200 OK\r\nETag: "x"\r\nContent-Length: 0\r\n\r\n')

        def _headers(self) -> dict[str, str]:
            headers = {}
            while (line := self.rfile.readline().decode("latin-1").rstrip("\r\n")) != "":
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            return headers

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answering) as server:
        server.daemon_threads = True
        recorder.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield recorder
        finally:
            server.shutdown()
            thread.join()
