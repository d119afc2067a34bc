"""How much and how: limits and promises of a store as data."""

from dataclasses import dataclass
from enum import StrEnum

MIB = 1 << 20
GIB = 1 << 30
TIB = 1 << 40


class RestoreKind(StrEnum):
    """What asking an archived object back does: nothing, a copy for some days, or another class for good."""

    NONE = "none"
    TIMED = "timed"
    PERMANENT = "permanent"


@dataclass(frozen=True, slots=True)
class Traits:
    """Defaults are those of Amazon S3. Sizes in bytes; `window_*` are requests in the air (clouds.md E).

    `composite_etag`: the ETag of an upload is made of the MD5s of its parts.
    """

    ordered: bool = True
    start_after: bool = True
    conditional_put: bool = True
    conditional_complete: bool = True
    conditional_read: bool = True
    md5_enforced: bool = True
    etag_is_md5: bool = True
    composite_etag: bool = True
    max_put: int = 5 * GIB
    min_part: int = 5 * MIB
    max_part: int = 5 * GIB
    max_parts: int = 10_000
    max_object: int = 48 * TIB
    max_key_bytes: int = 1024
    always_encrypts: bool = False
    restore: RestoreKind = RestoreKind.TIMED
    tags: bool = True
    window_start: int = 16
    window_max: int = 512
