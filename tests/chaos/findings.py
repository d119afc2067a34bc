"""What a check has found, and a line of a list."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes


@dataclass(slots=True)
class Findings:
    """What is wrong, a sentence each, and how much was looked at."""

    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    miscounted: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    explained: list[str] = field(default_factory=list)
    objects: int = 0
    tasks: int = 0
    groups: int = 0
    events: int = 0
    lists: int = 0

    @property
    def problems(self) -> list[str]:
        """All of it; orphans that deleted tasks explain are none."""
        return [*self.lost, *self.wrong, *self.doubled, *self.miscounted, *self.orphans]


@dataclass(slots=True)
class Line:
    """One line of a list."""

    key: bytes
    kind: str
    size: int


def lines_of(text: bytes, kind: str) -> list[Line]:
    """All lines of a list; `kind` is ok or success, skip, fail or failed."""
    return [_line(one, kind) for one in text.split(b"\n")[:-1]]


def _line(text: bytes, kind: str) -> Line:
    columns = text.decode("utf-8", "surrogateescape").split("\t")
    if kind in ("fail", "failed"):
        return Line(unquote_to_bytes(columns[2]), kind, 0)
    return Line(unquote_to_bytes(columns[1]), kind, int(columns[3]))
