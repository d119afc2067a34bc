"""MD5 of many messages at once: eight take little longer than one where `engine/_md5.c` was compiled.

Without it each is hashed by itself, with the same result.
"""

import hashlib
import struct
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    advance: Callable[[bytes, Sequence["Data"]], list[bytes]] | None
else:
    try:
        from engine._md5 import advance
    except ImportError:
        advance = None

Data: TypeAlias = bytes | bytearray | memoryview

# How many messages cost about what one does.
LANES: Final = 8 if advance is not None else 1
_BLOCK: Final = 64
_BEGIN: Final = struct.pack("<4I", 0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)


class Md5(Protocol):
    """The MD5 of a message that comes piece by piece, see `update_all`."""

    def digest(self) -> bytes:
        """Of what has come so far, 16 bytes."""
        ...


def begun() -> Md5:
    """The MD5 of an empty message."""
    return _Lane() if advance is not None else hashlib.md5(usedforsecurity=False)


def update_all(pieces: Iterable[tuple[Md5, Data]]) -> None:
    """Each message, none of them twice, goes on with its piece. The interpreter's lock is not held meanwhile."""
    lanes: list[tuple[_Lane, Data]] = []
    for message, piece in pieces:
        if isinstance(message, _Lane):
            lanes.append((message, message.left + piece if message.left else piece))
        else:
            message.update(piece)  # type: ignore[attr-defined]  # one of hashlib's
    if lanes:
        assert advance is not None
        states = advance(b"".join(lane.state for lane, _ in lanes), [piece for _, piece in lanes])
        for (lane, piece), state in zip(lanes, states, strict=True):
            lane.took(piece, state)


def digests(messages: Sequence[Data]) -> list[bytes]:
    """The MD5 of each message, 16 bytes each. The interpreter's lock is not held meanwhile."""
    if len(messages) < 2:
        return [hashlib.md5(message, usedforsecurity=False).digest() for message in messages]
    each = [begun() for _ in messages]
    update_all(zip(each, messages, strict=True))
    return [one.digest() for one in each]


class _Lane:
    """`state` is that after all whole blocks, `left` what has come of the next one."""

    __slots__ = ("_length", "left", "state")

    def __init__(self) -> None:
        self.state = _BEGIN
        self.left = b""
        self._length = 0

    def took(self, piece: Data, state: bytes) -> None:
        """`piece` begins with what was left; `state` is that after its whole blocks."""
        whole = len(piece) - len(piece) % _BLOCK
        self.state, self.left = state, bytes(piece[whole:])
        self._length += whole

    def digest(self) -> bytes:
        """See `Md5`. What is left is padded (RFC 1321, 3.1 and 3.2)."""
        assert advance is not None
        bits = 8 * (self._length + len(self.left))
        padding = b"\x80" + bytes((55 - len(self.left)) % _BLOCK) + struct.pack("<Q", bits % (1 << 64))
        return advance(self.state, [self.left + padding])[0]
