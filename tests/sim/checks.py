"""The promises that a whole run can refute: everything counted again, from both buckets, the ledger and the lists."""

import hashlib
from collections import Counter
from datetime import datetime
from urllib.parse import unquote_to_bytes

from engine.outcomes import Outcome
from engine.spec import TaskType
from engine.states import TaskStatus
from ledger.values import TaskId
from tests.ledger.model_rows import RecordRow, RunRow, TaskRow
from tests.sim.sizes import SINGLE
from tests.sim.steps import RunSeen, Steps
from tests.sim.weather import LEDGER, STORE

# What a task is told before it has planned anything: nothing that the storm did.
FOR_GOOD = frozenset({"TRF.0024", "TRF.0025", "TRF.0026", "TRF.0012", "TRF.0017", "S3M.1042", "S3M.1044"})
# What makes an object change hands between its write and the note of it.
DISOWNING = (*LEDGER, "kill", "freeze", "cut_off", "stop_worker", "pause", "outage", "revoked", "zombie")
# A key, and the second in which it was done.
Line = tuple[bytes, int]


class Checks(Steps):
    """All of them."""

    def may_go_on(self, task: TaskRow) -> bool:
        """Whether a task that failed was halted by what is over now; what it is told for good stays."""
        return task.error_code not in FOR_GOOD

    def finish(self) -> None:
        """Everything again, from both buckets, the ledger and the lists."""
        self._adds_up()
        model = self._world.model
        for task in model.tasks.values():
            run = model.run_of(task)
            if task.status in (TaskStatus.SUCCEEDED, TaskStatus.FAILED) and run.phase == "ended":
                self._ended(task, run)
        if self._world.plan.kind == "sync":
            self._batch()
        self._uploads()
        self._budget()

    def _ended(self, task: TaskRow, run: RunRow) -> None:
        seen = self._runs.get((task.id, run.run_no)) or RunSeen(self._runs[self._scanned].began, calm=False)
        found = self._of(task, run.run_no)
        own = self._own(task, run, found)
        recount = self._world.model.recount(run)
        if recount.problems and not task.facts.scanner:
            self.complain("P-12", f"{recount.problems}")
        fails = [one for one in own if one.kind == "fail"]
        if task.status is TaskStatus.SUCCEEDED and fails and not task.facts.scanner:
            self.complain("P-13", f"succeeded with failures: {fails[0].key!r}")
        self._status(task, run, own)
        self._listed(task, run, seen, found)
        for one in found:
            self._outcome(task, seen, one)
        if not task.facts.scanner:
            self._lists(task, run)
        if self._clear(seen):
            for one in fails:
                self._explained(one)

    @property
    def _scanned(self) -> tuple[TaskId, int]:
        """The run that has listed for the tasks of a group."""
        scanner = TaskId(100)
        return scanner, self._world.model.tasks[scanner].run_no

    def _status(self, task: TaskRow, run: RunRow, own: list[Outcome]) -> None:
        events = Counter(key for key, _ in self._world.model.events)
        name = f"task:{task.id}:run:{run.run_no}:{task.status.name}"
        if task.status is TaskStatus.SUCCEEDED and events[name] != 1:
            self.complain("P-28", f"{events[name]} times {name}")
        counter = self._world.model.counters[task.id, run.run_no]
        tally = Counter(str(one.kind) for one in own)
        if not task.facts.scanner and any(counter[kind] != tally[kind] for kind in ("ok", "skip", "fail")):
            self.complain("P-12", f"{counter} and outcomes {dict(tally)}")

    def _listed(self, task: TaskRow, run: RunRow, seen: RunSeen, found: list[Outcome]) -> None:
        keys = Counter(one.key for one in found)
        if seen.failed_only:
            if keys != seen.again:
                self.complain("P-19", f"did {dict(keys)} again for {dict(seen.again)}")
            return
        if task.spec.task_type is TaskType.LIST:
            self._lines(task, keys, found)
            return
        for key, n in keys.items():
            if n > 1:
                self.complain("P-13", f"{key!r} has {n} outcomes")
        for key in self._world.plan.keys:
            if self._chosen(task, key) and self._stood(key, seen.began) and not keys[key]:
                self.complain("P-14", f"{key!r} was never listed")
            if keys[key] and not self._chosen(task, key):
                self.complain("P-14", f"{key!r} was not asked for")

    def _lines(self, task: TaskRow, keys: Counter[bytes], found: list[Outcome]) -> None:
        listed = task.spec.source.list_file
        if listed is None or task.facts.scanner:
            return
        text = self._world.plan.lists[listed.key]
        wanted = Counter(unquote_to_bytes(one) for one in text.split(b"\n") if one)
        if wanted != keys:
            self.complain("P-14", f"the list names {dict(wanted)}, done was {dict(keys)}")
        twice = Counter(one.key for one in found if one.evidence == "duplicate line")
        if twice != wanted - Counter(wanted.keys()):
            self.complain("P-13", f"the list names {dict(wanted)}, passed over were {dict(twice)}")

    def _chosen(self, task: TaskRow, key: bytes) -> bool:
        """Whether the task takes a key, told by its words alone."""
        names = [one.encode() for one in task.spec.source.object_keys or ("",)]
        if task.spec.task_type is TaskType.OBJECT:
            return any(
                not name or key == name or (name.endswith(b"/") and key.startswith(name)) for name in names
            )
        return key.startswith(tuple(names))

    def _stood(self, key: bytes, since: float) -> bool:
        """Whether the source had the key all the time."""
        versions = self._world.source.history.get(key, [])
        before = [one for one in versions if one.since <= since]
        after = [one for one in versions if one.since > since]
        return bool(before) and before[-1].data is not None and all(one.data is not None for one in after)

    def _outcome(self, task: TaskRow, seen: RunSeen, one: Outcome) -> None:
        world = self._world
        target = world.plan.spec.destination.save_prefix.encode() + one.key
        there = world.destination.at(target)
        if one.kind == "fail" and not one.code:
            self.complain("P-13", f"{one.key!r} failed without a reason")
        if one.kind == "skip" and one.evidence == "exists" and there is None:
            self.complain("P-08", f"{target!r} is skipped as existing and does not exist")
        self._rules(one, target)
        if one.evidence == "exists" and self._only_ours(target):
            self.complain("P-13", f"{target!r} is skipped as existing, and nobody but us has written it")
        if one.kind != "ok":
            return
        if one.evidence not in ("wire", "provider", "e2e"):
            self.complain("P-02", f"{one.key!r} is proven by {one.evidence!r}")
        if there is None:
            self.complain("P-01", f"{target!r} is missing")
            return
        if target in self.intruded and world.destination.history[target][-1].by == "intruder":
            return
        since = seen.began if one.strength == "strong" else 0.0
        if there[1] not in [version.data for version in self._versions(target, since)]:
            self.complain("P-01", f"{target!r} is no version of its source ({one.strength})")
        bound = one.strength == "strong" and target not in self.intruded and self._last_said(one)
        if bound and there[0].info.etag != one.dst_etag:
            self.complain("P-01", f"{target!r} is {there[0].info.etag}, not {one.dst_etag}")

    def _rules(self, one: Outcome, target: bytes) -> None:
        """What the owner's words say of a source that never changed (P-08)."""
        source, there = self._world.source.at(one.key), self._world.destination.at(target)
        if source is None or len(self._versions(target)) != 1:
            return
        info, since = source[0].info, self._world.plan.spec.migrate_since_s
        by_listing = self._world.plan.spec.task_type is not TaskType.LIST and self._world.plan.kind != "sync"
        if since and by_listing and one.kind == "ok" and info.modified_ms <= since * 1000 and one.etag:
            self.complain("P-14", f"{one.key!r} is older than what is to be copied")
        same = there is not None and there[0].info.size == info.size
        if one.evidence == "size_last_modified" and not same and target not in self.intruded:
            self.complain("P-08", f"{target!r} is skipped as the same and has another size")

    def _only_ours(self, target: bytes) -> bool:
        """Whether one owner has written what stands there, from a source that never changed, and could tell so."""
        world = self._world
        if world.plan.poison or world.weather.levels["fuse"]:
            return False
        if any(world.weather.seen[kind] for kind in DISOWNING):
            return False
        by = {version.by for version in world.destination.history.get(target, [])}
        first = all(run_no == 1 for _, run_no in self._runs)
        told = not world.plan.opaque_destination and len(self._versions(target)) == 1
        return first and told and bool(by) and not by & {"owner", "intruder"}

    def _last_said(self, one: Outcome) -> bool:
        """Whether no other outcome speaks of the key: then the destination holds what this one says."""
        said = [
            each
            for found in self._found.values()
            for each in found
            if each.key == one.key and each.kind == "ok"
        ]
        return len(said) == 1

    def _clear(self, seen: RunSeen) -> bool:
        """Whether no store can be blamed for what failed in this run."""
        weather = self._world.weather
        blamed = (*STORE, "outage", "revoked", "kill", "fuse", "overwrite", "remove", "create", "intrude")
        return seen.calm or not any(weather.seen[kind] for kind in blamed)

    def _explained(self, one: Outcome) -> None:
        world, prefix = self._world, self._world.plan.spec.destination.save_prefix.encode()
        if one.code == "CRASHES_WORKER" and self._killed_otherwise(one):
            return
        gone = world.source.at(one.key) is None
        long = len(prefix + one.key) > world.destination.traits.max_key_bytes
        if not (gone or long or one.key in world.plan.denied or one.key in world.plan.poison):
            self.complain("P-23", f"{one.key!r} failed for nothing: {one.code} {one.detail}")

    def _killed_otherwise(self, one: Outcome) -> bool:
        """Workers died of other things as well, or a large object is concerned, which is never alone."""
        world = self._world
        keys = {one.key, *world.plan.poison}
        versions = (version for key in keys for version in world.source.history.get(key, []))
        large = any(len(version.data or b"") > SINGLE for version in versions)
        return large or bool(world.weather.seen["kill"] or world.weather.levels["fuse"])

    def _lists(self, task: TaskRow, run: RunRow) -> None:
        """The lists under oms/ say exactly what happened (P-16)."""
        world, told = self._world, {kind: Counter[Line]() for kind in ("ok", "skip", "fail")}
        rows = list(world.model.records_of(task.id, run.run_no))
        for row in rows:
            if row.state == "written":
                told[row.kind].update(self._told(row))
        wanted = self._own(task, run, self._of(task, run.run_no))
        for kind, lines in told.items():
            expected = Counter((one.key, one.finished_ms // 1000) for one in wanted if one.kind == kind)
            off = (kind == "fail" and not task.spec.record_failures) or any(
                one.state == "failed" for one in rows
            )
            if lines != expected and not off:
                self.complain("P-16", f"the {kind} list names {dict(lines)}, outcomes {dict(expected)}")

    def _told(self, row: RecordRow) -> Counter[Line]:
        found = self._world.destination.at(row.object_key.encode())
        if found is None or hashlib.sha256(found[1]).digest() != row.sha256:
            self.complain("P-16", f"{row.object_key} is not what its checksum says")
            return Counter()
        first, zone = (1 if row.kind == "fail" else 0), self._world.limits.zone
        lines = [line.split(b"\t")[first : first + 2] for line in found[1].splitlines()]
        times = [datetime.fromisoformat(time.decode()).replace(tzinfo=zone).timestamp() for time, _ in lines]
        return Counter(
            (unquote_to_bytes(key.decode()), int(time)) for (_, key), time in zip(lines, times, strict=True)
        )

    def _batch(self) -> None:
        """Every key of an event has one outcome, unless its batch was given up."""
        found = Counter(one.key for one in self._found[TaskId(100), 1])
        if set(found) - set(self._world.plan.events):
            self.complain("P-13", f"events {self._world.plan.events}, outcomes {dict(found)}")
        if found and max(found.values()) > 1:
            self.complain("P-13", f"an event's key has two outcomes: {dict(found)}")

    def _uploads(self) -> None:
        """No upload of an ended run is open, but those whose creation arrived after all (P-25, P-36)."""
        world = self._world
        leaked = {one.row.dst_key for one in world.model.uploads.values() if one.state == "leaked"}
        if world.deleted or any(not self._over(task) for task in world.model.tasks.values()):
            return
        for upload_id, key in world.destination.open_uploads.items():
            # Of a batch that was given up with its keys, nobody could go on with the lists.
            nobodys = world.plan.kind == "sync" and self.given_up and key.startswith(b"oms/")
            if upload_id not in self._late_uploads and key not in leaked and not nobodys:
                self.complain("P-36", f"upload {upload_id} of {key!r} is left open")

    def _over(self, task: TaskRow) -> bool:
        return self._world.model.run_of(task).phase == "ended"

    def _budget(self) -> None:
        """No byte moved under a limit that was not granted before (P-32)."""
        world = self._world
        if not world.plan.limited or self.limits_changed:
            return
        for way in ("read", "write"):
            granted = sum(n for place, n in world.throttle.granted.items() if place[1] == way)
            if self._moved[way] > granted:
                self.complain("P-32", f"{self._moved[way]} bytes of {way}, granted {granted}")
