"""Ports and readiness of the HTTP server."""

import errno
import http.client
import socket

from cli.embedded.errors import EmbeddedError

HOST = "127.0.0.1"


def free_port(port: int) -> int:
    """`port` if nobody listens on it, or any free one for 0; raises EmbeddedError when it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            reason = "in use" if error.errno == errno.EADDRINUSE else error.strerror
            raise EmbeddedError(f"port {port} is not available: {reason}") from error
        return int(probe.getsockname()[1])


def answers_ready(port: int) -> bool:
    """Whether `/readyz` answers 200 right now."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
