"""One run: the workload, the faults of the schedule, and what came of it."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import psutil
import psycopg

from tests.chaos.checker import DRIFT, Checker, Findings
from tests.chaos.faults import HOLD, KINDS
from tests.chaos.installation import LEASE_SECONDS, Installation, installed
from tests.chaos.recovery import BARS, Recoveries
from tests.chaos.schedule import Draw, schedule
from tests.chaos.workload import Workload

WORKERS = 4
FINISH_SECONDS = 180.0
SHOWN = 50
# Sentences of the engine's logs that no fault may bring about.
NEVER = ("run_does_not_add_up", "JournalError", "loop_stands_still")
COPIED = "SELECT task_id, run_no, sum(ok)::bigint AS ok FROM counter GROUP BY task_id, run_no"


@dataclass(slots=True)
class Report:
    """What a run has shown."""

    seconds: float
    seed: int
    objects: int = 0
    drawn: dict[str, int] = field(default_factory=dict)
    not_shown: list[str] = field(default_factory=list)
    failed_faults: list[str] = field(default_factory=list)
    did: dict[str, int] = field(default_factory=dict)
    repeated_calls: int = 0
    unfinished: list[int] = field(default_factory=list)
    drifts: list[str] = field(default_factory=list)
    looks: int = 0
    alarms: dict[str, list[str]] = field(default_factory=dict)
    slowest: dict[str, float] = field(default_factory=dict)
    measured: dict[str, int] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)

    @property
    def rate(self) -> float:
        """Objects copied a second while faults acted."""
        return self.objects / self.seconds

    def unsafe(self) -> list[str]:
        """What must never be, on a machine of any speed."""
        found = [*self.findings.problems, *self.drifts]
        found += [f"{word} in a log, {len(told)} times: {told[0]}" for word, told in self.alarms.items()]
        found += [f"task {one} did not end after the faults" for one in self.unfinished]
        return found

    def slow(self, least_rate: float) -> list[str]:
        """Bars that a loaded machine may miss."""
        found = [
            f"{what}: recovered after {self.slowest[what]:.1f} s, promised {bar:.0f} s"
            for what, bar in BARS.items()
            if self.slowest[what] > bar
        ]
        if self.rate < least_rate:
            found.append(f"{self.rate:.1f} objects/s, promised {least_rate:.0f}")
        return found

    def to_json(self) -> dict[str, Any]:
        """All figures."""
        found = self.findings
        return {
            "seconds": self.seconds, "seed": self.seed, "workers": WORKERS, "lease_seconds": LEASE_SECONDS,
            "objects": self.objects, "objects_per_second": round(self.rate, 1), "faults": self.drawn,
            "faults_drawn": sum(self.drawn.values()), "not_shown": self.not_shown, "did": self.did,
            "api_calls_repeated": self.repeated_calls, "tasks_checked": found.tasks, "objects_checked": found.objects,
            "lists_checked": found.lists, "snapshots_checked": self.looks, "lost": len(found.lost),
            "silently_wrong": len(found.wrong), "double_counted": len(found.doubled),
            "counters_unequal_to_recount": len(found.miscounted) + len(self.drifts),
            "orphan_uploads": len(found.orphans), "uploads_of_deleted_tasks": found.explained,
            "unfinished_tasks": self.unfinished, "slowest_recovery_seconds": self.slowest,
            "recoveries_measured": self.measured, "problems": self.unsafe(), "failed_faults": self.failed_faults,
        }  # fmt: skip

    def text(self) -> str:
        """The same for people."""
        found = self.findings
        counts = {
            "lost": len(found.lost),
            "silently wrong": len(found.wrong),
            "double-counted": len(found.doubled),
            "counters unlike the recount": len(found.miscounted) + len(self.drifts),
            "orphan uploads": len(found.orphans),
            "unfinished tasks": len(self.unfinished),
        }
        lines = [f"{times:4} × {kind}" for kind, times in sorted(self.drawn.items())]
        lines += [f"not shown here: {one}" for one in self.not_shown]
        lines += [f"fault without effect: {one}" for one in self.failed_faults]
        lines.append("done: " + ", ".join(f"{what} {times}" for what, times in sorted(self.did.items())))
        lines.append(
            f"seed {self.seed}, {self.seconds:.0f} s, {WORKERS} workers, 2 APIs, lease {LEASE_SECONDS} s"
        )
        lines.append(
            f"faults: {sum(self.drawn.values())} of {len(self.drawn)} kinds; calls repeated {self.repeated_calls}"
        )
        lines.append(f"objects under faults: {self.objects}, {self.rate:.1f} a second")
        lines.append(
            f"checked: {found.objects} objects, {found.lists} lists, {found.tasks} tasks, {self.looks} snapshots"
        )
        lines += [f"upload of a deleted task: {one}" for one in found.explained]
        lines += [
            f"slowest recovery, {what}: {seconds:.1f} s of {BARS[what]:.0f} s ({self.measured[what]} measured)"
            for what, seconds in self.slowest.items()
        ]
        lines.append(", ".join(f"{what} {number}" for what, number in counts.items()))
        lines += self.unsafe()[:SHOWN]
        return "\n".join(lines)


class Run:
    """One installation under faults."""

    def __init__(self, site: Installation, seconds: float, seed: int, kinds: list[str]) -> None:
        self._site = site
        self._seconds = seconds
        self._rng = Random(seed)
        self._kinds = kinds
        self._workload = Workload(site, seed)
        self._recoveries = Recoveries(site)
        self._over = threading.Event()
        self._copied: dict[tuple[int, int], int] = {}
        self.report = Report(seconds, seed)

    def go(self) -> Report:
        """Faults for their time, then an end without faults, then the check."""
        self._workload.fill()
        began = time.monotonic()
        threads = [threading.Thread(target=one) for one in (self._watch, self._work)]
        for thread in threads:
            thread.start()
        try:
            self._act(schedule(self._kinds, self._seconds, self.report.seed), began)
            self._over.wait(max(0.0, began + self._seconds - time.monotonic()))
        finally:
            self._over.set()
            for thread in threads:
                thread.join()
        self._look()
        self.report.objects = sum(self._copied.values())
        self.report.seconds = time.monotonic() - began
        self._end()
        return self.report

    def _act(self, draws: list[Draw], began: float) -> None:
        holding: list[threading.Thread] = []
        for draw in draws:
            time.sleep(max(0.0, began + draw.at - time.monotonic()))
            self.report.drawn[draw.kind] = self.report.drawn.get(draw.kind, 0) + 1
            seed = self._rng.random()
            holding.append(threading.Thread(target=self._fault, args=(draw, Random(seed))))
            holding[-1].start()
            if self._rng.random() < 0.3:
                self._workload.mutate()
        for thread in holding:
            thread.join()

    def _fault(self, draw: Draw, rng: Random) -> None:
        after = self._measured(draw.kind)
        try:
            with KINDS[draw.kind](self._site, rng):
                after()
                time.sleep(HOLD.get(draw.kind, draw.hold))
        except (psycopg.Error, psutil.Error, OSError, RuntimeError) as error:
            # Another fault has taken what this one needs; it is counted as drawn and named.
            self.report.failed_faults.append(f"{draw.kind}: {str(error).strip()[:200]}")

    def _measured(self, kind: str) -> Any:
        match kind:
            case "kill -9 of all workers" | "kill -9 of a worker":
                names = [
                    one.environ().get("OMS_WORKER_NAME", "")
                    for one in self._site.processes("cli.main worker")
                ]
                after = self._recoveries.before_death(names)
                return after if kind == "kill -9 of all workers" else lambda: None
            case "Redis killed":
                return self._recoveries.redis_lost
            case "Postgres restarted":
                return self._recoveries.postgres_restarted
            case _:
                return lambda: None

    def _work(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                self._workload.turn()
            self._over.wait(0.2)

    def _watch(self) -> None:
        while not self._over.wait(1.0):
            self._site.second.keep()
            self._look()

    def _look(self) -> None:
        """The ledger's figures in one snapshot: they may never contradict each other."""
        with contextlib.suppress(psycopg.Error):
            for drift in self._site.rows(DRIFT):
                self.report.drifts.append(f"counters differ from the journal: {drift}")
            for row in self._site.rows(COPIED):
                where = (row["task_id"], row["run_no"])
                self._copied[where] = max(self._copied.get(where, 0), row["ok"])
            self.report.looks += 1

    def _end(self) -> None:
        report, site = self.report, self._site
        self._recoveries.wait()
        for store in (site.source, site.destination):
            store.ask("DELETE", "faults")
        report.unfinished = self._workload.finish(FINISH_SECONDS)
        self._workload.last_word()
        report.unfinished += self._workload.finish(60)
        report.did, report.repeated_calls = self._workload.did, self._workload.client.repeated
        report.slowest = {what: round(self._recoveries.slowest(what), 2) for what in BARS}
        report.measured = {what: len(self._recoveries.took[what]) for what in BARS}
        report.findings = Checker(
            site.source, site.destination, site.database_url, self._workload.plan
        ).check()
        report.alarms = _alarms(site.data / "logs")


def _alarms(logs: Path) -> dict[str, list[str]]:
    """The lines that say what must never be said, by the word that tells it."""
    text = "".join(log.read_text(errors="replace") for log in logs.glob("worker-*"))
    told = {word: [line for line in text.splitlines() if word in line] for word in NEVER}
    return {word: lines for word, lines in told.items() if lines}


def run(seconds: float, seed: int, *, keep_logs: Path | None = None) -> Report:
    """A whole run in a directory of its own."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder, installed(Path(folder), WORKERS) as site:
        kinds = list(KINDS)
        if not site.small_disk:
            kinds.remove("disk full")
        running = Run(site, seconds, seed, kinds)
        try:
            report = running.go()
        finally:
            if keep_logs is not None:
                shutil.copytree(site.data / "logs", keep_logs, dirs_exist_ok=True)
        report.not_shown = list(NOT_SHOWN) + (
            [] if site.small_disk else ["disk full: no right to mount a small disk"]
        )
        return report


NOT_SHOWN = (
    "clock steps of workers, Redis and stores (shown: what a step of the database's clock does to leases)",
    "packet loss and DNS faults (the proxy shows cuts, silence and one-way loss)",
)


def write(report: Report, path: Path) -> None:
    """The figures for other programs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report.to_json(), indent=2) + "\n")
