"""What every request handler needs, built once at start and handed out by the application."""

from dataclasses import dataclass

from fastapi import Request

from api.database import Database
from api.doorbell import Bells
from api.iam.logins import Logins
from api.ops.metrics import Metrics
from api.settings import Settings
from api.tasks.speed import SpeedGauge
from api.vault import Vault
from connectors.endpoints import Endpoints
from connectors.wire import Wire
from engine.regions import Regions


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of one running HTTP edge."""

    settings: Settings
    database: Database
    bells: Bells
    vault: Vault
    endpoints: Endpoints
    regions: Regions
    wire: Wire
    logins: Logins
    metrics: Metrics
    speeds: SpeedGauge


def services(request: Request) -> Services:
    """The parts of the application that handles this request."""
    parts: Services = request.app.state.services
    return parts
