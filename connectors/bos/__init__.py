"""Baidu BOS: the S3 connector's requests with JSON answers (clouds.md B5)."""

from connectors.bos.store import BosStore

__all__ = ["BosStore"]
