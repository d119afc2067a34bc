"""The reference store: keeps every promise of `connectors.capabilities` in memory. Tests of the engine run on it."""

import hashlib
import re
import time
from bisect import bisect_right, insort
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from fastcrc import crc64

from connectors.errors import (
    Archived,
    Changed,
    Corrupted,
    Fatal,
    NotFound,
    PreconditionFailed,
    Rejected,
    StoreError,
)
from connectors.objects import (
    Availability,
    Block,
    BucketInfo,
    ByteRange,
    Condition,
    Encryption,
    FolderPage,
    Guard,
    ObjectHead,
    ObjectInfo,
    ObjectPage,
    OpenUpload,
    Pace,
    Part,
    ReadAnswer,
    StorageClass,
    WriteOptions,
    Written,
)
from connectors.traits import Traits
from engine.failures import Meaning, Operation

_NAME = re.compile(r"[A-Za-z0-9-]+")
_ARCHIVED = frozenset({StorageClass.ARCHIVE, StorageClass.DEEP_ARCHIVE})


@dataclass(slots=True)
class _Upload:
    key: bytes
    options: WriteOptions
    initiated_ms: int
    parts: dict[int, tuple[Part, bytes]] = field(default_factory=dict)


class MemoryStore:
    """A bucket in memory. `faults` holds errors that the next calls raise, in order, before they do anything."""

    def __init__(
        self,
        name: str = "memory",
        traits: Traits | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.faults: deque[StoreError] = deque()
        self.exists = True
        self._name = name
        self._traits = traits or Traits()
        self._clock = clock
        self._keys: list[bytes] = []
        self._objects: dict[bytes, tuple[ObjectHead, bytes]] = {}
        self._uploads: dict[str, _Upload] = {}
        self._completed: dict[str, bytes] = {}
        self._ids = count(1)

    @property
    def traits(self) -> Traits:
        """As handed in."""
        return self._traits

    @property
    def name(self) -> str:
        """As handed in."""
        return self._name

    async def check_bucket(self) -> None:
        """See `BucketChecker`."""
        self._enter(Operation.CHECK_BUCKET)

    async def find_region(self) -> str:
        """See `RegionFinder`."""
        self._enter(Operation.FIND_REGION)
        return ""

    async def list_buckets(self) -> tuple[BucketInfo, ...]:
        """See `BucketLister`."""
        return (BucketInfo(self._name),) if self.exists else ()

    async def list_page(self, prefix: bytes, after: bytes, limit: int = 1000) -> ObjectPage:
        """See `Lister`."""
        self._enter(Operation.LIST)
        start = bisect_right(self._keys, max(after, prefix[:-1] if prefix else b""))
        found = []
        for index in range(start, len(self._keys)):
            key = self._keys[index]
            if key.startswith(prefix):
                found.append(self._objects[key][0].info)
            elif key > prefix:
                break
            if len(found) > limit:
                return ObjectPage(tuple(found[:limit]), found[limit - 1].key)
        return ObjectPage(tuple(found), None)

    async def list_folder(self, prefix: bytes, after: bytes, limit: int = 1000) -> FolderPage:
        """See `FolderLister`."""
        self._enter(Operation.LIST)
        level = dict.fromkeys(_level(key, prefix) for key in self._keys if key.startswith(prefix))
        names = [name for name in level if name > after][: limit + 1]
        shown = names[:limit]
        return FolderPage(
            folders=tuple(name for name in shown if _is_folder(name, prefix)),
            objects=tuple(self._objects[name][0].info for name in shown if not _is_folder(name, prefix)),
            after=shown[-1] if len(names) > limit else None,
        )

    async def head(self, key: bytes) -> ObjectHead:
        """See `Reader`."""
        self._enter(Operation.HEAD)
        return self._find(key, Operation.HEAD)[0]

    async def read(self, key: bytes, guard: Guard, part: ByteRange | None = None) -> ReadAnswer:
        """See `Reader`."""
        self._enter(Operation.READ)
        head, data = self._find(key, Operation.READ)
        if (guard.etag and guard.etag != head.info.etag) or guard.size != len(data):
            raise Changed(Meaning.CHANGED, Operation.READ, status=412)
        if head.info.availability is not Availability.READABLE:
            raise Archived(Meaning.ARCHIVED, Operation.READ, status=403, code="InvalidObjectState")
        if part is None:
            return ReadAnswer(data, head)
        if part.last >= len(data):
            raise Changed(Meaning.CHANGED, Operation.READ, status=416)
        return ReadAnswer(data[part.start : part.start + part.length], head)

    async def put(
        self, key: bytes, block: Block, options: WriteOptions, condition: Condition, pace: Pace | None = None
    ) -> Written:
        """See `Writer`."""
        self._enter(Operation.PUT)
        data = await _received(block, pace, Operation.PUT)
        self._check_key(key, Operation.PUT)
        self._check_condition(key, condition, Operation.PUT)
        if len(data) > self._traits.max_put:
            raise Rejected(Meaning.TOO_LARGE, Operation.PUT, status=400, code="EntityTooLarge")
        return self._store(key, data, block.md5.hex(), options)

    async def create_upload(self, key: bytes, options: WriteOptions) -> str:
        """See `MultipartWriter`."""
        self._enter(Operation.CREATE_UPLOAD)
        self._check_key(key, Operation.CREATE_UPLOAD)
        _check_metadata(options, Operation.CREATE_UPLOAD)
        upload_id = f"upload-{next(self._ids)}"
        self._uploads[upload_id] = _Upload(key, options, self._now())
        return upload_id

    async def put_part(
        self, key: bytes, upload_id: str, number: int, block: Block, pace: Pace | None = None
    ) -> Part:
        """See `MultipartWriter`."""
        self._enter(Operation.PUT_PART)
        data = await _received(block, pace, Operation.PUT_PART)
        upload = self._upload(key, upload_id, Operation.PUT_PART)
        part = Part(number, block.md5.hex(), len(data), block.crc64)
        upload.parts[number] = (part, data)
        return part

    async def list_parts(self, key: bytes, upload_id: str) -> tuple[Part, ...]:
        """See `MultipartWriter`."""
        self._enter(Operation.LIST_PARTS)
        parts = self._upload(key, upload_id, Operation.LIST_PARTS).parts
        return tuple(parts[number][0] for number in sorted(parts))

    async def complete_upload(
        self, key: bytes, upload_id: str, parts: Sequence[Part], condition: Condition
    ) -> Written:
        """See `MultipartWriter`."""
        operation = Operation.COMPLETE_UPLOAD
        self._enter(operation)
        upload = self._upload(key, upload_id, operation)
        self._check_condition(key, condition, operation)
        chosen = sorted(parts, key=lambda part: part.number)
        self._check_parts(upload, chosen)
        data = b"".join(upload.parts[part.number][1] for part in chosen)
        digest = hashlib.md5(b"".join(bytes.fromhex(part.etag) for part in chosen), usedforsecurity=False)
        del self._uploads[upload_id]
        return self._store(key, data, f"{digest.hexdigest()}-{len(chosen)}", upload.options, upload_id)

    def _check_parts(self, upload: _Upload, chosen: Sequence[Part]) -> None:
        for part in chosen:
            stored = upload.parts.get(part.number)
            if stored is None or stored[0].etag != part.etag:
                raise Rejected(Meaning.BAD_PART, Operation.COMPLETE_UPLOAD, status=400, code="InvalidPart")
            if part is not chosen[-1] and stored[0].size < self._traits.min_part:
                raise Rejected(Meaning.BAD_PART, Operation.COMPLETE_UPLOAD, status=400, code="EntityTooSmall")
        if not chosen:
            raise Rejected(Meaning.BAD_PART, Operation.COMPLETE_UPLOAD, status=400, code="MalformedXML")

    async def abort_upload(self, key: bytes, upload_id: str) -> None:
        """See `MultipartWriter`."""
        self._enter(Operation.ABORT_UPLOAD)
        self._uploads.pop(upload_id, None)

    async def list_uploads(self, prefix: bytes) -> tuple[OpenUpload, ...]:
        """See `UploadLister`."""
        self._enter(Operation.LIST_UPLOADS)
        found = [
            OpenUpload(upload.key, upload_id, upload.initiated_ms)
            for upload_id, upload in self._uploads.items()
            if upload.key.startswith(prefix)
        ]
        return tuple(sorted(found, key=lambda upload: (upload.key, upload.upload_id)))

    async def delete(self, key: bytes) -> None:
        """See `Deleter`."""
        self._enter(Operation.DELETE)
        if self._objects.pop(key, None) is not None:
            self._keys.remove(key)

    def restored(self, key: bytes) -> None:
        """Make an archived object readable, as a restore does in the end."""
        head, data = self._objects[key]
        info = replace(head.info, availability=Availability.READABLE)
        self._objects[key] = (replace(head, info=info), data)

    def _enter(self, operation: Operation) -> None:
        if self.faults:
            raise self.faults.popleft()
        if not self.exists:
            raise Fatal(Meaning.NO_BUCKET, operation, status=404, code="NoSuchBucket")

    def _now(self) -> int:
        return int(self._clock() * 1000)

    def _find(self, key: bytes, operation: Operation) -> tuple[ObjectHead, bytes]:
        try:
            return self._objects[key]
        except KeyError:
            raise NotFound(Meaning.NO_KEY, operation, status=404, code="NoSuchKey") from None

    def _upload(self, key: bytes, upload_id: str, operation: Operation) -> _Upload:
        upload = self._uploads.get(upload_id)
        if upload is None or upload.key != key:
            raise NotFound(Meaning.NO_UPLOAD, operation, status=404, code="NoSuchUpload")
        return upload

    def _check_key(self, key: bytes, operation: Operation) -> None:
        if not 0 < len(key) <= self._traits.max_key_bytes:
            raise Rejected(Meaning.BAD_KEY, operation, status=400, code="KeyTooLongError")

    def _check_condition(self, key: bytes, condition: Condition, operation: Operation) -> None:
        found = self._objects.get(key)
        if condition.absent and found is not None:
            raise PreconditionFailed(Meaning.PRECONDITION, operation, status=412)
        if condition.etag and (found is None or found[0].info.etag != condition.etag):
            raise PreconditionFailed(Meaning.PRECONDITION, operation, status=412)

    def _store(
        self, key: bytes, data: bytes, etag: str, options: WriteOptions, upload_id: str = ""
    ) -> Written:
        _check_metadata(options, Operation.PUT)
        archived = options.storage_class in _ARCHIVED
        now, checksum = self._now(), crc64.xz(data)
        info = ObjectInfo(
            key,
            len(data),
            now,
            etag,
            options.storage_class.value,
            Availability.ARCHIVED if archived else Availability.READABLE,
        )
        encryption = Encryption.KMS if options.kms else Encryption.NONE
        properties = replace(options.properties, metadata=_lowered(options.properties.metadata))
        if key not in self._objects:
            insort(self._keys, key)
        self._objects[key] = (ObjectHead(info, properties, encryption, checksum, upload_id), data)
        return Written(etag, crc64=checksum, encryption=encryption, answered_ms=now)


def _level(key: bytes, prefix: bytes) -> bytes:
    """The key, or its folder one level below `prefix`."""
    slash = key.find(b"/", len(prefix))
    return key if slash < 0 else key[: slash + 1]


def _is_folder(name: bytes, prefix: bytes) -> bool:
    return name.endswith(b"/") and len(name) > len(prefix)


def _lowered(metadata: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name.lower(), value) for name, value in metadata))


def _check_metadata(options: WriteOptions, operation: Operation) -> None:
    if not all(_NAME.fullmatch(name) for name, _ in options.properties.metadata):
        raise Rejected(Meaning.REJECTED, operation, message="a metadata name cannot be a header")


async def _received(block: Block, pace: Pace | None, operation: Operation) -> bytes:
    data = bytes(block.data)
    if pace is not None and data:
        await pace(len(data))
    if hashlib.md5(data, usedforsecurity=False).digest() != block.md5:
        raise Corrupted(Meaning.DIGEST_MISMATCH, operation, status=400, code="BadDigest")
    return data
