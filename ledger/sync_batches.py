"""From waiting events to batches: tasks of one closed run each, done by the machinery that does all tasks."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from engine import manifest, names
from engine import spec as specs
from engine.manifest import Entry
from engine.sync_batches import Batch, Event, gather
from ledger.dispatch import Due
from ledger.plans import COUNTER_SHARDS
from ledger.pool import Connection, Pool, execute, fetch_all, fetch_one
from ledger.rows import RESTING
from ledger.sync_statistics import ADD_UP, NOW_BUCKET
from ledger.values import TaskId

MOST_OPEN = 8
# Those that wait for objects to be restored keep no others from being made, up to so many.
MOST_RESTING = 56
MOST_LOOKED_AT = 4_000
PRIORITY = 1

WAITING = """
SELECT s.id FROM sync_task s WHERE s.status = 'SYNCHRONIZING' AND s.deleted_at IS NULL
   AND EXISTS (SELECT FROM sync_event e WHERE e.sync_id = s.id) ORDER BY s.id"""
# Gatherers take turns, and wait for a stop or a deletion; who accepts events is not kept waiting.
LOCKED = f"""
SELECT s.project_id, s.spec, nextval('task_serial') AS serial,
       (SELECT count(*) - least(count(*) FILTER (WHERE {RESTING}), {MOST_RESTING})
          FROM task t WHERE t.sync_id = s.id) AS open
  FROM sync_task s WHERE s.id = %(sync)s AND s.status = 'SYNCHRONIZING' AND s.deleted_at IS NULL
   FOR NO KEY UPDATE SKIP LOCKED"""
IN_FLIGHT = """
SELECT u.manifest, u.done::text AS done FROM task t JOIN unit u ON u.task_id = t.id
 WHERE t.sync_id = %(sync)s AND u.state <> 'done'"""
EVENTS = f"""
SELECT id, (extract(epoch FROM accepted_at) * 1000)::bigint AS accepted_ms, keys
  FROM (SELECT *, sum(n) OVER (ORDER BY id) - n AS before
          FROM (SELECT * FROM sync_event WHERE sync_id = %(sync)s ORDER BY id LIMIT {MOST_LOOKED_AT}) AS oldest)
       AS counted
 WHERE before < {MOST_LOOKED_AT} ORDER BY id"""

ADD_TASK = """
INSERT INTO task (id, project_id, sync_id, name, task_type, region, spec, priority, status, running_since,
                  first_started_at)
VALUES (%(task)s, %(project)s, %(sync)s, %(name)s, %(type)s, %(region)s, %(spec)s, %(priority)s, 2,
        clock_timestamp(), clock_timestamp())"""
# What such a run has to do is its unit: nothing is listed.
ADD_RUN = "INSERT INTO run (task_id, run_no, failed_only, phase) VALUES (%(task)s, 1, true, 'active')"
ADD_COUNTERS = f"""
INSERT INTO counter (task_id, run_no, shard, listed)
SELECT %(task)s, 1, shard, CASE shard WHEN 0 THEN %(n)s ELSE 0 END
  FROM generate_series(0, {COUNTER_SHARDS - 1}) AS shard"""
ADD_UNIT = """
INSERT INTO unit (task_id, run_no, page_no, chunk_no, manifest, n, bytes, done)
VALUES (%(task)s, 1, 0, 0, %(manifest)s, %(n)s, 0, repeat('0', %(n)s)::bit varying)"""

FORGET_EVENTS = "DELETE FROM sync_event WHERE id = ANY(%(ids)s)"
KEEP_REST = """
UPDATE sync_event SET keys = %(keys)s::bytea[], n = %(n)s, bytes = %(bytes)s WHERE id = %(id)s"""
COUNT_REQUESTS = f"""
INSERT INTO sync_statistic AS o (sync_id, bucket_ms, request)
SELECT %(sync)s, * FROM unnest(%(buckets)s::bigint[], %(requests)s::bigint[]) {ADD_UP}"""
COUNT_COALESCED = f"""
INSERT INTO sync_statistic AS o (sync_id, bucket_ms, skip) VALUES (%(sync)s, {NOW_BUCKET}, %(n)s) {ADD_UP}"""


async def gather_events(pool: Pool, zone: tzinfo) -> list[Due]:
    """Turns what waits into batches, up to MOST_OPEN for each synchronisation task; the tasks that came of it."""
    made: list[Due] = []
    for row in await pool.fetch_all(WAITING):
        while (task_id := await _gather(pool, row["id"], zone)) is not None:
            made.append(Due(task_id, PRIORITY))
    return made


async def _gather(pool: Pool, sync_id: UUID, zone: tzinfo) -> TaskId | None:
    async def work(connection: Connection) -> TaskId | None:
        sync = await fetch_one(connection, LOCKED, {"sync": sync_id})
        if sync is None or sync["open"] >= MOST_OPEN:
            return None
        batch = await _next(connection, sync_id)
        await _account(connection, sync_id, batch)
        return await _add(connection, sync_id, sync, batch.keys, zone) if batch.keys else None

    try:
        return await pool.in_transaction(work)
    except psycopg.errors.UniqueViolation:
        return None  # two tasks of one instant drew one number: the next turn draws another


async def _next(connection: Connection, sync_id: UUID) -> Batch:
    units = await fetch_all(connection, IN_FLIGHT, {"sync": sync_id})
    rows = await fetch_all(connection, EVENTS, {"sync": sync_id})
    return await asyncio.to_thread(_decide, units, rows)


def _decide(units: Sequence[DictRow], rows: Sequence[DictRow]) -> Batch:
    in_flight = {
        entry.key
        for unit in units
        for entry, done in zip(manifest.decode(unit["manifest"]), unit["done"], strict=True)
        if done == "0"
    }
    return gather((Event(row["id"], row["accepted_ms"], tuple(row["keys"])) for row in rows), in_flight)


async def _account(connection: Connection, sync_id: UUID, batch: Batch) -> None:
    """Events leave or shrink, and what they asked for is counted, in the transaction that makes the batch."""
    if not batch.rest:
        return
    gone = [event for event, rest in batch.rest.items() if not rest]
    await execute(connection, FORGET_EVENTS, {"ids": gone})
    for event, rest in batch.rest.items():
        if rest:
            kept = {"id": event, "keys": list(rest), "n": len(rest), "bytes": sum(map(len, rest))}
            await execute(connection, KEEP_REST, kept)
    requests = {"buckets": list(batch.requested), "requests": list(batch.requested.values())}
    await execute(connection, COUNT_REQUESTS, {"sync": sync_id, **requests})
    if batch.coalesced:
        await execute(connection, COUNT_COALESCED, {"sync": sync_id, "n": batch.coalesced})


async def _add(
    connection: Connection, sync_id: UUID, sync: DictRow, keys: Sequence[bytes], zone: tzinfo
) -> TaskId:
    spec, now = specs.from_json(sync["spec"]), datetime.now(UTC)
    # Hundredths of the second and the serial together, as for every task.
    task_id = names.task_id(int(now.timestamp()), now.microsecond // 10_000 * 1000 + sync["serial"])
    entries = [Entry(key=key, size=-1, modified_ms=-1, etag="") for key in keys]
    row: dict[str, Any] = {
        "task": task_id,
        "project": sync["project_id"],
        "sync": sync_id,
        "name": names.task_name(
            spec.source.bucket, spec.destination.bucket, now.astimezone(zone), sync["serial"]
        ),
        "type": spec.task_type.value,
        "region": spec.destination.region,
        "spec": Jsonb(sync["spec"]),
        "priority": PRIORITY,
        "manifest": manifest.encode(entries),
        "n": len(keys),
    }
    for statement in (ADD_TASK, ADD_RUN, ADD_COUNTERS, ADD_UNIT):
        await execute(connection, statement, row)
    return TaskId(task_id)
