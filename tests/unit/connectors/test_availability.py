"""Which storage classes block a read, and how the header of a restore changes that (clouds.md C2)."""

import pytest

from connectors.objects import Availability
from connectors.s3.dialects import DIALECTS
from connectors.s3.listing import parse_page

READABLE = {
    "aws": "STANDARD REDUCED_REDUNDANCY STANDARD_IA ONEZONE_IA INTELLIGENT_TIERING GLACIER_IR EXPRESS_ONEZONE",
    "obs": "STANDARD WARM STANDARD_IA INTELLIGENT_TIERING",
    "oss": "Standard IA",
    "cos": "STANDARD STANDARD_IA INTELLIGENT_TIERING MAZ_STANDARD MAZ_STANDARD_IA MAZ_INTELLIGENT_TIERING",
    "ks3": "STANDARD STANDARD_IA DEEP_IA",
    "bos": "STANDARD STANDARD_IA COLD MAZ_STANDARD MAZ_STANDARD_IA",
    "qingstor": "STANDARD STANDARD_IA",
    "kodo": "STANDARD LINE GLACIER_IR INTELLIGENT_TIERING",
    "us3": "STANDARD ONEZONE_IA IA",
}
ARCHIVED = {
    "aws": "GLACIER DEEP_ARCHIVE",
    "obs": "COLD GLACIER DEEP_ARCHIVE",
    "oss": "Archive ColdArchive DeepColdArchive",
    "cos": "ARCHIVE DEEP_ARCHIVE",
    "ks3": "ARCHIVE COLD_ARCHIVE DEEP_COLD_ARCHIVE",
    "bos": "ARCHIVE",
    "kodo": "GLACIER DEEP_ARCHIVE",
    "us3": "GLACIER ARCHIVE",
}
_BLOCKED = [(dialect, word) for dialect, words in ARCHIVED.items() for word in words.split()]


@pytest.mark.parametrize("dialect", READABLE)
def test_these_classes_can_be_read_at_once(dialect: str) -> None:
    for word in ["", "SOMETHING_NEW", *READABLE[dialect].split()]:
        assert DIALECTS[dialect].availability(word) is Availability.READABLE, word


@pytest.mark.parametrize(("dialect", "word"), _BLOCKED)
def test_these_classes_wait_for_a_restore(dialect: str, word: str) -> None:
    found = DIALECTS[dialect]
    assert found.availability(word) is Availability.ARCHIVED
    assert found.availability(word, 'ongoing-request="true"') is Availability.RESTORING
    until = 'ongoing-request="false", expiry-date="Fri, 04 Dec 2026 00:00:00 GMT"'
    assert found.availability(word, until) is Availability.READABLE


def test_a_tier_of_intelligent_tiering_may_be_archived() -> None:
    found = DIALECTS["aws"].availability("INTELLIGENT_TIERING", archive_status="DEEP_ARCHIVE_ACCESS")
    assert found is Availability.ARCHIVED


def test_the_restore_header_has_the_vendors_prefix() -> None:
    names = {name: dialect.restore_header for name, dialect in DIALECTS.items() if name in ARCHIVED}
    assert names == {
        "aws": "x-amz-restore",
        "obs": "x-obs-restore",
        "oss": "x-oss-restore",
        "cos": "x-cos-restore",
        "ks3": "x-kss-restore",
        "bos": "x-bce-restore",
        "kodo": "x-amz-restore",
        "us3": "x-amz-restore",
    }


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ("", Availability.ARCHIVED),
        ("<RestoreInfo>ongoing-request=&quot;true&quot;</RestoreInfo>", Availability.RESTORING),
        (
            "<RestoreInfo>ongoing-request=&quot;false&quot;, expiry-date=&quot;Thu&quot;</RestoreInfo>",
            Availability.READABLE,
        ),
    ],
)
def test_a_listing_of_oss_tells_of_restores(told: str, state: Availability) -> None:
    page = parse_page(
        "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated><Contents>"
        "<Key>a%2Fb+c%20d</Key><Size>1</Size><LastModified>2026-01-02T03:04:05.000Z</LastModified>"
        f"<StorageClass>ColdArchive</StorageClass>{told}</Contents></ListBucketResult>".encode(),
        DIALECTS["oss"],
    )
    (info,) = page.objects
    assert (info.key, info.availability) == (b"a/b+c d", state)


@pytest.mark.parametrize(
    ("dialect", "key"), [("aws", b"a b c"), ("oss", b"a+b c"), ("cos", b"a+b c"), ("ks3", b"a+b c")]
)
def test_a_plus_in_an_encoded_listing_is_a_blank_for_some(dialect: str, key: bytes) -> None:
    page = parse_page(
        b"<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated><Contents>"
        b"<Key>a+b%20c</Key><Size>1</Size><LastModified>2026-01-02T03:04:05Z</LastModified>"
        b"</Contents></ListBucketResult>",
        DIALECTS[dialect],
    )
    assert [info.key for info in page.objects] == [key]
