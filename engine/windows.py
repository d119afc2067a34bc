"""The bandwidth policy of a task: up to five windows of the day with a rate each (oms-behaviour 4.6)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from engine.codes import message

MAX_WINDOWS: Final = 5
MIN_RATE: Final = 1_048_576
MAX_RATE: Final = 209_715_200
DAY_MINUTES: Final = 24 * 60

_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_LAST_MINUTE: Final = DAY_MINUTES - 1


@dataclass(frozen=True, slots=True)
class BandwidthWindow:
    """`rate` bytes a second from `start_min` to before `end_min`, minutes of the day in the region's zone."""

    start_min: int
    end_min: int
    rate: int


class PolicyRefused(ValueError):
    """The policy breaks a rule; `code` is OMS.0083 to OMS.0087."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.message = message(code)
        super().__init__(f"{code}: {self.message}")


def parse_policy(policy: Sequence[Mapping[str, Any]]) -> tuple[BandwidthWindow, ...]:
    """The windows in the order given; 23:59 means the end of the day. Raises PolicyRefused (OMS 5.2.3)."""
    if len(policy) > MAX_WINDOWS:
        raise PolicyRefused("OMS.0083")
    windows = tuple(_window(entry) for entry in policy)
    in_order = sorted(windows, key=lambda window: window.start_min)
    if any(left.end_min > right.start_min for left, right in pairwise(in_order)):
        raise PolicyRefused("OMS.0085")
    return windows


def _window(entry: Mapping[str, Any]) -> BandwidthWindow:
    start, end = _minute(entry.get("start")), _minute(entry.get("end"))
    if start >= end:
        raise PolicyRefused("OMS.0087")
    return BandwidthWindow(
        start, DAY_MINUTES if end == _LAST_MINUTE else end, _rate(entry.get("max_bandwidth"))
    )


def _minute(clock: object) -> int:
    found = _CLOCK.fullmatch(clock) if isinstance(clock, str) else None
    if found is None:
        raise PolicyRefused("OMS.0087")
    return int(found[1]) * 60 + int(found[2])


def _rate(rate: object) -> int:
    if not isinstance(rate, int | float) or not MIN_RATE <= rate <= MAX_RATE or rate != int(rate):
        raise PolicyRefused("OMS.0084")
    return int(rate)


def rate_at(policy: Sequence[BandwidthWindow], minute_of_day: int) -> int | None:
    """Bytes a second in that minute; None when no window holds."""
    for window in policy:
        if window.start_min <= minute_of_day < window.end_min:
            return window.rate
    return None


def policy_json(policy: Sequence[BandwidthWindow]) -> list[dict[str, Any]]:
    """The windows as the API shows them."""
    return [
        {
            "start": _clock(window.start_min),
            "end": _clock(min(window.end_min, _LAST_MINUTE)),
            "max_bandwidth": window.rate,
        }
        for window in policy
    ]


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
