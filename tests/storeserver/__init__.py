"""An object-store server for tests and the demo: S3 and OBS dialects, counters, fault scripts.

It shares no code with the product, so a mistake on one side cannot hide one on the other.
"""

from tests.storeserver.config import Account, BucketFlags, Denial, StoreConfig, Synthetic
from tests.storeserver.counters import Counters
from tests.storeserver.faults import Fault, Faults
from tests.storeserver.process import ServerProcess
from tests.storeserver.server import StoreServer

__all__ = [
    "Account",
    "BucketFlags",
    "Counters",
    "Denial",
    "Fault",
    "Faults",
    "ServerProcess",
    "StoreConfig",
    "StoreServer",
    "Synthetic",
]
