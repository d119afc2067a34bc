"""Very many keys that a group cuts into tasks while it lists them: each listed once, in constant memory."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.e2e.site import Site
from tests.scale.place import MIB, Figure, Memory, judged, placed

_MOST_MEMORY = 150 * MIB
_PAGE = 1_000
_ENDED = (4, 5, 6)
_LISTED = "SELECT coalesce(sum(listed), 0)::bigint AS n FROM share WHERE group_id = %s::uuid"
_RANGES = "SELECT count(*) AS n FROM key_range"


def grouped_keys(root: Path, keys: int) -> list[Figure]:
    """A group over keys that both sides have, equal in size and ETag."""
    with placed(root, source_keys=keys) as site:
        began = time.monotonic()
        with Memory(site) as memory:
            group = site.engine.call("POST", "/taskgroups", site.request(task_type="PREFIX"))["group_id"]
            created, found = _followed(site, group, keys, memory)
        took = time.monotonic() - began
        counted = found["status"], found["skip_num"], found["total_num"]
        (listed,), (ranges,) = site.rows(_LISTED, group), site.rows(_RANGES)
        asked = site.source.counters().requests("list")
        most = keys // _PAGE + 4 * ranges["n"]
        return [
            judged("group", f"status, skipped, total: {counted}", f"{(6, keys, keys)}",
                   held=counted == (6, keys, keys)),
            Figure("tasks", str(found["create_task_num"])),
            Figure("seconds", f"{took:.0f}, all tasks made after {created:.0f}"),
            memory.figure(_MOST_MEMORY),
            judged("keys of its shares", str(listed["n"]), f"{keys}", held=listed["n"] == keys),
            judged("listings of the source", str(asked), f"<= a page a thousand keys and four a range: {most}",
                   held=asked <= most),
        ]  # fmt: skip


def _followed(site: Site, group: str, keys: int, memory: Memory) -> tuple[float, dict[str, Any]]:
    """After how many seconds no more tasks were made, and the group at its end."""
    began, created = time.monotonic(), 0.0
    while True:
        found: dict[str, Any] = site.engine.call("GET", f"/taskgroups/{group}")
        memory.progress = found["skip_num"] / keys
        if not created and found["status"] not in (0, 1):
            created = time.monotonic() - began
        if found["status"] in _ENDED:
            return created, found
        time.sleep(0.5)
