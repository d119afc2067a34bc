"""Decoding of chunked request bodies."""

from __future__ import annotations


class Malformed(Exception):
    """A request that is no HTTP; says which piece of it."""


class ChunkedDecoder:
    """Takes the bytes of a chunked body as they come."""

    def __init__(self) -> None:
        self.ended = False
        self._left = 0
        self._in_trailer = False

    def feed(self, data: bytes) -> tuple[bytes, int]:
        """The body bytes in `data` and how many bytes of it were used; raises Malformed."""
        pieces, at = [], 0
        while not self.ended:
            if self._left > 2:
                piece = data[at : at + self._left - 2]
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
            if self._left:
                if self._left > 2 or len(data) - at < self._left:
                    break
                at += self._left
                self._left = 0
            end = data.find(b"\r\n", at)
            if end < 0:
                break
            self._line(data[at:end])
            at = end + 2
        return b"".join(pieces), at

    def _line(self, line: bytes) -> None:
        if self._in_trailer:
            self.ended = not line
            return
        try:
            size = int(line.split(b";")[0], 16)
        except ValueError as wrong:
            raise Malformed("chunk size") from wrong
        if size:
            self._left = size + 2
        else:
            self._in_trailer = True
