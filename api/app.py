"""The ASGI application: OMS v2 at `/`, IAM at `/v3`, and what operators need beside them."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from fastapi import FastAPI
from starlette.types import ASGIApp

from api import errors, openapi
from api.buckets import routes as bucket_routes
from api.clouds import routes as cloud_routes
from api.clouds.catalogue import load_regions
from api.context import Services
from api.database import Database
from api.doorbell import Bells
from api.edge import Edge
from api.groups import routes as group_routes
from api.iam import routes as iam_routes
from api.iam.logins import Logins
from api.ops import routes as ops_routes
from api.ops.metrics import Metrics
from api.privacy import routes as privacy_routes
from api.requests import routes as request_routes
from api.settings import Settings, read_settings
from api.sync import routes as sync_routes
from api.tasks import routes as task_routes
from api.tasks.speed import SpeedGauge
from api.vault import Vault
from api.verifications import routes as verification_routes
from api.versions import routes as version_routes
from connectors.endpoints import load_endpoints
from connectors.wire import Wire
from ledger import sessions

# `/{version}` matches every single word, so it stands last.
_ROUTERS: Final = (
    ops_routes.router,
    iam_routes.login_router,
    iam_routes.router,
    task_routes.router,
    verification_routes.router,
    request_routes.router,
    group_routes.router,
    sync_routes.router,
    bucket_routes.router,
    cloud_routes.router,
    privacy_routes.router,
    version_routes.router,
)


def create_app(settings: Settings | None = None) -> ASGIApp:
    """Builds the application from the environment (or the given settings); no connection is opened yet.

    Raises SettingsError, EndpointError or SealError for settings that cannot work.
    """
    parts = _services(settings or read_settings())
    app = FastAPI(
        title="Object storage migration",
        version=_version(),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan(parts),
    )
    app.state.services = parts
    app.openapi = partial(openapi.describe, app)  # type: ignore[method-assign]  # FastAPI's own way to replace it
    errors.install(app)
    for router in _ROUTERS:
        app.include_router(router)
    return Edge(app, parts.metrics)


def _services(settings: Settings) -> Services:
    return Services(
        settings=settings,
        database=Database(sessions.create_engine(settings.database_url, size=settings.database_connections)),
        bells=Bells(settings.redis_url),
        vault=Vault.open(settings.master_key_file),
        endpoints=load_endpoints(settings.endpoints_file),
        regions=load_regions(),
        wire=Wire(),
        logins=Logins(),
        metrics=Metrics(),
        speeds=SpeedGauge(),
    )


def _lifespan(parts: Services) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # What was built at start lives as long as the process: looking through it again costs answers 50 ms.
        gc.collect()
        gc.freeze()
        try:
            yield
        finally:
            parts.bells.close()
            await asyncio.shield(asyncio.gather(parts.wire.close(), parts.database.close()))

    return lifespan


def _version() -> str:
    try:
        return version("oms-engine")
    except PackageNotFoundError:
        return "0"
