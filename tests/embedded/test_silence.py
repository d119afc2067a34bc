"""When a child counts as silent."""

import os
from pathlib import Path

from cli.supervisor.services import Service
from cli.supervisor.supervised import ServiceProcess, Silence


def test_silence_counts_from_the_last_touch_that_was_seen_on_our_own_clock(tmp_path: Path) -> None:
    pulse, silence = tmp_path / "pulse", Silence()
    # A slow start is no silence.
    assert silence.seconds(pulse, 1000.0) == 0
    os.close(os.open(pulse, os.O_CREAT))
    assert silence.seconds(pulse, 1100.0) == 0
    assert silence.seconds(pulse, 1107.5) == 7.5
    # The time of day may step either way: a touch is a touch.
    os.utime(pulse, (1, 1))
    assert silence.seconds(pulse, 1110.0) == 0
    assert silence.seconds(pulse, 1111.0) == 1


def test_a_service_without_a_pulse_is_never_silent(tmp_path: Path) -> None:
    service = ServiceProcess(Service("api", ("true",), {}, tmp_path / "log"))
    assert not service.silent(1e9)
