"""The rows of a group's tasks: numbers, names, wishes and keys that they have from their group."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from engine import names, spec
from engine.spec import ListFile
from ledger.endings import AUDIT
from ledger.pool import Connection, execute, fetch_all

# Numbers are drawn from 999 and a task's id has room for hundredths of a second.
_PER_HUNDREDTH = 900

SERIALS = "SELECT nextval('task_serial')::int AS serial FROM generate_series(1, %(n)s)"

ADD_TASKS = """
INSERT INTO task (id, project_id, group_id, name, description, task_type, region, spec, bandwidth, priority)
SELECT n.id, t.project_id, t.group_id, n.name, t.description,
       CASE t.task_type WHEN 'prefix' THEN 'list' ELSE t.task_type END, t.region, n.spec, g.bandwidth, t.priority
  FROM task t JOIN task_group g ON g.id = t.group_id,
       unnest(%(ids)s::bigint[], %(names)s::text[], %(specs)s::jsonb[]) AS n(id, name, spec) WHERE t.id = %(task)s"""
ADD_RUNS = """
INSERT INTO run (task_id, run_no, phase, handed)
SELECT n, 1, CASE WHEN %(handed)s THEN 'active' ELSE 'prepare' END, %(handed)s FROM unnest(%(ids)s::bigint[]) AS n"""
SHARE_KEYS = """
INSERT INTO credential (task_id, side, sealed, key_version, sealed_for)
SELECT n, c.side, c.sealed, c.key_version, coalesce(c.sealed_for, c.task_id)
  FROM credential c, unnest(%(ids)s::bigint[]) AS n WHERE c.task_id = %(task)s"""


@dataclass(frozen=True, slots=True)
class Named:
    """Numbers and names of new tasks."""

    ids: list[int]
    names: list[str]


async def drawn_names(connection: Connection, scanner: DictRow, n: int, now: datetime) -> Named:
    """Ids and names of tasks as the API gives them; many of one instant spread over the hundredths after it."""
    named = Named([], [])
    wanted = spec.from_json(scanner["spec"])
    for at, row in enumerate(await fetch_all(connection, SERIALS, {"n": n})):
        instant = now + timedelta(milliseconds=10 * (at // _PER_HUNDREDTH))
        counter = instant.microsecond // 10_000 * 1000 + row["serial"]
        named.ids.append(names.task_id(int(instant.timestamp()), counter))
        named.names.append(
            names.task_name(wanted.source.bucket, wanted.destination.bucket, instant, row["serial"])
        )
    return named


async def add_tasks(
    connection: Connection, parameters: dict[str, Any], named: Named, specs: Sequence[Any], *, handed: bool
) -> None:
    """Adds the tasks in status 1 with their first runs and the scanner's keys; `handed`: their units follow."""
    known = parameters | {
        "ids": named.ids,
        "names": named.names,
        "specs": [Jsonb(one) for one in specs],
        "handed": handed,
    }
    await execute(connection, ADD_TASKS, known)
    await execute(connection, ADD_RUNS, known)
    await execute(connection, SHARE_KEYS, known)


async def note_tasks(connection: Connection, project: str, group: str, named: Named) -> None:
    """Leaves an audit row."""
    detail = {"group_id": group, "tasks": len(named.ids), "first": named.ids[0]}
    entry = {"project": project, "action": "group.tasks_created", "resource": f"group:{group}"}
    await execute(connection, AUDIT, entry | {"detail": Jsonb(detail)})


def of_list(stored: Any, key: str) -> Any:
    """The group's wishes for one list of its folder."""
    wanted = spec.from_json(stored)
    assert wanted.source.list_file is not None, "a list group names a folder"
    source = replace(wanted.source, list_file=ListFile(wanted.source.list_file.bucket, key))
    return spec.to_json(replace(wanted, source=source))
