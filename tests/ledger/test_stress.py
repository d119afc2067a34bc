"""Real processes, killed and stopped at random, and a server that restarts: nothing is lost or counted twice."""

import asyncio
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from cli.embedded.postgres import Postgres
from engine import outcomes
from ledger.pool import Pool
from ledger.postgres import PostgresLedger
from ledger.schema import upgrade
from ledger.values import TaskId
from tests.ledger.stress_worker import OBJECTS
from tests.ledger.test_schema import crash
from tests.ledger.world import World, key
from tests.servers import running_postgres

ROOT = Path(__file__).parents[2]
WORKERS = 4
TROUBLE_SECONDS = 6.0
STOPPED_SECONDS = 1.6
LIMIT_SECONDS = 60.0


@dataclass
class Crew:
    """Worker processes under attack."""

    url: str
    task: TaskId
    chance: Random = field(default_factory=lambda: Random(7))
    members: list[subprocess.Popen[bytes]] = field(default_factory=list)
    stopped: dict[int, float] = field(default_factory=dict)
    killed: int = 0
    paused: int = 0

    def hire(self) -> None:
        """Starts one more."""
        command = [sys.executable, "-m", "tests.ledger.stress_worker", self.url, str(self.task)]
        self.members.append(subprocess.Popen(command, cwd=ROOT))

    def harass(self) -> None:
        """Kills one and replaces it, or stops one for longer than its lease."""
        victim = self.chance.choice(self.members)
        if victim.pid in self.stopped or victim.poll() is not None:
            return
        if self.chance.random() < 0.5:
            victim.kill()
            victim.wait()
            self.members.remove(victim)
            self.killed += 1
            self.hire()
        else:
            victim.send_signal(signal.SIGSTOP)
            self.stopped[victim.pid] = time.monotonic() + STOPPED_SECONDS
            self.paused += 1

    def wake(self, *, everybody: bool = False) -> None:
        """Lets go on who was stopped for long enough."""
        for member in self.members:
            until = self.stopped.get(member.pid)
            if until is not None and (everybody or time.monotonic() > until):
                member.send_signal(signal.SIGCONT)
                del self.stopped[member.pid]

    def end(self) -> None:
        """Nobody is left behind."""
        for member in self.members:
            member.kill()
            member.wait()


async def harassed(crew: Crew, server: Postgres) -> None:
    """Some seconds of trouble with one restart of the server in the middle."""
    began, crashed = time.monotonic(), False
    while time.monotonic() - began < TROUBLE_SECONDS:
        await asyncio.sleep(0.3)
        crew.wake()
        crew.harass()
        if not crashed and time.monotonic() - began > TROUBLE_SECONDS / 2:
            crashed = True
            await asyncio.to_thread(crash, server)
    crew.wake(everybody=True)


async def finished(crew: Crew) -> None:
    """Until all workers have gone home by themselves."""
    began = time.monotonic()
    while any(member.poll() is None for member in crew.members):
        assert time.monotonic() - began < LIMIT_SECONDS
        await asyncio.sleep(0.05)
    assert {member.returncode for member in crew.members} == {0}


async def outcomes_by_key(pool: Pool) -> list[bytes]:
    """The keys of all journalled outcomes."""
    rows = await pool.fetch_all("SELECT payload FROM segment")
    return sorted(outcome.key for row in rows for outcome in outcomes.decode(row["payload"]))


@pytest.mark.slow
async def test_killed_workers_and_a_restarted_server_lose_and_double_nothing() -> None:
    with running_postgres() as server:
        upgrade(server.url())
        pool = Pool(server.url())
        ledger = PostgresLedger(pool, lease_seconds=5.0)
        world = World(pool, ledger)
        await world.create_project()
        task = await world.planned()
        crew = Crew(server.url(), task)
        try:
            for _ in range(WORKERS):
                crew.hire()
            await harassed(crew, server)
            await finished(crew)
        finally:
            crew.end()
        assert crew.killed >= 3
        assert crew.paused >= 3
        assert await world.value("SELECT max(attempts) > 1 FROM unit")
        assert await outcomes_by_key(pool) == [key(number) for number in range(OBJECTS)]
        claim = await ledger.claim_finish(task, "f")
        assert claim is not None
        found = await ledger.verify_run(claim)
        assert found.counted == found.recounted
        assert (found.listed, found.ranges_listed, found.gaps, found.digest_equal) == (
            OBJECTS,
            OBJECTS,
            (),
            True,
        )
        while record := await ledger.claim_record(task, "f", 1, finish=claim):
            assert await ledger.record_written(record, b"s" * 32)
        ended = await ledger.end_run(claim)
        assert ended is not None
        assert ended.problems == ()
        await pool.close()
