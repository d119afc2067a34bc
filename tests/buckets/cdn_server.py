"""A CDN before a bucket: an HTTP server that gives objects only for addresses that it has checked itself."""

import base64
import hashlib
import hmac
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote

SECRET = "cdn-secret"
ACCESS_KEY, SECRET_KEY, BUCKET = "browse-key", "browse-secret", "photos"
SAS = "sv=2020-02-10&sig=a%2Fb"

Gate = Callable[["Asked"], str | None]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: its method, host, and the path and query as they stood on the wire."""

    method: str
    host: str
    path: str
    query: str

    def value(self, name: str) -> str:
        """The first value of a query parameter."""
        return parse_qs(self.query).get(name, [""])[0]


def md5(*parts: str) -> str:
    """The digest that all signed paths use."""
    return hashlib.md5("".join(parts).encode()).hexdigest()


def fresh(second: int) -> bool:
    """Signed for this very request."""
    return abs(time.time() - second) < 30


def open_to_all(asked: Asked) -> str | None:
    """NONE."""
    return asked.path if not asked.query else None


def type_a(name: str) -> Gate:
    """Aliyun A, Tencent A."""

    def gate(asked: Asked) -> str | None:
        found = re.fullmatch(r"([0-9]+)-([0-9a-zA-Z]{1,100})-0-([0-9a-f]{32})", asked.value(name))
        if found is None or not fresh(int(found[1])):
            return None
        right = md5(f"{asked.path}-{found[1]}-{found[2]}-0-{SECRET}")
        return asked.path if right == found[3] else None

    return gate


def type_b(asked: Asked) -> str | None:
    """Aliyun B, Tencent B."""
    found = re.fullmatch(r"/([0-9]{12})/([0-9a-f]{32})(/.*)", asked.path)
    if found is None:
        return None
    signed_at = datetime.strptime(f"{found[1]}+0800", "%Y%m%d%H%M%z")
    if not -30 < time.time() - signed_at.timestamp() < 90:
        return None
    return found[3] if md5(SECRET, found[1], found[3]) == found[2] else None


def type_c(*, decimal: bool = False) -> Gate:
    """Aliyun C, Tencent C; `decimal` is the order of Tencent's newer page."""

    def gate(asked: Asked) -> str | None:
        stamp = "[0-9]{10}" if decimal else "[0-9a-fA-F]{8}"
        found = re.fullmatch(rf"/([0-9a-f]{{32}})/({stamp})(/.*)", asked.path)
        if found is None or not fresh(int(found[2], 10 if decimal else 16)):
            return None
        right = md5(SECRET, found[2], found[3]) if decimal else md5(SECRET, found[3], found[2])
        return found[3] if right == found[1] else None

    return gate


def type_d(asked: Asked) -> str | None:
    """Tencent D."""
    stamp = asked.value("t")
    right = stamp.isdigit() and fresh(int(stamp)) and md5(SECRET, asked.path, stamp) == asked.value("sign")
    return asked.path if right else None


def decoded_d(asked: Asked) -> str | None:
    """Tencent D of a console that hashes the plain path."""
    stamp = asked.value("t")
    return asked.path if md5(SECRET, unquote(asked.path), stamp) == asked.value("sign") else None


def qiniu(asked: Asked) -> str | None:
    """Qiniu private."""
    signed, _, token = f"http://{asked.host}{asked.path}?{asked.query}".partition("&token=")
    digest = hmac.new(SECRET_KEY.encode(), signed.encode(), "sha1").digest()
    right = token == f"{ACCESS_KEY}:{base64.urlsafe_b64encode(digest).decode()}"
    return asked.path if right and int(asked.value("e")) > time.time() else None


def ksyun(asked: Asked) -> str | None:
    """Kingsoft private; for keys that both encodings write alike."""
    text = f"{asked.method}\n\n\n{asked.value('Expires')}\n/{BUCKET}{asked.path.replace('%20', '+')}"
    digest = base64.b64encode(hmac.new(SECRET_KEY.encode(), text.encode(), "sha1").digest()).decode()
    right = asked.value("Signature") == digest and asked.value("KSSAccessKeyId") == ACCESS_KEY
    return asked.path if right and int(asked.value("Expires")) > time.time() else None


def azure(asked: Asked) -> str | None:
    """An Azure token, appended as it is."""
    return asked.path if asked.query == SAS else None


@dataclass(slots=True)
class Cdn:
    """What the CDN holds and how it behaves; tests change it while it runs."""

    port: int
    objects: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    gate: Gate = open_to_all
    headers: dict[str, str] = field(default_factory=dict)
    knows_ranges: bool = True
    asked: list[Asked] = field(default_factory=list)

    def hold(self, key: str, body: bytes, etag: str | None = None) -> None:
        """Put an object into the CDN; the ETag is its MD5 unless another is given."""
        self.objects["/" + quote(key)] = (body, etag or hashlib.md5(body).hexdigest())


@contextmanager
def running_cdn() -> Iterator[Cdn]:
    """The CDN on a free port until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    cdn = Cdn(server.server_address[1])
    server.RequestHandlerClass = _handler(cdn)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield cdn
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(cdn: Cdn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            asked = Asked(self.command, self.headers["Host"], path, query)
            cdn.asked.append(asked)
            allowed = cdn.gate(asked)
            if allowed is None:
                self._answer(403, b"", "")
            elif allowed not in cdn.objects:
                self._answer(404, b"", "")
            else:
                self._give(*cdn.objects[allowed])

        def do_HEAD(self) -> None:
            self.do_GET()

        def _give(self, body: bytes, etag: str) -> None:
            asked = re.fullmatch(r"bytes=([0-9]+)-([0-9]+)", self.headers["Range"] or "")
            if asked and cdn.knows_ranges:
                first, last = int(asked[1]), min(int(asked[2]), len(body) - 1)
                self._answer(206, body[first : last + 1], etag, f"bytes {first}-{last}/{len(body)}")
            else:
                self._answer(200, body, etag)

        def _answer(self, status: int, body: bytes, etag: str, content_range: str = "") -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            for name, value in {"ETag": f'"{etag}"', "Content-Range": content_range, **cdn.headers}.items():
                if value.strip('"'):
                    self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    return Handler
