"""Huawei OBS on the vendor's own hosts."""

from connectors.obs.store import ObsStore

__all__ = ["ObsStore"]
