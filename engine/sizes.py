"""Sizes as people read them (oms-behaviour 8.4)."""

from typing import Final

_UNITS: Final = ("B", "KB", "MB", "GB", "TB")


def shown_size(size: int) -> str:
    """`73.59 MB`: steps of 1,024, two decimals, rounded half up; above the last unit the number grows."""
    scale = 1
    for unit in _UNITS:
        hundredths = (size * 100 + scale // 2) // scale
        if hundredths < 102_400 or unit == _UNITS[-1]:
            break
        scale *= 1024
    return f"{hundredths // 100}.{hundredths % 100:02d} {unit}"
