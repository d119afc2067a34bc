"""How open rows are found in SQL, at a cost that does not grow with the number of rows.

A limited search names its order by the columns of the index, and gives the leading one as a range instead of an
equality: otherwise the planner takes the primary key's order and wades through every other task's rows.
"""

FREE = """((x.state = 'ready' AND x.not_before <= clock_timestamp())
            OR (x.state = 'leased' AND x.lease_until <= clock_timestamp()))"""
LIVE = "x.state = 'leased' AND x.lease_until > clock_timestamp()"

# A span `x` of parts that anybody may send; what as many tries did not finish is left to the object's owner.
SPAN_TRIES = 3
SPAN_OFFERED = f"""x.attempts < {SPAN_TRIES}
  AND EXISTS (SELECT FROM upload u WHERE u.id = x.upload AND u.state = 'open')
  AND EXISTS (SELECT FROM unit whole WHERE whole.id = x.unit_id AND whole.state <> 'done')"""

# A task `t` that only waits for its objects to be restored: it takes no slot. Units come in the order of their index.
RESTING = """(t.status = 2 AND t.desired = 'run'
  AND EXISTS (SELECT FROM run x WHERE x.task_id = t.id AND x.run_no = t.run_no AND x.phase = 'active'
                 AND x.lease_until <= clock_timestamp())
  AND NOT EXISTS (SELECT FROM key_range x WHERE x.task_id = t.id AND x.run_no = t.run_no AND x.state <> 'done')
  AND EXISTS (SELECT FROM unit x WHERE x.task_id = t.id AND x.run_no = t.run_no AND x.state <> 'done')
  AND NOT EXISTS (SELECT FROM unit x WHERE x.task_id = t.id AND x.run_no = t.run_no AND x.state <> 'done'
                     AND NOT (x.state = 'ready' AND x.restoring_since IS NOT NULL
                              AND x.not_before > clock_timestamp())))"""

# The orders of the indexes unit_open and key_range_open.
UNIT_ORDER = "x.large, x.id"
RANGE_ORDER = "x.lo"

# Beyond this many waiting tasks, or as many listed objects as some tasks hold, a group's listing pauses: the ledger
# holds all that is listed and not yet copied.
MOST_AHEAD = 64
MOST_UNCUT = 4
AHEAD = f"""((SELECT count(*) FROM task m
               WHERE m.group_id = t.group_id AND m.status = 1 AND NOT m.scanner) >= {MOST_AHEAD}
  OR EXISTS (SELECT FROM task_group g WHERE g.id = t.group_id AND {MOST_UNCUT} * g.task_objects <=
       (SELECT sum(c.listed) FROM counter c WHERE c.task_id = t.id AND c.run_no = t.run_no)))"""


def units(large: str) -> str:
    """The condition for small or large units, `large` being an SQL boolean."""
    return f"x.large BETWEEN {large} AND {large}"


def counted(table: str, condition: str, order: str, most: int) -> str:
    """How many rows there are; beyond `most` it no longer matters."""
    return f"(SELECT count(*) FROM (SELECT FROM {table} x WHERE {condition} ORDER BY {order} LIMIT {most}) AS seen)"


def none(table: str, condition: str, order: str) -> str:
    """Whether there is no such row."""
    return f"{counted(table, condition, order, 1)} = 0"
