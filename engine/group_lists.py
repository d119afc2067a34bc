"""The folder of a list group: which of its objects are lists, and what makes it unusable (oms-behaviour 1.3)."""

from collections.abc import Iterable
from typing import Final

from engine.codes import message
from engine.listfile import MAX_BYTES

MOST_LISTS: Final = 2_000


class FolderRefused(ValueError):
    """The folder cannot be used; `code` says why (OMS 6.2)."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        super().__init__(f"{message(code)} ({detail})")


class ListFolder:
    """Takes a folder's objects in key order, and tells the lists among its direct children."""

    def __init__(self, key: str, *, most: int = MOST_LISTS, max_bytes: int = MAX_BYTES) -> None:
        self.prefix: Final = (key if key.endswith("/") else f"{key}/").encode()
        self._most = most
        self._max_bytes = max_bytes
        self._other: bytes | None = None
        self._lists: list[str] = []

    def add(self, found: Iterable[tuple[bytes, int]]) -> None:
        """Some (key, size). Raises FolderRefused: a list is too large S3M.1043, there are too many S3M.1045."""
        for key, size in found:
            name = key.removeprefix(self.prefix)
            if name and b"/" not in name:
                self._child(key, size)

    def lists(self) -> tuple[str, ...]:
        """The keys of all lists. Raises FolderRefused: there is none S3M.1042, or something else S3M.1044."""
        if not self._lists:
            raise FolderRefused("S3M.1042", self.prefix.decode())
        if self._other is not None:
            raise FolderRefused("S3M.1044", self._other.decode(errors="replace"))
        return tuple(self._lists)

    def _child(self, key: bytes, size: int) -> None:
        try:
            name = key.decode()
        except UnicodeDecodeError:
            name = ""
        if not name.endswith(".txt"):
            self._other = self._other or key
            return
        if size > self._max_bytes:
            raise FolderRefused("S3M.1043", name)
        if len(self._lists) == self._most:
            raise FolderRefused("S3M.1045", f"more than {self._most}")
        self._lists.append(name)
