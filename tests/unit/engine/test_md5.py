"""Many messages at once hash to what each hashes to alone."""

import hashlib
import shutil
import sys
import sysconfig
from array import array
from math import floor, sin
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine import md5

# RFC 1321, A.5.
KNOWN = {
    b"": "d41d8cd98f00b204e9800998ecf8427e",
    b"a": "0cc175b9c0f1b6a831c399e269772661",
    b"abc": "900150983cd24fb0d6963f7d28e17f72",
    b"message digest": "f96b697d7cb7938d525a2f31aaf161d0",
    b"abcdefghijklmnopqrstuvwxyz": "c3fcd3d76192e4007dfb496cca67e13b",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789": "d174ab98d277d9f5a5611c2c9f419d9f",
    b"1234567890" * 8: "57edf4a22be3c955ac49da2e2107b67a",
}


def test_the_messages_of_the_standard() -> None:
    assert [found.hex() for found in md5.digests(list(KNOWN))] == list(KNOWN.values())


# Lengths around the ends of blocks, and more messages than there are lanes.
@given(st.lists(st.one_of(st.binary(max_size=200), st.integers(0, 5000).map(bytes)), max_size=20))
@example([bytes([n]) * n for n in (55, 56, 63, 64, 65, 119, 120, 127, 128, 129)] * 3)
def test_each_message_is_hashed_as_alone(messages: list[bytes]) -> None:
    assert md5.digests(messages) == [hashlib.md5(message).digest() for message in messages]


def test_any_buffer_of_bytes_will_do() -> None:
    messages = [b"x" * 99, bytearray(b"y" * 64), memoryview(b"z" * 300)[10:210]]
    assert md5.digests(messages) == [hashlib.md5(message).digest() for message in messages]


def test_it_is_compiled_where_there_is_a_compiler() -> None:
    headers = Path(sysconfig.get_path("include"), "Python.h")
    assert shutil.which("cc") is None or not headers.exists() or md5.LANES == 8


@pytest.mark.skipif(md5.advance is None, reason="there is no compiler")
def test_what_it_cannot_take_is_refused_and_let_go() -> None:
    assert md5.advance is not None
    held = bytearray(64)
    for states, data, error in (
        (b"", [held], ValueError),
        (bytes(32), [held], ValueError),
        (bytes(32), [held, "text"], TypeError),
        (bytes(16), [memoryview(array("I", range(64)))[::2]], BufferError),
        (bytes(16), 5, TypeError),
    ):
        with pytest.raises(error):
            md5.advance(states, data)  # type: ignore[arg-type]
    held.append(1)  # nobody holds it any more
    assert sys.getrefcount(held) == 2


def test_without_the_compiled_module_the_result_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    messages = [b"a" * n for n in range(200)]
    expected = md5.digests(messages)
    monkeypatch.setattr(md5, "advance", None)
    assert md5.digests(messages) == expected


def test_the_constants_are_those_of_the_standard() -> None:
    source = Path(md5.__file__).with_name("_md5.c").read_text()
    for i in range(64):
        assert f"0x{floor(abs(sin(i + 1)) * 2**32):08x}" in source


_PIECES = st.lists(st.one_of(st.binary(max_size=150), st.integers(0, 300).map(bytes)), max_size=4)


@given(st.lists(_PIECES, min_size=1, max_size=10))
def test_messages_may_come_piece_by_piece(messages: list[list[bytes]]) -> None:
    each = [md5.begun() for _ in messages]
    for round_ in range(4):
        md5.update_all(
            [
                (one, pieces[round_])
                for one, pieces in zip(each, messages, strict=True)
                if round_ < len(pieces)
            ]
        )
        assert [one.digest() for one in each] == [
            hashlib.md5(b"".join(pieces[: round_ + 1])).digest() for pieces in messages
        ]


def test_pieces_without_the_compiled_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(md5, "advance", None)
    one, other = md5.begun(), md5.begun()
    md5.update_all([(one, b"ab"), (other, b"x")])
    md5.update_all([(one, b"c")])
    assert (one.digest().hex(), other.digest()) == (KNOWN[b"abc"], hashlib.md5(b"x").digest())


def test_a_message_is_longer_than_half_a_gigabyte() -> None:
    """Its length in bits needs more than 32 of them."""
    piece, whole, alone = bytes(64 << 20), md5.begun(), hashlib.md5()
    for _ in range(9):
        md5.update_all([(whole, piece)])
        alone.update(piece)
    assert whole.digest() == alone.digest()
