"""`/healthz`, `/readyz`, `/metrics`: for probes and dashboards, without authentication and without secrets."""

import asyncio
from http import HTTPStatus
from typing import Literal

import redis.asyncio
from fastapi import APIRouter, Request, Response
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from api.context import Services, services
from api.errors import responses
from api.guard import OpenRoute
from api.ops.metrics import CONTENT_TYPE, Gauge
from api.ops.schemas import Health, Readiness
from ledger import figures
from ledger.figures import Overview

PROBE_SECONDS = 2.0

router = APIRouter(route_class=OpenRoute, tags=["operations"], responses=responses(400, 405))

DatabaseState = Literal["ok", "unreachable", "not migrated"]
RedisState = Literal["ok", "unreachable", "not configured"]


@router.get("/healthz", operation_id="Healthz")
async def healthz() -> Health:
    """The process lives."""
    return Health()


@router.get("/readyz", operation_id="Readyz", responses={503: {"model": Readiness}})
async def readyz(request: Request, response: Response) -> Readiness:
    """Ready when the database is there and migrated; a lost Redis only slows work down."""
    parts = services(request)
    database, bell = await asyncio.gather(_database(parts), _redis(parts.settings.redis_url))
    if database != "ok":
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return Readiness(status="ready" if database == "ok" else "not ready", database=database, redis=bell)


@router.get(
    "/metrics",
    operation_id="Metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **responses(503)},
)
async def metrics(request: Request) -> Response:
    """Requests of this process and figures of the ledger as Prometheus text."""
    parts = services(request)
    overview = await parts.database.read(figures.overview)
    return Response(parts.metrics.render(_gauges(overview)), headers={"Content-Type": CONTENT_TYPE})


async def _database(parts: Services) -> DatabaseState:
    try:
        async with asyncio.timeout(PROBE_SECONDS), parts.database.engine.connect() as connection:
            return "ok" if await figures.migrated(connection) else "not migrated"
    except (SQLAlchemyError, OSError, TimeoutError):
        return "unreachable"


async def _redis(url: str | None) -> RedisState:
    if url is None:
        return "not configured"
    client = redis.asyncio.Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1)
    try:
        await client.ping()
    except (RedisError, OSError, TimeoutError):
        return "unreachable"
    finally:
        await client.aclose()
    return "ok"


def _gauges(seen: Overview) -> list[Gauge]:
    def by(name: str, help_text: str, label: str, values: dict[str, int]) -> Gauge:
        return Gauge(name, help_text, (label,), {(key,): value for key, value in values.items()})

    def one(name: str, help_text: str, value: int) -> Gauge:
        return Gauge(name, help_text, (), {(): value})

    return [
        by("oms_tasks", "Tasks by status number.", "status", dict(seen.tasks)),
        by("oms_objects", "Objects of present runs by outcome.", "kind", dict(seen.objects)),
        by("oms_bytes", "Bytes of present runs by outcome.", "kind", dict(seen.bytes)),
        by("oms_leases", "Live leases by table.", "table", dict(seen.leases)),
        one("oms_workers", "Workers seen within a minute.", seen.workers),
        one("oms_leaked_uploads", "Multipart uploads that deleted tasks left open.", seen.leaked_uploads),
        one("oms_outbox_unsent", "Messages not sent yet.", seen.unsent_messages),
    ]
