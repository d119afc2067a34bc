"""Google Cloud Storage: looked at, listed and written in JSON, read as S3 stores are (clouds.md B6)."""

from connectors.google.store import GoogleStore

__all__ = ["GoogleStore"]
