"""Qiniu's ETag denies other bytes, exactly as the vendor's SDK computes it, and no other ETag denies anything."""

import hashlib
import io

import pytest
from qiniu.utils import etag_stream

from connectors.s3.qetag import BLOCK, denies

SIZES = [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK + 17]


def _data(size: int) -> bytes:
    return hashlib.shake_128(b"%d" % size).digest(size)


@pytest.mark.parametrize("size", SIZES)
def test_the_etag_of_the_sdk_holds_for_its_bytes_alone(size: int) -> None:
    data = _data(size)
    etag = etag_stream(io.BytesIO(data))
    assert not denies(etag, data)
    assert not denies(etag, bytearray(data))
    assert denies(etag, data + b"x")
    if data:
        assert denies(etag, data[:-1] + bytes([data[-1] ^ 1]))


@pytest.mark.parametrize(
    "etag",
    [
        "",
        hashlib.md5(b"x").hexdigest(),
        hashlib.md5(b"x").hexdigest() + "-3",
        "nto5o-5ea0sNMlW_75VgGJCv2AcJ",  # the mark of a rule for parts of other sizes
        "F" * 27,
        "F?" * 14,
        "\xe9" * 28,
    ],
)
def test_another_etag_denies_nothing(etag: str) -> None:
    assert not denies(etag, b"anything")
