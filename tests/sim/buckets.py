"""Buckets with a memory of every version they ever held, on the reference store of the conformance suite."""

import hashlib
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from connectors.memory import MemoryStore
from connectors.objects import Block, ObjectHead, Pace, Part, Properties, WriteOptions, Written
from connectors.traits import Traits

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Version:
    """What a key held from `since` on (seconds of virtual time); `data` None: nothing."""

    since: float
    data: bytes | None
    etag: str = ""
    by: str = ""


def now_done(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]  # whatever it returned
    raise AssertionError("it waits")


class Bucket(MemoryStore):
    """A bucket of the world. `opaque`: its ETags are no hashes; `tells_crc`: its answers carry CRC64."""

    def __init__(
        self, name: str, traits: Traits, clock: Any, *, opaque: bool = False, tells_crc: bool = True
    ) -> None:
        super().__init__(name, traits, clock)
        self.history: dict[bytes, list[Version]] = {}
        self.author = "owner"
        self._opaque = opaque
        self._tells_crc = tells_crc
        self._serial = 0

    def set(self, key: bytes, data: bytes, author: str = "owner") -> None:
        """The owner of the bucket writes."""
        self.author = author
        self._store(key, data, md5_hex(data), WriteOptions())

    def set_text(self, key: bytes, data: bytes) -> None:
        """A text file, such as a list."""
        self._store(key, data, md5_hex(data), WriteOptions(Properties(content_type="text/plain")))

    def unset(self, key: bytes) -> None:
        """The owner of the bucket deletes."""
        now_done(self.delete(key))
        self._remember(key, None, "")

    def aged(self, key: bytes, modified_ms: int) -> None:
        """Pretend that an object was written at another time."""
        head, data = self._objects[key]
        self._objects[key] = (replace(head, info=replace(head.info, modified_ms=modified_ms)), data)

    def at(self, key: bytes) -> tuple[ObjectHead, bytes] | None:
        """What the key holds now."""
        return self._objects.get(key)

    def keys(self) -> list[bytes]:
        """All keys, in order."""
        return list(self._keys)

    def forget_upload(self, upload_id: str) -> None:
        """As a lifecycle rule does."""
        self._uploads.pop(upload_id, None)

    @property
    def open_uploads(self) -> dict[str, bytes]:
        """Keys by upload id."""
        return {upload_id: upload.key for upload_id, upload in self._uploads.items()}

    async def put_part(
        self, key: bytes, upload_id: str, number: int, block: Block, pace: Pace | None = None
    ) -> Part:
        return self._as_told(await super().put_part(key, upload_id, number, block, pace))

    async def list_parts(self, key: bytes, upload_id: str) -> tuple[Part, ...]:
        return tuple(map(self._as_told, await super().list_parts(key, upload_id)))

    def _as_told(self, part: Part) -> Part:
        return part if self._tells_crc else replace(part, crc64=None)

    def _store(
        self, key: bytes, data: bytes, etag: str, options: WriteOptions, upload_id: str = ""
    ) -> Written:
        if self._opaque:
            self._serial += 1
            etag = f"opaque-{self._serial}"
        written = super()._store(key, data, etag, options, upload_id)
        if not self._tells_crc:
            head, _ = self._objects[key]
            self._objects[key] = (replace(head, crc64=None), data)
            written = replace(written, crc64=None)
        self._remember(key, data, etag)
        return written

    def _remember(self, key: bytes, data: bytes | None, etag: str) -> None:
        self.history.setdefault(key, []).append(Version(self._clock(), data, etag, self.author))


def md5_hex(data: bytes) -> str:
    """As an ETag."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def flipped(block: Block) -> Block:
    """The same hashes over other bytes."""
    data = bytearray(block.data)
    if data:
        data[len(data) // 2] ^= 0x40
    return Block(bytes(data), block.md5, block.crc64)
