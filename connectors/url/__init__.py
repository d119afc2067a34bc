"""URLs as a source, and what they share with CDNs: redirects that are checked hop by hop."""

from connectors.url.store import UrlStore

__all__ = ["UrlStore"]
