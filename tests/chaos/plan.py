"""What was asked for, as the checker is told it: tasks, groups, reports of events, and what each source held when."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from typing import Any

# The versions of each object by its key in hex: since when the source holds which SHA-256.
History = dict[str, list[tuple[float, str]]]


@dataclass(slots=True)
class Asked:
    """One task as it was asked for; `keys` are the source keys that it must account for, in hex."""

    id: int
    name: str
    save_prefix: str
    keys: list[str]
    created_at: float
    ended_at: float = 0.0
    deleted: bool = False
    folder: str = ""

    def list_folder(self, kind: str) -> bytes:
        """Where its lists of one kind lie."""
        return (self.folder or f"oms/task/{self.name}/{{kind}}_object_lists/").format(kind=kind).encode()


@dataclass(slots=True)
class AskedGroup:
    """One group as it was asked for; `shown` and `members` are what the API tells of it and its tasks at the end."""

    id: str
    save_prefix: str
    keys: list[str]
    created_at: float
    ended: bool = False
    deleted: bool = False
    shown: dict[str, Any] = field(default_factory=dict)
    members: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class AskedSync:
    """One synchronisation task: what was reported to it, key by key, and the figures that the API tells at the end.

    `reported`: keys of accepted calls in hex, with the instant before the last such call was sent. `late`: what the
    destination did not have when all had been dealt with, and when it had been reported last; these came again.
    """

    id: str
    created_at: float
    requests: int = 0
    reported: dict[str, float] = field(default_factory=dict)
    late: dict[str, float] = field(default_factory=dict)
    month: dict[str, int] = field(default_factory=dict)
    series: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Plan:
    """What the checker is told. `events`: the versions of the objects that events tell of."""

    tasks: list[Asked] = field(default_factory=list)
    groups: list[AskedGroup] = field(default_factory=list)
    syncs: list[AskedSync] = field(default_factory=list)
    history: History = field(default_factory=dict)
    events: History = field(default_factory=dict)


def remember(history: History, key: bytes, body: bytes) -> None:
    """The source holds this from now on."""
    history.setdefault(key.hex(), []).append((time.time(), hashlib.sha256(body).hexdigest()))
