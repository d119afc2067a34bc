"""The runtime's promises around failures: a turn that ends, a build that fails, a stop that hangs."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workers.processes import Process, process

SCRIPT = """
import asyncio, sys, types
from workers.broker.doorbell import Doorbell
from workers.tasks.log import Secrets
from workers.tasks.main import serve
from workers.tasks.runtime import Parts
from workers.tasks.settings import Settings

class Idle:
    alive = 1
    def poke(self): pass
    async def farewell(self): pass
    async def run_slice(self, seconds): return False
    async def turn(self):
        if sys.argv[1] == "turn_ends" and self.tries:
            raise asyncio.CancelledError
        self.tries += 1
        if sys.argv[1] == "turn_fails" and self.tries == 2:
            raise ValueError("once")
        return 0.5
    tries = 0
    async def stop(self):
        if sys.argv[1] == "stop_hangs":
            await asyncio.sleep(60)

async def close():
    pass

async def build(settings):
    if sys.argv[1] == "build_fails":
        raise ValueError("no such thing")
    return Parts(Idle(), Idle(), Idle(), Idle(), Doorbell(settings.redis_url), close)

serve(Settings("unix:///nowhere/r.sock", "w1", poll_seconds=1), build, Secrets())
"""


@pytest.fixture
def idle(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Process]:
    with process(["-c", SCRIPT, request.param], {}, tmp_path, "w1") as found:
        yield found


@pytest.mark.parametrize("idle", ["turn_ends"], indirect=True)
def test_a_process_without_one_of_its_turns_ends(idle: Process) -> None:
    assert idle.child.wait(20) == 1
    assert idle.count("turn_ended") >= 1


@pytest.mark.parametrize("idle", ["turn_fails"], indirect=True)
def test_a_failed_turn_is_logged_and_taken_again(idle: Process) -> None:
    idle.wait_for("turn_failed")
    time.sleep(2)
    assert idle.child.poll() is None


@pytest.mark.parametrize("idle", ["build_fails"], indirect=True)
def test_a_process_that_cannot_be_built_ends_and_says_why(idle: Process) -> None:
    assert idle.child.wait(20) != 0
    assert "no such thing" in idle.wait_for("loop_failed")["traceback"]


@pytest.mark.parametrize("idle", ["stop_hangs"], indirect=True)
def test_a_worker_that_does_not_stop_holds_the_process_for_seconds_only(idle: Process) -> None:
    idle.wait_for("worker_started")
    _, seconds = idle.end(signal.SIGTERM)
    assert seconds < 7
    assert idle.count("shutdown_step_too_slow") == 1
