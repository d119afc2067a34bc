"""What two looks at one key say about its bytes."""

from dataclasses import replace

import pytest

from engine.policy import UNKNOWN
from engine.verification import Different, Same, Seen, Unsettled, compare

MD5, OTHER, PARTS = "0" * 32, "1" * 32, "2" * 32 + "-3"
ONE = Seen(10, 5_000, MD5, etag_is_md5=True)
HEADED = replace(ONE, headed=True)

CASES = [
    (ONE, None, Different.MISSING),
    (ONE, ONE, Same.ETAG),
    (replace(ONE, size=UNKNOWN), ONE, Unsettled.HEADS),
    (ONE, replace(ONE, size=11), Different.SIZE),
    (ONE, replace(ONE, etag=OTHER), Unsettled.HEADS),
    (HEADED, replace(HEADED, etag=OTHER), Different.CONTENT),
    (HEADED, replace(HEADED, etag=OTHER, opaque=True), Same.SIZE),
    (ONE, replace(ONE, etag=PARTS), Same.SIZE),
    (replace(ONE, etag=PARTS), replace(ONE, etag=PARTS), Same.ETAG),
    (ONE, replace(ONE, etag=OTHER, etag_is_md5=False), Same.SIZE),
    (replace(ONE, modified_ms=6_000), replace(ONE, etag=PARTS), Unsettled.BYTES),
    (replace(ONE, modified_ms=5_999), replace(ONE, etag=PARTS), Same.SIZE),
    (replace(HEADED, crc64=1), replace(HEADED, etag=PARTS, crc64=1), Same.CRC64),
    (replace(HEADED, crc64=1), replace(HEADED, etag=MD5, crc64=2), Different.CONTENT),
    (replace(ONE, etag=""), replace(ONE, etag=""), Same.SIZE),
]


@pytest.mark.parametrize(("source", "destination", "verdict"), CASES)
def test_the_verdict_is_what_the_facts_allow(source: Seen, destination: Seen | None, verdict: object) -> None:
    assert compare(source, destination) == verdict
