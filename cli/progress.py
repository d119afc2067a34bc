"""How a task's progress looks: a live line on a terminal, one line each five seconds elsewhere."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import click
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

LINE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Shown:
    """What the eye wants to know of a task."""

    share: float
    done: int
    total: int
    done_bytes: int
    total_bytes: int
    speed: int
    left_ms: int
    failed: int
    counting: bool

    @property
    def line(self) -> str:
        """All of it in one line."""
        more = "+" if self.counting else ""
        parts = [
            f"{self.share:6.1%}",
            f"{self.done:,}/{self.total:,}{more} objects",
            f"{sized(self.done_bytes)}/{sized(self.total_bytes)}{more}",
            f"{sized(self.speed)}/s",
            f"ETA {lasting(self.left_ms)}" if self.left_ms else "ETA -",
            f"{self.failed:,} failed",
        ]
        return "  ".join(parts)


def shown(task: Mapping[str, Any]) -> Shown:
    """From the API's answer."""
    return Shown(
        share=task["progress"],
        done=task["successful_num"] + task["skipped_num"] + task["failed_num"],
        total=task["total_num"],
        done_bytes=task["complete_size"],
        total_bytes=task["total_size"],
        speed=task["migrate_speed"],
        left_ms=task["left_time"],
        failed=task["failed_num"],
        counting=not task["is_query_over"],
    )


@contextmanager
def display() -> Iterator[Callable[[Shown], None]]:
    """Gives a function that shows the newest state; it may be called as often as one likes."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines()
        return
    with Live(console=console, refresh_per_second=8) as live:
        yield lambda state: live.update(_bar(state))


class _Lines:
    """One line each five seconds."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, state: Shown) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + LINE_SECONDS
            click.echo(state.line, err=True)


def _bar(state: Shown) -> Group:
    bar = ProgressBar(total=1.0, completed=state.share)
    return Group(bar, Text(state.line, no_wrap=True, overflow="ellipsis"))


def sized(count: int) -> str:
    """Bytes for people."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.2f} TiB"


def lasting(milliseconds: int) -> str:
    """A duration for people."""
    minutes, seconds = divmod(max(1, milliseconds // 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
