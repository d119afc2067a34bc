"""Storage classes (oms-behaviour 3.6; check 44)."""

import pytest

from engine.classes import destination_class, is_known_class
from engine.spec import CloudType, StoragePolicy

MAPPED = StoragePolicy.SRC_STORAGE_MAPPING
ROWS = {
    "HuaweiCloud": ("STANDARD INTELLIGENT_TIERING", "WARM STANDARD_IA", "COLD GLACIER", "DEEP_ARCHIVE"),
    "HEC": ("STANDARD", "WARM", "COLD", "DEEP_ARCHIVE"),
    "Aliyun": ("Standard", "IA", "Archive", "ColdArchive DeepColdArchive"),
    "Tencent": ("STANDARD MAZ_STANDARD", "STANDARD_IA MAZ_STANDARD_IA", "ARCHIVE", "DEEP_ARCHIVE"),
    "AWS": ("STANDARD REDUCED_REDUNDANCY", "STANDARD_IA ONEZONE_IA GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"),
    "Azure": ("Hot Smart", "Cool Cold", "Archive", ""),
    "Google": ("STANDARD", "NEARLINE COLDLINE", "ARCHIVE", ""),
    "Baidu": ("STANDARD", "STANDARD_IA COLD", "ARCHIVE", ""),
    "Qiniu": ("0 STANDARD", "1 4 LINE GLACIER_IR", "2 GLACIER", "3 DEEP_ARCHIVE"),
    "KingsoftCloud": ("STANDARD", "STANDARD_IA DEEP_IA", "ARCHIVE", "COLD_ARCHIVE DEEP_COLD_ARCHIVE"),
    "UCloud": ("STANDARD", "IA ONEZONE_IA", "ARCHIVE GLACIER", ""),
    "QingCloud": ("STANDARD", "STANDARD_IA", "", ""),
}
CASES = [
    (cloud, word, kept)
    for cloud, row in ROWS.items()
    for words, kept in zip(row, ("STANDARD", "IA", "ARCHIVE", "DEEP_ARCHIVE"), strict=True)
    for word in words.split()
]


@pytest.mark.check(44)
@pytest.mark.parametrize(("cloud", "word", "kept"), CASES)
def test_a_source_class_is_kept_by_how_long_a_read_waits(cloud, word, kept):
    assert destination_class(MAPPED, CloudType(cloud), word) == kept
    assert is_known_class(CloudType(cloud), word)


@pytest.mark.parametrize("cloud", CloudType)
@pytest.mark.parametrize("word", ["", "SOMETHING_NEW"])
def test_an_unknown_class_is_standard(cloud, word):
    assert destination_class(MAPPED, cloud, word) == "STANDARD"
    assert is_known_class(cloud, word) is (word == "")


@pytest.mark.check(44)
@pytest.mark.parametrize("policy", ["STANDARD", "IA", "ARCHIVE", "DEEP_ARCHIVE"])
def test_a_named_policy_wins_over_the_source(policy):
    assert destination_class(StoragePolicy(policy), CloudType.AWS, "GLACIER") == policy
