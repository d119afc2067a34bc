"""One run: the workload, the faults of the schedule, and what came of it."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import threading
import time
from pathlib import Path
from random import Random
from typing import Any

import psutil
import psycopg

from tests.chaos.checker import Checker
from tests.chaos.faults import HOLD, KINDS
from tests.chaos.installation import Installation, installed
from tests.chaos.recovery import BARS, Recoveries
from tests.chaos.report import WORKERS, Report
from tests.chaos.schedule import Draw, schedule
from tests.chaos.snapshots import DRIFT, GROUP_DRIFT, SYNC_DRIFT
from tests.chaos.workload import Workload

FINISH_SECONDS = 180.0
# Sentences of the engine's logs that no fault may bring about.
NEVER = ("run_does_not_add_up", "JournalError", "loop_stands_still")
# Batches of events go when they have ended; their sums stay.
COPIED = """
SELECT task_id::text AS task, run_no, sum(ok)::bigint AS ok FROM counter c
 WHERE EXISTS (SELECT FROM task t WHERE t.id = c.task_id AND t.sync_id IS NULL) GROUP BY task_id, run_no
UNION ALL SELECT sync_id::text, 0, sum(success)::bigint FROM sync_statistic GROUP BY sync_id"""


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
        self._copied: dict[tuple[str, int], int] = {}
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
            for sql in (DRIFT, SYNC_DRIFT, GROUP_DRIFT):
                for drift in self._site.rows(sql):
                    self.report.drifts.append(f"counters differ from the journal: {drift}")
            for row in self._site.rows(COPIED):
                where = (row["task"], row["run_no"])
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
        self._workload.groups.look()
        client = self._workload.client
        report.did, report.repeated_calls = client.did, client.repeated
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
    "clock steps of Redis and stores (shown: a worker's, and what a step of the database's clock does to leases)",
    "packet loss and DNS faults (the proxy shows cuts, silence and one-way loss)",
)


def write(report: Report, path: Path) -> None:
    """The figures for other programs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report.to_json(), indent=2) + "\n")
