"""What a store holds: buckets, object versions, uploads and parts."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.storeserver.body import Body
from tests.storeserver.config import BucketFlags, Synthetic
from tests.storeserver.index import SortedKeys

_SYNTHETIC_EPOCH = 1_704_067_200.0
_ZEROS_FROM = 64 * 1024
ARCHIVED = frozenset({"GLACIER", "DEEP_ARCHIVE", "DEEP_COLD_ARCHIVE"})


@dataclass(slots=True)
class Properties:
    """What a writer says about an object: standard headers, user metadata, class, encryption."""

    headers: dict[str, str] = field(default_factory=dict)  # content-type, cache-control, ...
    metadata: dict[str, str] = field(default_factory=dict)
    storage_class: str = "STANDARD"
    encryption: str = ""  # "", "AES256" or "aws:kms"
    kms_key_id: str = ""
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Version:
    """One version of an object, or a delete marker."""

    key: bytes
    body: Body
    etag: str
    modified: float
    properties: Properties
    version_id: str = ""
    delete_marker: bool = False
    upload_id: str = ""
    crc64: str = ""
    restore_ready: float = 0.0  # when a restore has worked; 0: none asked for
    restore_until: float = 0.0

    @property
    def size(self) -> int:
        """Bytes of the contents."""
        return self.body.size

    def restore_state(self, now: float) -> str:
        """ "", "ongoing" or "restored"."""
        if not self.restore_ready or now >= self.restore_until:
            return ""
        return "ongoing" if now < self.restore_ready else "restored"

    def readable(self, now: float) -> bool:
        """Whether a GET may have the contents."""
        return self.properties.storage_class not in ARCHIVED or self.restore_state(now) == "restored"


@dataclass(slots=True)
class Part:
    """One part of an upload."""

    number: int
    body: Body
    etag: str
    modified: float


@dataclass(slots=True)
class Upload:
    """A multipart upload that is neither completed nor aborted."""

    upload_id: str
    key: bytes
    initiated: float
    properties: Properties
    parts: dict[int, Part] = field(default_factory=dict)


@dataclass(slots=True)
class Bucket:
    """A bucket with its objects in key order; `keys` holds those whose newest version is no marker."""

    name: str
    created: float
    flags: BucketFlags
    versions: dict[bytes, list[Version]] = field(default_factory=dict)
    keys: SortedKeys = field(default_factory=SortedKeys)
    uploads: dict[str, Upload] = field(default_factory=dict)

    def newest(self, key: bytes) -> Version | None:
        """The version that a plain GET sees."""
        held = self.versions.get(key)
        return None if held is None or held[-1].delete_marker else held[-1]

    def version(self, key: bytes, version_id: str) -> Version | None:
        """One version by its id; "null" names the one written without versioning."""
        wanted = "" if version_id == "null" else version_id
        return next((v for v in self.versions.get(key, []) if v.version_id == wanted), None)

    def add(self, version: Version) -> list[Version]:
        """Make a version the newest; returns those it replaced (same version id)."""
        visible = self.newest(version.key) is not None
        held = self.versions.setdefault(version.key, [])
        replaced = [v for v in held if v.version_id == version.version_id]
        held[:] = [v for v in held if v.version_id != version.version_id] if replaced else held
        held.append(version)
        self._note(version.key, visible)
        return replaced

    def drop(self, key: bytes, version_id: str) -> Version | None:
        """Remove one version for good."""
        visible = self.newest(key) is not None
        found = self.version(key, version_id)
        if found is not None:
            held = self.versions[key]
            held.remove(found)
            if not held:
                del self.versions[key]
            self._note(key, visible)
        return found

    def _note(self, key: bytes, was_visible: bool) -> None:
        visible = self.newest(key) is not None
        if visible and not was_visible:
            self.keys.add(key)
        elif was_visible and not visible:
            self.keys.remove(key)

    def seek(self, start: bytes, *, exclusive: bool = False) -> Iterator[Version]:
        """Visible objects in key order from a key on."""
        for key in self.keys.seek(start, exclusive=exclusive):
            yield self.versions[key][-1]


_PLAIN = Properties()


class SyntheticBucket(Bucket):
    """Objects that exist by rule only: their contents are their key repeated (zeros from 64 KiB on)."""

    __slots__ = ("_rule", "_zeros", "_zeros_md5")

    def __init__(self, name: str, rule: Synthetic) -> None:
        super().__init__(name, _SYNTHETIC_EPOCH, BucketFlags())
        self._rule = rule
        zeros = rule.size == 0 or rule.size >= _ZEROS_FROM
        self._zeros = Body((bytes(rule.size),), rule.size, "") if zeros else None
        self._zeros_md5 = hashlib.md5(bytes(rule.size)).hexdigest() if zeros else ""

    def _key(self, number: int) -> bytes:
        return (self._rule.pattern % number).encode()

    def _object(self, number: int, key: bytes) -> Version:
        modified = _SYNTHETIC_EPOCH + number // 1000
        if self._zeros is not None:
            return Version(key, self._zeros, self._zeros_md5, modified, _PLAIN)
        size = self._rule.size
        content = (key * (size // len(key) + 1))[:size]
        etag = hashlib.md5(content).hexdigest()
        return Version(key, Body((content,), size, etag), etag, modified, _PLAIN)

    def newest(self, key: bytes) -> Version | None:
        number = bisect_left(range(self._rule.count), key, key=self._key)
        return self._object(number, key) if number < self._rule.count and self._key(number) == key else None

    def version(self, key: bytes, version_id: str) -> Version | None:
        return self.newest(key) if version_id == "null" else None

    def seek(self, start: bytes, *, exclusive: bool = False) -> Iterator[Version]:
        numbers = range(self._rule.count)
        find = bisect_right if exclusive else bisect_left
        for number in numbers[find(numbers, start, key=self._key) :]:
            yield self._object(number, self._key(number))
