"""The worker and the scheduler as processes of `oms worker` and `oms beat`."""

import asyncio
import logging
import os
import signal
import sys
from dataclasses import replace
from typing import NoReturn

import uvloop
from celery import signals

from workers.tasks.app import create
from workers.tasks.log import Secrets, configure
from workers.tasks.parts import open_parts, open_schedule
from workers.tasks.repeat import forever
from workers.tasks.runtime import Build
from workers.tasks.settings import Settings, read_settings

BEAT_NAME = "beat"
BEAT_SECONDS = 5.0

log = logging.getLogger(__name__)


def run_worker(name: str) -> NoReturn:
    """Runs a worker of this name until SIGTERM; leases are released within 3 s and the status is 0."""
    secrets = Secrets()
    serve(replace(read_settings(), name=name), _opener(secrets), secrets)


def serve(settings: Settings, build: Build, secrets: Secrets) -> NoReturn:
    """Runs a Celery worker with these parts in this process and thread until it is told to end."""
    log_as(settings.name, secrets)
    worker = create(settings, build).Worker(hostname=f"{settings.name}@{os.uname().nodename}", quiet=True)
    worker.start()
    sys.exit(worker.exitcode or 0)


def log_as(name: str, secrets: Secrets) -> None:
    """Sends this process's logging out as JSON lines, and keeps Celery from setting up its own."""
    configure(name, secrets)
    signals.setup_logging.connect(_already, weak=False, dispatch_uid="oms")


def run_beat() -> None:
    """Runs the scheduler until SIGTERM: it dispatches and rings every five seconds; nothing depends on it."""
    settings = replace(read_settings(), name=BEAT_NAME)
    configure(BEAT_NAME, Secrets())
    uvloop.run(_beat(settings))


async def _beat(settings: Settings) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    schedule = await open_schedule(settings)

    async def turn() -> float:
        await schedule.relay.turn()
        await schedule.dispatcher.once()
        await schedule.doorbell.ring_dispatcher()
        return BEAT_SECONDS

    beating = asyncio.create_task(forever("beat", turn))
    log.info("beat_started")
    await ended.wait()
    beating.cancel()
    await asyncio.gather(beating, return_exceptions=True)
    await schedule.close()


def _opener(secrets: Secrets) -> Build:
    return lambda settings: open_parts(settings, secrets)


def _already(**_: object) -> None:
    """Logging is set up; Celery leaves it alone when somebody listens here."""
