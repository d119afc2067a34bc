"""What happens to a world during its storm: to its processes, stores, owner and source."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from engine.states import Refused, TaskStatus
from engine.windows import BandwidthWindow
from tests.sim.loop import pause
from tests.sim.process import Process

if TYPE_CHECKING:
    from tests.sim.world import World


class Happenings:
    """One method a kind."""

    def __init__(self, world: "World") -> None:
        self._world = world

    def all(self) -> list[Awaitable[None]]:
        """Each kind again and again, as the weather has it."""
        doers: dict[str, Callable[[], None]] = {
            "kill": self.kill,
            "stop_worker": self.stop_worker,
            "freeze": self._freeze,
            "cut_off": self._cut_off,
            "pause": self._pause_task,
            "delete": self._delete,
            "overwrite": self._overwrite,
            "remove": self._remove,
            "create": self._create,
            "intrude": self._intrude,
            "limit": self._limit,
            "outage": self._outage,
            "revoked": self._revoke,
        }
        return [self._repeat(kind, do) for kind, do in doers.items()]

    async def _repeat(self, kind: str, do: Callable[[], None]) -> None:
        while (wait := self._world.weather.every(kind)) is not None:
            await pause(wait)
            if self._world.weather.calm:
                return
            self._world.weather.seen[kind] += 1
            do()

    def kill(self) -> None:
        """The first process dies."""
        for process in self._world.living()[:1]:
            process.kill()
            if self._world.random.random() < 0.5:
                self._world.model.void_worker(process.name)

    def stop_worker(self) -> None:
        """The last process is told to stop."""
        for process in [one for one in self._world.living() if not one.frozen][-1:]:
            process.stopping = True
            process.start(self._stopped(process))

    async def _stopped(self, process: Process) -> None:
        """SIGTERM: within three seconds it holds nothing any more."""
        began = self._world.loop.time()
        assert process.worker is not None
        before, estranged_until = self._world.checks.disturbances(process), process.estranged_until
        await process.worker.stop()
        if estranged_until <= self._world.loop.time():
            self._world.checks.stopped(process, began, before)
        process.kill()

    def _freeze(self) -> None:
        for process in self._world.living()[:1]:
            process.freeze(self._world.random.random() * 3 * self._world.plan.lease_seconds)

    def _cut_off(self) -> None:
        """Half the time a store is hard to reach as well: what is tried again then may outlive its lease."""
        world = self._world
        for process in world.living()[-1:]:
            until = world.loop.time() + world.random.random() * 3 * world.plan.lease_seconds
            process.cut_until = until
            if world.random.random() < 0.5:
                world.outages[world.destination.name] = until + 1
                world.weather.seen["outage"] += 1

    def _pause_task(self) -> None:
        for task in list(self._world.model.tasks.values()):
            if task.facts.sync_id:
                continue
            try:
                if task.status is TaskStatus.MIGRATING and self._world.random.random() < 0.8:
                    self._world.model.stop(task.id)
                elif task.status in (TaskStatus.PAUSED, TaskStatus.FAILED):
                    self._world.start(task)
            except Refused:
                continue

    def _delete(self) -> None:
        for task in list(self._world.model.tasks.values()):
            if task.facts.sync_id or task.facts.group_id:
                continue
            try:
                self._world.model.delete(task.id)
                self._world.deleted.add(task.id)
            except Refused:
                continue

    def _some_key(self) -> bytes | None:
        return self._world.random.choice(self._world.plan.keys) if self._world.plan.keys else None

    def _overwrite(self) -> None:
        key = self._some_key()
        if key is not None and self._world.source.at(key) is not None:
            self._world.source.set(
                key, self._world.random.randbytes(self._world.random.choice(self._world.sizes))
            )

    def _remove(self) -> None:
        key = self._some_key()
        if key is not None and self._world.source.at(key) is not None:
            self._world.source.unset(key)

    def _create(self) -> None:
        key = self._some_key()
        if key is not None and self._world.source.at(key) is None:
            self._world.source.set(key, self._world.random.randbytes(9))

    def _intrude(self) -> None:
        key = self._some_key()
        if key is not None:
            target = self._world.plan.spec.destination.save_prefix.encode() + key
            self._world.destination.set(target, self._world.random.randbytes(11), "intruder")
            self._world.checks.intruded.add(target)

    def _limit(self) -> None:
        for task_id in list(self._world.model.tasks):
            rate = self._world.random.choice((0, 20, 60, 200))
            self._world.model.set_bandwidth(task_id, (BandwidthWindow(0, 1440, rate),) if rate else ())
            self._world.checks.limits_changed = True

    def _outage(self) -> None:
        bucket = self._world.random.choice((self._world.source, self._world.destination))
        self._world.outages[bucket.name] = self._world.loop.time() + self._world.random.random() * 20

    def _revoke(self) -> None:
        self._world.revoked_until = self._world.loop.time() + self._world.random.random() * 4
