"""QingStor by its native interface: the S3 connector's requests with JSON answers (clouds.md B9)."""

from connectors.qingstor.store import QingStore

__all__ = ["QingStore"]
