"""Asking archived objects back: how fast, for how long, how often to look, when to give up (OMS 5.2.2, clouds C2)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from engine.spec import CloudType

DAYS: Final = 7
DAY_MS: Final = 86_400_000
# No vendor's slowest tier takes longer than two days.
PATIENCE_DAYS: Final = 7
MOST_ASKS: Final = 20
LONGEST_PAUSE: Final = 30


class Tier(StrEnum):
    """How fast a restore is. UNSAID leaves it to a class that has one speed only."""

    EXPEDITED = "Expedited"
    STANDARD = "Standard"
    UNSAID = ""


_FASTEST_FIRST: Final = (Tier.EXPEDITED, Tier.STANDARD)
_SLOW: Final = (Tier.STANDARD,)
_TIERS: Final[Mapping[tuple[CloudType, str], tuple[Tier, ...]]] = {
    (CloudType.AWS, "DEEP_ARCHIVE"): _SLOW,
    (CloudType.HUAWEI_CLOUD, "DEEP_ARCHIVE"): _SLOW,
    (CloudType.TENCENT, "DEEP_ARCHIVE"): _SLOW,
    (CloudType.QINIU, "DEEP_ARCHIVE"): _SLOW,
    (CloudType.ALIYUN, "ARCHIVE"): (Tier.UNSAID,),
}
# What comes back by itself for good is asked for without a number of days.
_WITHOUT_DAYS: Final = frozenset({(CloudType.AWS, "INTELLIGENT_TIERING")})
_PAUSES: Final[Mapping[Tier, float]] = {Tier.EXPEDITED: 1, Tier.UNSAID: 1, Tier.STANDARD: 10}


def tiers(cloud_type: CloudType, storage_class: str) -> tuple[Tier, ...]:
    """Expedited where it is available; a tier that the store refuses is followed by the next one."""
    return _TIERS.get((cloud_type, storage_class.upper()), _FASTEST_FIRST)


def days_for(cloud_type: CloudType, storage_class: str, days: int) -> int:
    """For how many days the object is to stay readable; 0 where the store takes no number."""
    return 0 if (cloud_type, storage_class.upper()) in _WITHOUT_DAYS else days


def look_again(tier: Tier, waited: float, shortest: float) -> float:
    """Seconds until the next look, after `waited` seconds: from one to thirty times `shortest`, by tier and by wait."""
    return min(max(shortest * _PAUSES[tier], waited / 4), shortest * LONGEST_PAUSE)


def waited_too_long(since_ms: int, now_ms: int) -> bool:
    """Whether a restore that was last asked for at `since_ms` should have ended long ago."""
    return now_ms - since_ms > PATIENCE_DAYS * DAY_MS


def may_ask(asks: int) -> bool:
    """Whether it is of use to ask again what was asked for `asks` times; what expires unread is."""
    return asks < MOST_ASKS
