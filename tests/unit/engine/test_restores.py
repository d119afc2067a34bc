"""Which tier, how many days, when to look again."""

import pytest

from engine.restores import DAY_MS, MOST_ASKS, Tier, days_for, look_again, may_ask, tiers, waited_too_long
from engine.spec import CloudType


@pytest.mark.parametrize(
    ("cloud", "word", "wanted"),
    [
        (CloudType.AWS, "GLACIER", (Tier.EXPEDITED, Tier.STANDARD)),
        (CloudType.AWS, "DEEP_ARCHIVE", (Tier.STANDARD,)),
        (CloudType.HUAWEI_CLOUD, "COLD", (Tier.EXPEDITED, Tier.STANDARD)),
        (CloudType.HUAWEI_CLOUD, "DEEP_ARCHIVE", (Tier.STANDARD,)),
        (CloudType.ALIYUN, "Archive", (Tier.UNSAID,)),
        (CloudType.ALIYUN, "DeepColdArchive", (Tier.EXPEDITED, Tier.STANDARD)),
        (CloudType.BAIDU, "", (Tier.EXPEDITED, Tier.STANDARD)),
    ],
)
def test_the_fastest_tier_that_a_class_has_comes_first(
    cloud: CloudType, word: str, wanted: tuple[Tier, ...]
) -> None:
    assert tiers(cloud, word) == wanted


def test_what_comes_back_for_good_is_asked_for_without_days() -> None:
    assert days_for(CloudType.AWS, "INTELLIGENT_TIERING", 7) == 0
    assert days_for(CloudType.AWS, "GLACIER", 7) == 7


@pytest.mark.parametrize(
    ("tier", "waited", "pause"),
    [
        (Tier.EXPEDITED, 0, 60),
        (Tier.EXPEDITED, 400, 100),
        (Tier.STANDARD, 0, 600),
        (Tier.STANDARD, 3600, 900),
        (Tier.STANDARD, 86_400, 1800),
    ],
)
def test_looks_grow_rarer_up_to_half_an_hour(tier: Tier, waited: float, pause: float) -> None:
    assert look_again(tier, waited, 60) == pause


def test_waiting_and_asking_have_an_end() -> None:
    assert not waited_too_long(1, 7 * DAY_MS)
    assert waited_too_long(1, 8 * DAY_MS)
    assert may_ask(MOST_ASKS - 1)
    assert not may_ask(MOST_ASKS)
