"""Buckets of one test at both ends of an installation that several tests share."""

import re
from itertools import count
from typing import Any

from tests.e2e.site import Site

_numbers = count(1)


class Pair:
    """A fresh bucket at each end of one site, and what a task between them left behind."""

    def __init__(self, site: Site) -> None:
        self.site = site
        number = next(_numbers)
        self.left, self.right = f"left-{number}", f"right-{number}"
        site.source.create_bucket(self.left)
        site.destination.create_bucket(self.right)

    def put(self, *keys: bytes, **properties: Any) -> None:
        """Objects at the source, each with a body of its own."""
        for key in keys:
            self.site.source.put(self.left, key, b"body of " + key, **properties)

    def deny(self, pattern: str) -> int:
        """Keys that cannot be read until the fault is removed."""
        bad = {"status": 403, "code": "AccessDenied"}
        return int(self.site.source.faults.add(op="get", bucket=self.left, key=pattern, **bad))

    def create(self, *, keys: list[str] | None = None, prefix: str = "", **more: Any) -> int:
        """A task over the source's bucket."""
        node = self.site.request()
        source = node["src_node"] | {"bucket": self.left, "object_key": keys or [""]}
        destination = node["dst_node"] | {"bucket": self.right, "save_prefix": prefix}
        return self.site.create(src_node=source, dst_node=destination, **more)

    def migrate(self, **more: Any) -> dict[str, Any]:
        """A task at its end."""
        return self.site.wait(self.create(**more))

    def retry(self, task_id: int) -> dict[str, Any]:
        """The failed objects once more; the task at its end."""
        self.site.source.reset_counters()
        self.site.start(task_id, migrate_failed_object=True)
        return self.site.wait(task_id)

    def arrived(self) -> list[bytes]:
        """Keys at the destination, the engine's own left out; each has the source's body."""
        own = re.compile(rb"oms/task/")
        return [key for key in self.site.destination.keys(self.right) if not own.match(key)]

    def files(self, task: dict[str, Any], kind: str) -> list[str]:
        """Keys of the record files of one kind; every name has the form that is promised."""
        folder = f"oms/task/{task['name']}/{kind}_object_lists/"
        found = [key.decode() for key in self.site.destination.keys(self.right)]
        found = [key for key in found if key.startswith(folder)]
        assert all(re.fullmatch(rf"\d{{13}}\.{kind}_list\.txt", key.removeprefix(folder)) for key in found)
        return found

    def lines(self, task: dict[str, Any], kind: str) -> list[list[str]]:
        """The columns of all lines of one kind."""
        text = b"".join(self.site.destination.get(self.right, f.encode()) for f in self.files(task, kind))
        assert text == b"" or text.endswith(b"\n")
        return [line.split("\t") for line in text.decode().removesuffix("\n").split("\n")] if text else []
