"""Puts a worker process together: which ledger, wire, stores, throttle and clock its coroutines get."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

from connectors.settings import endpoints
from connectors.wire import Wire
from ledger import settings as ledger_settings
from ledger.notices import Notices
from ledger.pool import Pool
from ledger.postgres import PostgresLedger
from ledger.sync_batches import gather_events
from ledger.sync_endings import bury
from workers.broker.bucket import open_throttle
from workers.broker.doorbell import Doorbell
from workers.tasks.board import LedgerBoard, LedgerOutbox, LedgerRoll, open_keyring
from workers.tasks.clock import SystemClock
from workers.tasks.couriers import Mails, Webhooks
from workers.tasks.dispatcher import Dispatcher
from workers.tasks.gatherer import Gatherer
from workers.tasks.log import Secrets
from workers.tasks.notifier import Notifier
from workers.tasks.pulse import Pulse
from workers.tasks.relay import Relay
from workers.tasks.runtime import Parts, TransferWorker
from workers.tasks.settings import Settings
from workers.tasks.stores import TaskStores
from workers.transfer.limits import Limits
from workers.transfer.ports import Clock, Ledger, Stores, Throttle
from workers.transfer.worker import Worker

# Claims and checkpoints of a worker, and beside them its dispatcher, relay and pulse.
_CONNECTIONS = 12


@dataclass(frozen=True, slots=True)
class Materials:
    """What a transfer worker is made of."""

    name: str
    ledger: Ledger
    stores: Stores
    throttle: Throttle
    clock: Clock
    random: Random
    limits: Limits


def transfer_worker(given: Materials) -> TransferWorker:
    """The worker of production."""
    return Worker(
        given.name, given.ledger, given.stores, given.throttle, given.clock, given.random, given.limits
    )


async def open_parts(
    settings: Settings, secrets: Secrets, make_worker: Callable[[Materials], TransferWorker] = transfer_worker
) -> Parts:
    """Everything that a worker's loop holds; nothing is dialled yet. To be called in that loop."""
    schedule = await open_schedule(settings)
    pool, wire = schedule.pool, Wire()
    pulse = Pulse(LedgerRoll(pool, settings.name))
    throttle, bucket = open_throttle(settings.redis_url, lambda: pulse.alive)
    stores = TaskStores(wire, endpoints(), open_keyring(pool), secrets, lambda: pulse.alive)
    ledger = PostgresLedger(pool, ledger_settings.lease_seconds())
    limits = Limits(
        zone=settings.zone,
        restore_days=settings.restore_days,
        restore_poll=settings.restore_poll_seconds,
    )
    worker = make_worker(Materials(settings.name, ledger, stores, throttle, SystemClock(), Random(), limits))

    async def close() -> None:
        await bucket.aclose()
        await wire.close()
        await schedule.close()

    turns = {"notifier": _notifier(settings, pool, wire).turn, "gatherer": _gatherer(settings, schedule).turn}
    return Parts(worker, schedule.dispatcher, schedule.relay, pulse, schedule.doorbell, close, turns)


def _notifier(settings: Settings, pool: Pool, wire: Wire) -> Notifier:
    web, mails = Webhooks(wire, endpoints()), Mails(settings.mail)
    return Notifier(Notices(pool), {"http": web, "https": web, "mailto": mails}, settings.zone)


def _gatherer(settings: Settings, schedule: "Schedule") -> Gatherer:
    pool = schedule.pool
    return Gatherer(lambda: gather_events(pool, settings.zone), lambda: bury(pool), schedule.doorbell)


@dataclass(frozen=True, slots=True)
class Schedule:
    """What the scheduler has of a worker."""

    pool: Pool
    dispatcher: Dispatcher
    relay: Relay
    doorbell: Doorbell
    close: Callable[[], Awaitable[None]]


async def open_schedule(settings: Settings) -> Schedule:
    """Dispatcher, relay and doorbell over one pool."""
    pool = Pool(ledger_settings.database_url(), size=_CONNECTIONS)
    doorbell = Doorbell(settings.redis_url)
    dispatcher = Dispatcher(LedgerBoard(pool, settings.slots), doorbell)

    async def close() -> None:
        doorbell.close()
        await pool.close()

    return Schedule(pool, dispatcher, Relay(LedgerOutbox(pool), dispatcher.poke), doorbell, close)
