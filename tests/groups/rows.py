"""Groups of an API without workers: created by calls, and brought where workers would bring them."""

from typing import Any

from tests.api.service import START, Account, Service, task_body

LIMITS = [{"start": "00:00", "end": "23:59", "max_bandwidth": 2_000_000}]
# What the calls that change a group are sent with.
BODIES = {"start": START, "retry": START, "update": {"bandwidth_policy": LIMITS}}


def group_body(**changes: Any) -> dict[str, Any]:
    """A good PREFIX group."""
    return task_body(**{"task_type": "PREFIX", **changes})


def created(api: Service, who: Account, **changes: Any) -> str:
    """A new group; its id."""
    answer = api.call(who, "POST", "/taskgroups", group_body(**changes))
    assert answer.status == 200, answer
    return str(answer.json["group_id"])


def put_in(api: Service, group: str, status: int, scanner: int = 3) -> None:
    """Forces a group and its scanner into a status, as engine and workers would bring it there."""
    api.sql("UPDATE task_group SET status = %s WHERE id = %s::uuid", status, group)
    api.sql("UPDATE task SET status = %s WHERE group_id = %s::uuid AND scanner", scanner, group)


def member(api: Service, group: str, status: int = 5, **figures: int) -> int:
    """One more task of the group, made as its scanner makes it."""
    (row,) = api.sql(
        "INSERT INTO task (id, project_id, group_id, name, task_type, region, spec, status)"
        " SELECT coalesce((SELECT max(id) FROM task), 0) + 1, project_id, group_id, 'of ' || group_id, 'list', region,"
        " spec, %s FROM task WHERE group_id = %s::uuid AND scanner RETURNING id", status, group,
    )  # fmt: skip
    task_id = int(row[0])
    phase = "ended" if status in (4, 5) else "active"
    api.sql("INSERT INTO run (task_id, run_no, phase, handed) VALUES (%s, 1, %s, true)", task_id, phase)
    columns = {
        "listed": 10,
        "listed_bytes": 1000,
        "ok": 6,
        "ok_bytes": 600,
        "skip": 4,
        "skip_bytes": 400,
        **figures,
    }
    names, marks = ", ".join(columns), ", ".join(["%s"] * len(columns))
    api.sql(
        f"INSERT INTO counter (task_id, run_no, shard, {names}) VALUES (%s, 1, 0, {marks})",
        task_id, *columns.values(),
    )  # fmt: skip
    return task_id


def credentials(api: Service, group: str) -> int:
    """How many sealed keys the tasks of a group have."""
    (row,) = api.sql(
        "SELECT count(*) FROM credential c JOIN task t ON t.id = c.task_id WHERE t.group_id = %s::uuid", group
    )
    return int(row[0])
