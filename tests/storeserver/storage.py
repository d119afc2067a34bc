"""The durable side of a store: an append-only log that is read back at start.

Each record is one change; small contents stand in the log behind their record, large ones in files.
A record that a crash cut short is dropped at the next start, and so are files that no record names.
Records reach the operating system before the answer is sent: a killed server loses nothing that it
confirmed, a power cut may.
"""

from __future__ import annotations

import fcntl
import os
import struct
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from tests.storeserver.body import Body, Files, Span
from tests.storeserver.config import BucketFlags
from tests.storeserver.model import Bucket, Part, Properties, SyntheticBucket, Upload, Version

_FRAME = struct.Struct("<4sIQI")
_MAGIC = b"STO1"


def _text(key: bytes) -> str:
    return key.decode("latin-1")


class Storage:
    """All buckets of a server. Every change goes through here, to memory and to the log."""

    def __init__(self, root: Path | None) -> None:
        self.buckets: dict[str, Bucket] = {}
        if root is not None:
            root.mkdir(parents=True, exist_ok=True)
        self.files = Files(root)
        self._end = 0
        if root is not None:
            self._open(root / "objects.log")

    # --- the log -------------------------------------------------------------------------------------

    def _open(self, path: Path) -> None:
        log = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as busy:
            os.close(log)
            raise RuntimeError(f"another server uses {path.parent}") from busy
        self.files.log = log
        total = os.fstat(log).st_size
        while (step := self._replay(self._end, total)) is not None:
            self._end = step
        os.ftruncate(log, self._end)
        self._remove_strays(path.parent)

    def _replay(self, at: int, total: int) -> int | None:
        head = os.pread(self.files.log, _FRAME.size, at)
        if len(head) < _FRAME.size:
            return None
        magic, meta_length, inline_length, checksum = _FRAME.unpack(head)
        inline_at = at + _FRAME.size + meta_length
        if magic != _MAGIC or inline_at + inline_length > total:
            return None
        meta = os.pread(self.files.log, meta_length, at + _FRAME.size)
        if zlib.crc32(meta) != checksum:
            return None
        self._apply(orjson.loads(meta), inline_at, inline_length)
        return int(inline_at + inline_length)

    def _append(self, record: dict[str, Any], inline: bytes = b"") -> int:
        """Write a record; returns where its inline contents stand in the log."""
        meta = orjson.dumps(record)
        frame = _FRAME.pack(_MAGIC, len(meta), len(inline), zlib.crc32(meta))
        at = self._end
        rest = memoryview(b"".join((frame, meta, inline)))
        self._end += len(rest)
        while rest:
            written = os.pwrite(self.files.log, rest, self._end - len(rest))
            rest = rest[written:]
        return at + _FRAME.size + len(meta)

    def _remove_strays(self, root: Path) -> None:
        bodies = [v.body for b in self.buckets.values() for held in b.versions.values() for v in held]
        bodies += [
            p.body for b in self.buckets.values() for u in b.uploads.values() for p in u.parts.values()
        ]
        named = {s.file for body in bodies for s in body.segments if isinstance(s, Span)}
        for path in (root / "data").glob("*/*"):
            if str(path.relative_to(root)) not in named:
                path.unlink()

    def close(self) -> None:
        """Let go of the log."""
        if self.files.log >= 0:
            os.close(self.files.log)
            self.files.log = -1

    # --- records -------------------------------------------------------------------------------------

    def _apply(self, record: dict[str, Any], inline_at: int, inline_length: int) -> None:
        kind, name = record["t"], record["b"]
        match kind:
            case "bucket":
                self.buckets[name] = Bucket(name, record["at"], BucketFlags(**record["flags"]))
            case "flags":
                self.buckets[name].flags = BucketFlags(**record["flags"])
            case "no-bucket":
                del self.buckets[name]
            case "object":
                self.buckets[name].add(_version(record, _body(record, inline_at, inline_length)))
                self.buckets[name].uploads.pop(record["upload_id"], None)
            case "drop":
                self.buckets[name].drop(record["k"].encode("latin-1"), record["version_id"])
            case "upload":
                key, properties = record["k"].encode("latin-1"), Properties(**record["p"])
                self.buckets[name].uploads[record["id"]] = Upload(record["id"], key, record["at"], properties)
            case "part":
                body = _body(record, inline_at, inline_length)
                part = Part(record["n"], body, record["etag"], record["at"])
                self.buckets[name].uploads[record["id"]].parts[part.number] = part
            case "no-upload":
                del self.buckets[name].uploads[record["id"]]
            case "state":
                self._apply_state(self.buckets[name], record)
            case _:
                raise ValueError(f"unknown record {kind}")

    def _apply_state(self, bucket: Bucket, record: dict[str, Any]) -> None:
        version = bucket.version(record["k"].encode("latin-1"), record["version_id"] or "null")
        if version is not None:
            version.modified, version.restore_ready = record["at"], record["ready"]
            version.restore_until = record["until"]

    def _settle(self, record: dict[str, Any], body: Body) -> Body:
        """Log a record with a body; contents in memory move to the log when there is one."""
        if self.files.root is None:
            return body
        inline = b"".join(s for s in body.segments if isinstance(s, bytes))
        memory_only = len(inline) == body.size
        spans = [[s.file, s.offset, s.length] for s in body.segments if isinstance(s, Span)]
        assert memory_only or not inline, "a body is either in memory or in files"
        record |= {"md5": body.md5, "spans": None if memory_only else spans, "size": body.size}
        at = self._append(record, inline)
        return Body((Span("", at, body.size),), body.size, body.md5) if memory_only else body

    # --- changes -------------------------------------------------------------------------------------

    def create_bucket(self, name: str, created: float, flags: BucketFlags) -> Bucket:
        """Add a bucket."""
        self.buckets[name] = Bucket(name, created, flags)
        self._log({"t": "bucket", "b": name, "at": created, "flags": asdict(flags)})
        return self.buckets[name]

    def set_flags(self, name: str, flags: BucketFlags) -> None:
        """Change how a bucket behaves."""
        bucket = self.buckets[name]
        bucket.flags = flags
        if not isinstance(bucket, SyntheticBucket):
            self._log({"t": "flags", "b": name, "flags": asdict(flags)})

    def delete_bucket(self, name: str) -> None:
        """Remove an empty bucket."""
        for upload_id in list(self.buckets[name].uploads):
            self.remove_upload(self.buckets[name], upload_id)
        del self.buckets[name]
        self._log({"t": "no-bucket", "b": name})

    def put(self, bucket: Bucket, version: Version) -> None:
        """Store a version; what it replaces is gone. An upload that it completes is closed with it."""
        upload = bucket.uploads.pop(version.upload_id, None)
        version.body = self._settle(_object_record(bucket.name, version), version.body)
        replaced = bucket.add(version)
        for old in replaced:
            self.files.remove(old.body)
        if upload is not None and self.files.root is not None:
            used = set(version.body.segments)
            for part in upload.parts.values():
                if not used.intersection(part.body.segments):
                    self.files.remove(part.body)

    def drop(self, bucket: Bucket, key: bytes, version_id: str) -> Version | None:
        """Remove one version for good."""
        dropped = bucket.drop(key, version_id)
        if dropped is not None:
            self._log({"t": "drop", "b": bucket.name, "k": _text(key), "version_id": version_id})
            self.files.remove(dropped.body)
        return dropped

    def note_state(self, bucket: Bucket, version: Version) -> None:
        """Record a changed time or restore state of a version."""
        self._log({
            "t": "state", "b": bucket.name, "k": _text(version.key), "version_id": version.version_id,
            "at": version.modified, "ready": version.restore_ready, "until": version.restore_until,
        })  # fmt: skip

    def add_upload(self, bucket: Bucket, upload: Upload) -> None:
        """Open an upload."""
        bucket.uploads[upload.upload_id] = upload
        self._log({
            "t": "upload", "b": bucket.name, "k": _text(upload.key), "id": upload.upload_id,
            "at": upload.initiated, "p": asdict(upload.properties),
        })  # fmt: skip

    def add_part(self, bucket: Bucket, upload: Upload, part: Part) -> None:
        """Store a part; one of the same number is replaced."""
        record = {"t": "part", "b": bucket.name, "id": upload.upload_id, "n": part.number,
                  "etag": part.etag, "at": part.modified}  # fmt: skip
        part.body = self._settle(record, part.body)
        old = upload.parts.get(part.number)
        upload.parts[part.number] = part
        if old is not None:
            self.files.remove(old.body)

    def remove_upload(self, bucket: Bucket, upload_id: str) -> None:
        """Abort an upload and drop its parts."""
        upload = bucket.uploads.pop(upload_id)
        self._log({"t": "no-upload", "b": bucket.name, "id": upload_id})
        for part in upload.parts.values():
            self.files.remove(part.body)

    def _log(self, record: dict[str, Any]) -> None:
        if self.files.root is not None:
            self._append(record)


def _object_record(bucket: str, v: Version) -> dict[str, Any]:
    return {
        "t": "object", "b": bucket, "k": _text(v.key), "etag": v.etag, "at": v.modified,
        "p": asdict(v.properties), "version_id": v.version_id, "marker": v.delete_marker,
        "upload_id": v.upload_id, "crc64": v.crc64,
    }  # fmt: skip


def _version(record: dict[str, Any], body: Body) -> Version:
    return Version(
        record["k"].encode("latin-1"), body, record["etag"], record["at"], Properties(**record["p"]),
        record["version_id"], record["marker"], record["upload_id"], record["crc64"],
    )  # fmt: skip


def _body(record: dict[str, Any], inline_at: int, inline_length: int) -> Body:
    spans = record["spans"]
    if spans is None:
        return Body((Span("", inline_at, inline_length),), record["size"], record["md5"])
    return Body(tuple(Span(*span) for span in spans), record["size"], record["md5"])
