"""A web site that tests script page by page: what its answers say, leave out, cut short or lie about."""

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODIFIED = "Wed, 01 Jan 2020 00:00:00 GMT"
_RANGE = "bytes="
_FIRST_BYTE = "bytes=0-0"
_BLOCK = 64 << 10


@dataclass(slots=True)
class Page:
    """One path. Faults hold while `times` is not zero (-1: for ever), but for a GET of the first byte.

    `framing` is length, chunked or close (the end of the connection). `head_status`: what HEAD answers instead.
    `cut` is how many bytes of a body come before the connection ends; `claim` what Content-Length says instead;
    `says` replaces headers of GET answers. `on_sent` is told how many bytes of a body are on their way.
    """

    body: bytes = b""
    etag: str = "md5"
    modified: str = MODIFIED
    headers: dict[str, str] = field(default_factory=dict)
    ranges: bool = True
    conditions: bool = True
    framing: str = "length"
    head_length: bool = True
    head_status: int = 0
    status: int = 0
    location: str = ""
    cut: int | None = None
    claim: int | None = None
    says: dict[str, str] = field(default_factory=dict)
    times: int = -1
    pause: float = 0.0
    on_get: Callable[["Page"], None] | None = None
    on_sent: Callable[[int], None] | None = None

    @property
    def tag(self) -> str:
        """The ETag header: the body's MD5 in quotes unless the page says otherwise."""
        return f'"{hashlib.md5(self.body).hexdigest()}"' if self.etag == "md5" else self.etag


@dataclass(frozen=True, slots=True)
class Visit:
    """A request as it came; `client` is the port at the other end of its connection."""

    method: str
    target: str
    headers: dict[str, str]
    client: int


@dataclass(slots=True)
class Site:
    """Pages by raw target; tests change them while it runs."""

    port: int
    pages: dict[str, Page] = field(default_factory=dict)
    visits: list[Visit] = field(default_factory=list)
    inside: Counter[str] = field(default_factory=Counter)
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """Without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def put(self, target: str, body: bytes = b"", **more: object) -> str:
        """A page; its URL."""
        self.pages[target] = Page(body, **more)  # type: ignore[arg-type]
        return f"{self.url}{target}"

    def methods(self, target: str) -> list[str]:
        """What was asked of a target."""
        return [visit.method for visit in self.visits if visit.target == target]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


@contextmanager
def running_site() -> Iterator[Site]:
    """The site on a free loopback port until the block ends."""
    server = _Server(("127.0.0.1", 0), BaseHTTPRequestHandler)
    site = Site(server.server_address[1])
    server.RequestHandlerClass = _handler(site)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            # `path` folds slashes; the request line does not.
            target = self.requestline.split(" ")[1]
            with site.lock:
                headers = {name.lower(): value for name, value in self.headers.items()}
                site.visits.append(Visit(self.command, target, headers, self.client_address[1]))
                site.inside["now"] += 1
                site.most_at_once = max(site.most_at_once, site.inside["now"])
            try:
                self._visit(site.pages.get(target))
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True
            finally:
                with site.lock:
                    site.inside["now"] -= 1

        def do_HEAD(self) -> None:
            self.do_GET()

        def _visit(self, page: Page | None) -> None:
            if page is None:
                self._plain(404)
                return
            if page.pause:
                time.sleep(page.pause)
            if self.command == "GET" and page.on_get is not None:
                page.on_get(page)
            if page.status:
                self._plain(page.status, {"Location": page.location} if page.location else page.headers)
            elif self.command == "HEAD" and page.head_status:
                self._plain(page.head_status)
            elif page.conditions and self.headers.get("If-Match", page.tag) != page.tag:
                self._plain(412)
            else:
                self._give(page)

        def _plain(self, status: int, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _give(self, page: Page) -> None:
            body, asked = page.body, self.headers.get("Range", "")
            told = {"ETag": page.tag, "Last-Modified": page.modified, **page.headers}
            status, start, last = 200, 0, len(body) - 1
            current = self.headers.get("If-Range", page.tag) == page.tag
            if asked and page.ranges and current and self.command == "GET":
                first, _, end = asked.removeprefix(_RANGE).partition("-")
                start, last = int(first), min(int(end or last), last)
                if start > last:
                    self._plain(416, {"Content-Range": f"bytes */{len(body)}"})
                    return
                status = 206
                told["Content-Range"] = f"bytes {start}-{last}/{len(body)}"
            self._send(page, status, told, body[start : last + 1])

        def _send(self, page: Page, status: int, told: dict[str, str], data: bytes) -> None:
            get = self.command == "GET"
            lies = get and page.times != 0 and self.headers.get("Range") != _FIRST_BYTE
            if lies and page.times > 0 and (page.cut is not None or page.claim is not None or page.says):
                page.times -= 1
            self.send_response(status)
            framing = page.framing if get else ("length" if page.head_length else "none")
            if framing == "length":
                told["Content-Length"] = str(page.claim if lies and page.claim is not None else len(data))
            elif framing == "chunked":
                told["Transfer-Encoding"] = "chunked"
            told |= page.says if lies else {}
            for name, value in told.items():
                if value:
                    self.send_header(name, value)
            self.end_headers()
            if not get:
                return
            cut = page.cut if lies else None
            told_of = page.on_sent or (lambda _: None)
            self._write(data if cut is None else data[:cut], told_of, chunked=framing == "chunked")
            if cut is None and framing == "chunked":
                self.wfile.write(b"0\r\n\r\n")
            if cut is not None or framing == "close" or (lies and page.claim is not None):
                self.close_connection = True

        def _write(self, data: bytes, told_of: Callable[[int], None], *, chunked: bool) -> None:
            for at in range(0, len(data), _BLOCK):
                block = data[at : at + _BLOCK]
                told_of(at + len(block))
                self.wfile.write(b"%x\r\n%b\r\n" % (len(block), block) if chunked else block)

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    return Handler
