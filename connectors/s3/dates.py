"""The two forms in which stores write instants, as milliseconds UTC."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache


@lru_cache(maxsize=1024)
def http_date_ms(text: str) -> int:
    """`Sun, 06 Nov 1994 08:49:37 GMT` in ms; 0 when it is no date."""
    try:
        return round(parsedate_to_datetime(text).timestamp() * 1000)
    except ValueError:
        return 0


@lru_cache(maxsize=4096)
def iso_ms(text: str) -> int:
    """`2026-01-02T03:04:05.678Z` in ms; an instant without a zone is UTC. Raises ValueError."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return round(instant.timestamp() * 1000)
