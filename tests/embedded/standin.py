"""A stand-in for the API: answers 200 on /readyz and tells what it was given; also a do-nothing worker."""

import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer


class Answer(BaseHTTPRequestHandler):
    """Answers the environment on every path."""

    def do_GET(self) -> None:
        """200 with the environment as JSON."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(dict(os.environ)).encode())

    def log_message(self, *_arguments: object) -> None:
        """Stays quiet."""


def main() -> None:
    """`standin.py api PORT` or `standin.py worker NAME`; the one named STANDIN_BREAKS ends at once."""
    if sys.argv[2] == os.environ.get("STANDIN_BREAKS"):
        sys.exit("stand-in refuses to run")
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    if sys.argv[1] == "api":
        HTTPServer(("127.0.0.1", int(sys.argv[2])), Answer).serve_forever()
    print("started", sys.argv[2], flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
