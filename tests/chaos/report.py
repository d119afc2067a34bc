"""The figures of a run, for programs and for people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.chaos.findings import Findings
from tests.chaos.installation import LEASE_SECONDS
from tests.chaos.recovery import BARS

WORKERS = 4
SHOWN = 50


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
    unfinished: list[str] = field(default_factory=list)
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
        found += [f"{one} did not end after the faults" for one in self.unfinished]
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
            "groups_checked": found.groups, "events_checked": found.events, "lists_checked": found.lists,
            "snapshots_checked": self.looks, "lost": len(found.lost),
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
            f"checked: {found.objects} objects, {found.lists} lists, {found.tasks} tasks, {found.groups} groups,"
            f" {found.events} events, {self.looks} snapshots"
        )
        lines += [f"upload of a deleted task: {one}" for one in found.explained]
        lines += [
            f"slowest recovery, {what}: {seconds:.1f} s of {BARS[what]:.0f} s ({self.measured[what]} measured)"
            for what, seconds in self.slowest.items()
        ]
        lines.append(", ".join(f"{what} {number}" for what, number in counts.items()))
        lines += self.unsafe()[:SHOWN]
        return "\n".join(lines)
