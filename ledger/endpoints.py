"""What destinations were seen to do, kept for a day, and who is looking right now."""

from dataclasses import dataclass

from psycopg.types.json import Jsonb

from engine.endpoint import Found, from_json, to_json
from ledger.leasing import Leasing
from ledger.values import TaskId

FRESH_HOURS = 24

_FRESH = f"clock_timestamp() - interval '{FRESH_HOURS} hours'"
KNOWN = f"""
SELECT found, found_at > {_FRESH} AS fresh, parts_found_at > {_FRESH} AS parts_fresh,
       busy_until > 'epoch' AND busy_until <= clock_timestamp() AS abandoned
  FROM endpoint WHERE name = %(name)s"""
CLAIM = """
INSERT INTO endpoint (name, busy_until) VALUES (%(name)s, clock_timestamp() + make_interval(secs => %(seconds)s))
ON CONFLICT (name) DO UPDATE SET busy_until = excluded.busy_until WHERE endpoint.busy_until <= clock_timestamp()
RETURNING token"""
SAVE = """
UPDATE endpoint SET found = %(found)s, busy_until = 'epoch',
       found_at = CASE WHEN %(parts)s THEN found_at ELSE clock_timestamp() END,
       parts_found_at = CASE WHEN %(parts)s THEN clock_timestamp() ELSE parts_found_at END
 WHERE name = %(name)s"""
LEAVE = "UPDATE endpoint SET busy_until = 'epoch' WHERE name = %(name)s"
SHOW = "UPDATE run SET probe = %(found)s WHERE task_id = %(task)s AND run_no = %(run)s"


@dataclass(frozen=True, slots=True)
class Known:
    """What is on record; `fresh` and `parts_fresh` tell of which of it is younger than a day.

    `abandoned`: whoever looked last did not come to an end.
    """

    found: Found = Found()  # noqa: RUF009 - immutable
    fresh: bool = False
    parts_fresh: bool = False
    abandoned: bool = False


class Endpoints(Leasing):
    """The record of what destinations do, by the name of their store: endpoint, bucket and account."""

    async def endpoint(self, name: str) -> Known:
        """What is known of a destination."""
        row = await self._pool.fetch_one(KNOWN, {"name": name})
        return (
            Known(from_json(row["found"]), row["fresh"], row["parts_fresh"], row["abandoned"])
            if row
            else Known()
        )

    async def claim_endpoint(self, name: str, seconds: float) -> str | None:
        """The right to look, for `seconds`, as a token that stays the same; None while somebody else looks."""
        row = await self._pool.fetch_one(CLAIM, {"name": name, "seconds": seconds})
        return str(row["token"]) if row else None

    async def save_endpoint(self, name: str, found: Found, *, parts: bool) -> None:
        """What was seen, of small objects or of uploads in `parts`; the claim ends."""
        await self._pool.execute(SAVE, {"name": name, "found": Jsonb(to_json(found)), "parts": parts})

    async def leave_endpoint(self, name: str) -> None:
        """The claim ends without anything seen."""
        await self._pool.execute(LEAVE, {"name": name})

    async def show_endpoint(self, task_id: TaskId, run_no: int, found: Found) -> None:
        """Notes with a run what its destination was seen to do."""
        await self._pool.execute(SHOW, {"task": task_id, "run": run_no, "found": Jsonb(to_json(found))})
