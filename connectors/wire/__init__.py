"""One asyncio HTTP layer for every request to a store (clouds.md A4). Only this package knows the HTTP library."""

from connectors.wire.client import Wire
from connectors.wire.failures import TooLong, WireFailure
from connectors.wire.meter import Counters, Meter, NoMeter, OperationCounts, Tally
from connectors.wire.request import Limits, Route, Target, WireAnswer, WireRequest
from connectors.wire.streams import WireStream

__all__ = [
    "Counters",
    "Limits",
    "Meter",
    "NoMeter",
    "OperationCounts",
    "Route",
    "Tally",
    "Target",
    "TooLong",
    "Wire",
    "WireAnswer",
    "WireFailure",
    "WireRequest",
    "WireStream",
]
