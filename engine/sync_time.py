"""The calendar of synchronisation tasks: five-minute buckets and months of the region (oms-behaviour 6.3, 6.4)."""

from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final

FIVE_MINUTES_MS: Final = 300_000
HOUR_MS: Final = 3_600_000
FINE_SPAN_MS: Final = 24 * HOUR_MS
LONGEST_SPAN_MS: Final = 1_000 * HOUR_MS
LATEST_MS: Final = 253_370_764_800_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Interval(StrEnum):
    """The width of the buckets that statistics are answered in."""

    FIVE_MINUTES = "FIVE_MINUTES"
    ONE_HOUR = "ONE_HOUR"

    @property
    def width_ms(self) -> int:
        """How long one bucket is."""
        return FIVE_MINUTES_MS if self is Interval.FIVE_MINUTES else HOUR_MS


class SpanRefused(ValueError):
    """A span of time that no statistics are answered for."""


def interval_of(start_ms: int, end_ms: int) -> Interval:
    """Five minutes up to a day, hours up to 1,000 of them. Raises SpanRefused (oms-behaviour 6.4)."""
    if start_ms >= end_ms:
        raise SpanRefused("start_time must be before end_time")
    if end_ms - start_ms <= FINE_SPAN_MS:
        return Interval.FIVE_MINUTES
    if end_ms - start_ms > LONGEST_SPAN_MS:
        raise SpanRefused("at most 1,000 hours")
    return Interval.ONE_HOUR


def bucket_of(instant_ms: int) -> int:
    """The beginning of the five minutes that an instant lies in."""
    return instant_ms - instant_ms % FIVE_MINUTES_MS


def month_of(instant_ms: int, zone: tzinfo) -> tuple[int, int]:
    """The calendar month of an instant in `zone`: its first instant and that of the next month.

    Raises SpanRefused beyond the year 9998.
    """
    if not 0 <= instant_ms < LATEST_MS:
        raise SpanRefused("query_time is too late")
    local = (_EPOCH + timedelta(milliseconds=instant_ms)).astimezone(zone)
    first = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)
    following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return _ms(first), _ms(following)


def _ms(local: datetime) -> int:
    return (local.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)
