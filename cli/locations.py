"""Buckets as the terminal names them: `aws://bucket/prefix?region=us-east-1`, `obs://bucket/prefix`."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

_CLOUDS = {"aws": "AWS", "s3": "AWS", "huaweicloud": "HuaweiCloud", "obs": "HuaweiCloud"}
_DESTINATIONS = frozenset({"obs", "hec"})


class LocationError(ValueError):
    """The text names no bucket that `oms migrate` knows."""


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """A bucket, the part of it that is meant, and its region ("" when the address does not say)."""

    cloud_type: str
    bucket: str
    prefix: str
    region: str


def source_address(text: str) -> BucketAddress:
    """`aws://` (also `s3://`) or `huaweicloud://` (also `obs://`). Raises LocationError."""
    scheme, bucket, prefix, region = _parts(text)
    if scheme not in _CLOUDS:
        raise LocationError(
            f"{text}: the source must begin with {', '.join(f'{name}://' for name in _CLOUDS)}"
        )
    return BucketAddress(_CLOUDS[scheme], bucket, prefix, region)


def destination_address(text: str) -> BucketAddress:
    """`obs://`; the prefix goes before every key as it is. Raises LocationError."""
    scheme, bucket, prefix, region = _parts(text)
    if scheme not in _DESTINATIONS:
        raise LocationError(f"{text}: the destination must begin with obs://")
    return BucketAddress("HEC", bucket, prefix, region)


def _parts(text: str) -> tuple[str, str, str, str]:
    parts = urlsplit(text)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    region = options.pop("region", "")
    if options:
        raise LocationError(f"{text}: unknown {', '.join(options)}")
    if not parts.netloc or "@" in parts.netloc or parts.fragment:
        raise LocationError(f"{text}: not of the form cloud://bucket/prefix?region=name")
    return parts.scheme.lower(), parts.netloc, unquote(parts.path.removeprefix("/")), region
