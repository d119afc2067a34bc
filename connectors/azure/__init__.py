"""Azure Blob Storage: reads and errors as of S3, a listing, writes and blocks of its own (clouds.md B7)."""

from connectors.azure.store import AzureStore

__all__ = ["AzureStore"]
