"""Plain HTTP to the admin pages of a store, over one kept connection a thread."""

from __future__ import annotations

import http.client
import json
import threading
from typing import Any
from urllib.parse import quote, unquote_to_bytes


class StorePages:
    """The pages below `/-/` of one store (see tests/storeserver/admin.py)."""

    def __init__(self, url: str) -> None:
        self._address = url.removeprefix("http://")
        self._kept = threading.local()

    def ask(self, method: str, page: str, body: bytes = b"") -> bytes:
        """The body of a 200 answer; raises RuntimeError with another one."""
        for last in (False, True):
            connection = getattr(self._kept, "connection", None)
            if connection is None:
                connection = self._kept.connection = http.client.HTTPConnection(self._address, timeout=60)
            try:
                connection.request(method, f"/-/{page}", body)
                answer = connection.getresponse()
                content = answer.read()
                break
            except (OSError, http.client.HTTPException):
                connection.close()
                self._kept.connection = None
                if last:
                    raise
        if answer.status != 200:
            raise RuntimeError(content.decode("utf-8", "replace"))
        return content

    def put(self, bucket: str, key: bytes, body: bytes, content_type: str = "") -> None:
        """Store an object."""
        headers = {"content-type": content_type} if content_type else {}
        properties = quote(json.dumps({"headers": headers}))
        self.ask("POST", f"put?bucket={bucket}&key={quote(key, safe='')}&properties={properties}", body)

    def get(self, bucket: str, key: bytes) -> bytes:
        """Contents of an object."""
        return self.ask("GET", f"get?bucket={bucket}&key={quote(key, safe='')}")

    def mutate(self, bucket: str, key: bytes) -> None:
        """Give an object other contents of the same size."""
        self.ask("POST", f"mutate?bucket={bucket}&key={quote(key, safe='')}")

    def keys(self, bucket: str) -> list[bytes]:
        """All keys in order."""
        return [unquote_to_bytes(key) for key in json.loads(self.ask("GET", f"keys?bucket={bucket}"))]

    def uploads(self, bucket: str) -> list[dict[str, Any]]:
        """Open multipart uploads."""
        found: list[dict[str, Any]] = json.loads(self.ask("GET", f"uploads?bucket={bucket}"))
        return found
