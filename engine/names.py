"""What a task is called and numbered (oms-behaviour 4.4)."""

from datetime import datetime
from typing import Final

_PER_SECOND: Final = 100_000
MAX_TASK_ID: Final = 999_999_999_999_999


def task_name(src_bucket: str, dst_bucket: str, now: datetime, sequence: int) -> str:
    """`<source>-<destination>-yyyyMMddHHmmssSSS_<n>` in the zone of `now`; `url` for a list of URLs."""
    serial = f"{now:%Y%m%d%H%M%S}{now.microsecond // 1000:03}"
    return f"{src_bucket or 'url'}-{dst_bucket}-{serial}_{sequence}"


def task_id(now_s: int, counter: int) -> int:
    """A 15-digit number: the second, then the last five digits of `counter`, which the caller never repeats.

    Raises ValueError when `now_s` does not have the ten digits of the years 2001 to 2286.
    """
    if not 10**9 <= now_s < 10**10:
        raise ValueError(f"second {now_s}")
    return now_s * _PER_SECOND + counter % _PER_SECOND
