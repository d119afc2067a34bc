"""The searches for work go through their own index, so their cost does not grow with the tasks around them."""

import pytest

from ledger import claims, control, records
from ledger.pool import Pool
from tests.ledger.world import World, segment_of

OTHERS = 3
ROWS = 20_000

FILL_UNITS = """
INSERT INTO unit (task_id, run_no, range_id, page_no, chunk_no, manifest, n, bytes, large, done)
SELECT %s, 1, 1, at, 0, 'x', 8, 1, at %% 100 = 0, '00000000' FROM generate_series(1, %s) AS at"""
FILL_SEGMENTS = """
INSERT INTO segment (task_id, run_no, kind, range_id, page_no, n, bytes, digest, payload)
SELECT %s, 1, 'skip', 1, at, 1, 1, %s, %s FROM generate_series(1, %s) AS at"""


async def plan_of(pool: Pool, sql: str, **parameters: object) -> str:
    """What EXPLAIN says."""
    rows = await pool.fetch_all(f"EXPLAIN {sql}", parameters)
    return "\n".join(str(next(iter(row.values()))) for row in rows)


@pytest.mark.parametrize("analyzed", [False, True])
async def test_work_is_found_through_its_own_index(world: World, pool: Pool, *, analyzed: bool) -> None:
    segment = segment_of("skip", [1])
    for _ in range(OTHERS + 1):
        task = await world.planned()
        await pool.execute(FILL_UNITS, [task, ROWS])
        await pool.execute(FILL_SEGMENTS, [task, segment.digest, segment.payload, ROWS])
    if analyzed:
        await pool.execute("ANALYZE")
    names = {"task": task, "run": 1, "worker": "w", "lease": 1.0, "claim": "0" * 32, "after": 0}
    for large in (False, True):
        claim = await plan_of(pool, claims.CLAIM_UNIT, **names, large=large)
        assert "Index Scan using unit_open" in claim
        assert "Seq Scan on unit" not in claim
    finish = await plan_of(pool, claims.CLAIM_FINISH, **names)
    work = await plan_of(pool, control.OPEN_WORK)
    for plan in (finish, work):
        assert "unit_open" in plan
        assert "on unit " in plan
        # The object that a span is of is looked up, each by its number.
        assert "unit_pkey" not in plan.replace("unit_pkey on unit whole ", "")
        assert "Seq Scan on unit" not in plan
    for sql in (records.UNWRITTEN, records.FAILURES):
        found = await plan_of(pool, sql, **names, kind="skip")
        assert "segment_by_kind" in found
        assert "segment_pkey" not in found
