"""Object contents: how they come in, where they lie, how they are read.

A body is a row of segments: bytes in memory, a span of the log, or a file of its own. Contents never
change in place, so a reader that has opened a body sees one version of it.
"""

from __future__ import annotations

import hashlib
import os
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fastcrc import crc64

INLINE_BYTES = 64 * 1024
BLOCK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a file below the root; the file "" is the log itself."""

    file: str
    offset: int
    length: int


Segment = bytes | Span


@dataclass(frozen=True, slots=True)
class Body:
    """Contents of an object or part with their size and MD5."""

    segments: tuple[Segment, ...]
    size: int
    md5: str = ""


class Files:
    """The data files below a root, and the log, for reading; without a root only memory."""

    def __init__(self, root: Path | None) -> None:
        self.root = root
        self.log = -1
        self._serial = 0
        self._held: dict[str, int] = {}
        self._doomed: set[str] = set()
        if root is not None:
            (root / "data").mkdir(parents=True, exist_ok=True)
            taken = [int(p.name, 16) for p in (root / "data").glob("*/*")]
            self._serial = max(taken, default=0)

    def create(self) -> tuple[str, int]:
        """A new empty data file: its name below the root and a descriptor open for writing."""
        assert self.root is not None
        self._serial += 1
        name = f"data/{self._serial % 256:02x}/{self._serial:012x}"
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        return name, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)

    def remove(self, body: Body) -> None:
        """Delete the files of a body that no object has any more, at once or when its readers end."""
        for segment in body.segments:
            if isinstance(segment, Span) and segment.file:
                if segment.file in self._held:
                    self._doomed.add(segment.file)
                else:
                    self._unlink(segment.file)

    def _unlink(self, name: str) -> None:
        assert self.root is not None
        (self.root / name).unlink(missing_ok=True)

    def hold(self, segment: Segment) -> None:
        """A reader begins: the segment's file stays."""
        if isinstance(segment, Span) and segment.file:
            self._held[segment.file] = self._held.get(segment.file, 0) + 1

    def release(self, segment: Segment) -> None:
        """A reader has ended."""
        if not isinstance(segment, Span) or not segment.file:
            return
        self._held[segment.file] -= 1
        if not self._held[segment.file]:
            del self._held[segment.file]
            if segment.file in self._doomed:
                self._doomed.remove(segment.file)
                self._unlink(segment.file)

    def duplicate(self, body: Body) -> Body:
        """The same contents under files of their own."""
        return Body(tuple(self._duplicate(s) for s in body.segments), body.size, body.md5)

    def _duplicate(self, segment: Segment) -> Segment:
        if isinstance(segment, bytes) or not segment.file:
            return segment
        assert self.root is not None
        name, descriptor = self.create()
        os.close(descriptor)
        (self.root / name).unlink()
        os.link(self.root / segment.file, self.root / name)
        return Span(name, segment.offset, segment.length)


class Reader:
    """Reads the bytes `[start, end)` of a body; the object may be replaced or deleted meanwhile."""

    def __init__(self, files: Files, body: Body, start: int, end: int) -> None:
        self._files = files
        self._starts: list[int] = []
        self._segments: list[Segment] = []
        self._open = ("", -1)
        at = 0
        for segment in body.segments:
            length = len(segment) if isinstance(segment, bytes) else segment.length
            if at < end and at + length > start:
                self._starts.append(at)
                self._segments.append(segment)
                files.hold(segment)
            at += length

    def read(self, start: int, count: int) -> bytes:
        """The bytes `[start, start + count)` of the body, which must lie in the reader's range."""
        pieces, end = [], start + count
        index = bisect_right(self._starts, start) - 1
        while start < end:
            piece = self._piece(index, start - self._starts[index], end - start)
            pieces.append(piece)
            start += len(piece)
            index += 1
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _piece(self, index: int, skip: int, most: int) -> bytes:
        segment = self._segments[index]
        if isinstance(segment, bytes):
            return segment if not skip and most >= len(segment) else segment[skip : skip + most]
        count = min(most, segment.length - skip)
        piece = os.pread(self._descriptor(segment.file), count, segment.offset + skip)
        if len(piece) != count:
            raise OSError(f"{segment.file or 'the log'} is shorter than it was")
        return piece

    def _descriptor(self, name: str) -> int:
        if not name:
            return self._files.log
        if self._open[0] != name:
            assert self._files.root is not None
            self._shut()
            self._open = (name, os.open(self._files.root / name, os.O_RDONLY))
        return self._open[1]

    def blocks(self, start: int, count: int) -> Iterator[bytes]:
        """The same bytes in blocks of at most 256 KiB."""
        end = start + count
        while start < end:
            step = min(BLOCK, end - start)
            yield self.read(start, step)
            start += step

    def _shut(self) -> None:
        if self._open[1] >= 0:
            os.close(self._open[1])
            self._open = ("", -1)

    def close(self) -> None:
        """Let go of the files; may be called twice."""
        self._shut()
        for segment in self._segments:
            self._files.release(segment)
        self._segments.clear()


class Sink:
    """Takes a request's body: small ones stay in memory, large ones go to a file when there is a root."""

    __slots__ = ("_chunks", "_descriptor", "_files", "_md5", "_name", "_sha256", "size")

    def __init__(self, files: Files, expected: int, *, sha256: bool) -> None:
        self.size = 0
        self._files = files
        self._chunks: list[bytes] = []
        self._md5 = hashlib.md5()
        self._sha256 = hashlib.sha256() if sha256 else None
        self._name, self._descriptor = "", -1
        if files.root is not None and expected > INLINE_BYTES:
            self._name, self._descriptor = files.create()

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self.size += len(chunk)
        self._md5.update(chunk)
        if self._sha256 is not None:
            self._sha256.update(chunk)
        if self._descriptor >= 0:
            view = memoryview(chunk)
            while view:
                view = view[os.write(self._descriptor, view) :]
        else:
            self._chunks.append(chunk)

    def finish(self) -> Body:
        """The whole body; the sink takes no more."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            return Body((Span(self._name, 0, self.size),), self.size, self._md5.hexdigest())
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        return Body((data,), self.size, self._md5.hexdigest())

    def sha256(self) -> str:
        """The SHA-256 of what came, in hex."""
        return self._sha256.hexdigest() if self._sha256 is not None else ""

    def discard(self) -> None:
        """Forget what came."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            self._files.remove(Body((Span(self._name, 0, 0),), 0))
        self._chunks.clear()


def content_crc64(files: Files, body: Body) -> str:
    """CRC-64/XZ of a body, as the decimal text that OBS writes."""
    reader = Reader(files, body, 0, body.size)
    try:
        crc: int | None = None
        for block in reader.blocks(0, body.size):
            crc = crc64.xz(block, crc)
        return str(crc64.xz(b"") if crc is None else crc)
    finally:
        reader.close()
