"""Starts children in order, restarts one that dies, stops all in order."""

import logging
import select
import signal
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import FrameType
from typing import NoReturn

from cli.embedded.errors import EmbeddedError
from cli.embedded.process import end_all, tail
from cli.supervisor.services import Service
from cli.supervisor.supervised import Runnable, ServiceProcess, Silence, Supervised

TICK_SECONDS = 0.25
EARLY_ENDS = 4
STOOD_STILL_SECONDS = 5.0
_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

log = logging.getLogger("oms.supervisor")


class StopRequested(KeyboardInterrupt):
    """The operator wants the end; raised wherever the supervisor is, so that nothing makes it wait.

    Event loops and drivers let a KeyboardInterrupt through at once, whichever signal it stands for.
    """


@dataclass(slots=True)
class Supervisor:
    """Keeps servers and services alive, in the main thread of its process.

    `void_leases` is told the name of a reaped service that holds leases, before that service starts again.
    """

    void_leases: Callable[[str], None]
    servers: list[Supervised] = field(default_factory=list)
    services: list[Supervised] = field(default_factory=list)
    _unvoided: set[str] = field(default_factory=set)
    _ticked_at: float = field(default_factory=time.monotonic)

    def start_server(self, name: str, server: Runnable) -> None:
        """Starts an embedded server and waits until it answers."""
        supervised = Supervised(name, server)
        self.servers.append(supervised)
        supervised.start()
        log.info("started name=%s", name)

    def start_services(self, services: Iterable[Service]) -> None:
        """Starts all services; what one of the same name held in an earlier life is voided first."""
        for service in services:
            supervised = Supervised(service.name, ServiceProcess(service), due_at=0.0)
            self.services.append(supervised)
            self._note_leases(supervised)
        self.tick()

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Keeps all alive until `ready()`; raises EmbeddedError when one keeps ending or time is over."""
        deadline = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > deadline:
                raise EmbeddedError(f"not ready after {seconds:.0f} s; see the logs")
            self.tick()
            self._refuse_restless()
            time.sleep(0.05)

    def run(self) -> NoReturn:
        """Keeps all alive; ends by StopRequested alone."""
        reader, writer = socket.socketpair()
        with reader, writer:
            reader.setblocking(False)
            writer.setblocking(False)
            signal.signal(signal.SIGCHLD, lambda *_: None)
            signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
            try:
                while True:
                    self.tick()
                    if select.select([reader], [], [], TICK_SECONDS)[0]:
                        reader.recv(4096)
            finally:
                signal.set_wakeup_fd(-1)

    def tick(self) -> None:
        """Ends what is silent, reaps what has ended and starts what is due."""
        self._end_silent(time.monotonic())
        for supervised in (*self.servers, *self.services):
            status = supervised.reap()
            if status is not None:
                log.warning("ended name=%s status=%s", supervised.name, status)
                self._note_leases(supervised)
        self._void()
        for supervised in (*self.servers, *self.services):
            if supervised.due() and supervised.name not in self._unvoided:
                self._start_due(supervised)

    def _end_silent(self, now: float) -> None:
        stood_still = now - self._ticked_at > STOOD_STILL_SECONDS
        self._ticked_at = now
        for one in self.services:
            service = one.runnable
            if not isinstance(service, ServiceProcess):
                continue
            if stood_still:
                # We have not looked for a while ourselves, so nobody's silence says anything.
                service.silence = Silence()
            elif service.silent(now) and service.process is not None:
                log.warning("silent name=%s", one.name)
                service.process.kill()

    def stop(self) -> None:
        """Ends the services, those with leases first; further signals of the operator change nothing."""
        for number in _STOPPING:
            signal.signal(number, signal.SIG_IGN)
        holders = [one for one in self.services if _service(one).leases]
        self._unvoided |= self._end(holders)
        self._void()
        self._end([one for one in self.services if one not in holders])

    def _refuse_restless(self) -> None:
        for one in self.services:
            if one.back_off.early_ends >= EARLY_ENDS:
                raise EmbeddedError(f"{one.name} does not stay up:\n{tail(_service(one).log)}")

    def _end(self, group: list[Supervised]) -> set[str]:
        """Ends a group together; returns the names of those that did not end well."""
        running = {one.name: one.runnable.process for one in group if one.runnable.process is not None}
        seconds = max((_service(one).stop_seconds for one in group), default=0.0)
        end_all(list(running.values()), signal.SIGTERM, seconds)
        for one in group:
            one.runnable.process = None
        return {name for name, process in running.items() if process.returncode != 0}

    def _start_due(self, supervised: Supervised) -> None:
        try:
            supervised.start()
        except (EmbeddedError, OSError) as error:
            log.error("start_failed name=%s error=%s", supervised.name, error)
            supervised.postpone()
        else:
            log.info("started name=%s", supervised.name)

    def _note_leases(self, supervised: Supervised) -> None:
        if isinstance(supervised.runnable, ServiceProcess) and supervised.runnable.service.leases:
            self._unvoided.add(supervised.name)

    def _void(self) -> None:
        for name in sorted(self._unvoided):
            try:
                self.void_leases(name)
            except Exception as error:  # noqa: BLE001 - whatever the database says now, it is asked again next time
                log.warning("void_failed name=%s error=%s", name, error)
                return
            self._unvoided.discard(name)


def stop_on_signals() -> None:
    """From now on SIGTERM, SIGINT and SIGHUP raise StopRequested in the main thread."""
    for number in _STOPPING:
        signal.signal(number, _raise_stop)


def _raise_stop(number: int, _frame: FrameType | None) -> NoReturn:
    raise StopRequested(signal.Signals(number).name)


def _service(supervised: Supervised) -> Service:
    if not isinstance(supervised.runnable, ServiceProcess):
        raise TypeError(f"{supervised.name} is no service")
    return supervised.runnable.service
