"""The connectors' only reader of the environment."""

import os
from pathlib import Path

from connectors.endpoints import Endpoints, load_endpoints


def endpoints_file() -> Path | None:
    """The file that OMS_ENDPOINTS names, None when it is unset or empty."""
    name = os.environ.get("OMS_ENDPOINTS", "")
    return Path(name) if name else None


def endpoints() -> Endpoints:
    """The operator's endpoints. Raises EndpointError."""
    return load_endpoints(endpoints_file())
