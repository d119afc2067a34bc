"""Every S3-compatible store: one connector, the vendors' differences as data (design 3.11)."""

from connectors.s3.dialects import Dialect
from connectors.s3.store import S3Store

__all__ = ["Dialect", "S3Store"]
