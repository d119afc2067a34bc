"""One supervised thing: when it was started, when it ended, when it is started again."""

import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cli.embedded.process import Launch, spawn
from cli.supervisor.services import Service

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
STEADY_SECONDS = 30.0
LOG_BYTES = 16 * 1024 * 1024


class Runnable(Protocol):
    """What can be started as a child: a service or an embedded server."""

    process: subprocess.Popen[bytes] | None

    def start(self) -> None:
        """Starts the child."""
        ...


@dataclass(slots=True)
class Silence:
    """For how long a file has not been touched, on our own clock: a step of the time of day says nothing."""

    touched_ns: int | None = None
    since: float = 0.0

    def seconds(self, pulse: Path, now: float) -> float:
        """Monotonic seconds since the last touch that was seen; 0 before the first one."""
        try:
            touched_ns = pulse.stat().st_mtime_ns
        except FileNotFoundError:
            return 0.0
        if touched_ns != self.touched_ns:
            self.touched_ns, self.since = touched_ns, now
        return now - self.since


@dataclass(slots=True)
class ServiceProcess:
    """A service and the child that runs it now."""

    service: Service
    process: subprocess.Popen[bytes] | None = None
    silence: Silence = field(default_factory=Silence)

    def start(self) -> None:
        """Starts the child; a log that has grown large is put aside first."""
        self.silence = Silence()
        if self.service.pulse is not None:
            self.service.pulse.unlink(missing_ok=True)
        log = self.service.log
        if log.exists() and log.stat().st_size > LOG_BYTES:
            log.replace(log.with_name(log.name + ".1"))
        self.process = spawn(Launch(self.service.command, log, self.service.environment))

    def silent(self, now: float) -> bool:
        """Whether the child gives no sign of life any more: a loop that hangs ends itself, a stopped process cannot."""
        service = self.service
        if self.process is None or service.pulse is None:
            return False
        return self.silence.seconds(service.pulse, now) > service.silent_seconds


@dataclass(slots=True)
class BackOff:
    """How long to wait before the next start: doubles with each early end, forgets after a steady run."""

    early_ends: int = 0
    started_at: float = 0.0

    def started(self, now: float) -> None:
        """Notes a start (monotonic seconds)."""
        self.started_at = now

    def ended(self, now: float) -> float:
        """Notes an end; returns the seconds to wait before the next start."""
        self.early_ends = 1 if now - self.started_at >= STEADY_SECONDS else self.early_ends + 1
        return float(min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (self.early_ends - 1)))


@dataclass(slots=True)
class Supervised:
    """Something to keep alive. `due_at` is when it is started next, None while it runs."""

    name: str
    runnable: Runnable
    back_off: BackOff = field(default_factory=BackOff)
    due_at: float | None = None

    def start(self) -> None:
        """Starts it now."""
        self.due_at = None
        self.back_off.started(time.monotonic())
        self.runnable.start()

    def reap(self) -> int | None:
        """The exit status when it has ended since the last call, else None; plans the next start."""
        process = self.runnable.process
        status = None if process is None else process.poll()
        if status is None:
            return None
        self.runnable.process = None
        self.postpone()
        return status

    def postpone(self) -> None:
        """Plans the next start after one that ended or failed."""
        now = time.monotonic()
        self.due_at = now + self.back_off.ended(now)

    def due(self) -> bool:
        """Whether it is time to start it."""
        return self.due_at is not None and time.monotonic() >= self.due_at
