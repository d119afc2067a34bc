"""How much one worker process takes on at once. Sizes in bytes, times in seconds."""

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from engine.restores import DAYS

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Defaults suit a process on one core; `zone` is that of windows and records (OMS_TIMEZONE).

    Of an object with at least `shared_bytes` missing other workers may send parts, `span_bytes` at a time; a process
    does that for `spans` of them at once.
    Archived objects are asked back for `restore_days`, and looked for every `restore_poll` seconds at the most often.
    """

    ranges: int = 8
    units: int = 4
    large: int = 4
    parts: int = 4
    spans: int = 2
    runners: int = 256
    bytes_in_flight: int = 128 * MIB
    bytes_of_a_task: int = 96 * MIB
    shared_bytes: int = 1024 * MIB
    span_bytes: int = 128 * MIB
    backlog: int = 256
    spread: int = 16
    cut_every: float = 1.0
    grace: float = 1.0
    stale_decision: float = 600.0
    flush_every: float = 1.0
    flush_count: int = 500
    restore_days: int = DAYS
    restore_poll: float = 60.0
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
