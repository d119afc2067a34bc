"""What a destination was seen to do, beside what its dialect promises (reliability 3.7)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Found:
    """True: seen to hold; False: seen to fail; None: not seen, so the dialect's word stands.

    `if_none_match`, `if_match`, `conditional_complete`: a write whose condition does not hold is refused.
    `md5_refused`: so is one with a wrong Content-MD5. `etag_is_md5`, `etag_of_parts`: the ETag is computed as S3 does.
    `ranges`, `odd_keys`, `parts`: read in ranges, keys of any characters, and uploads in parts work.
    """

    if_none_match: bool | None = None
    if_match: bool | None = None
    md5_refused: bool | None = None
    etag_is_md5: bool | None = None
    ranges: bool | None = None
    odd_keys: bool | None = None
    parts: bool | None = None
    conditional_complete: bool | None = None
    etag_of_parts: bool | None = None

    @property
    def seen(self) -> bool:
        """Whether anything was seen at all."""
        return self != Found()

    def missing(self) -> tuple[str, ...]:
        """What was seen to fail."""
        return tuple(one.name for one in fields(self) if getattr(self, one.name) is False)

    def holds(self, name: str) -> bool:
        """Whether this was not seen to fail."""
        return getattr(self, name) is not False


def to_json(found: Found) -> dict[str, bool]:
    """What was seen, as a JSON object."""
    return {name: seen for name, seen in asdict(found).items() if seen is not None}


def from_json(stored: Mapping[str, Any]) -> Found:
    """What `to_json` wrote; names that are not known are left out."""
    known = {one.name for one in fields(Found)}
    return Found(**{name: bool(seen) for name, seen in stored.items() if name in known})
