"""Leases of owners that are gone: their fences are void at once, and the next claim counts a crash."""

_VOID = "epoch = epoch + 1, claim_id = NULL, worker = NULL, lease_until = 'epoch'"


def _voided(condition: str) -> str:
    return f"""
WITH units AS (UPDATE unit SET {_VOID} WHERE state = 'leased' AND claim_id IS NOT NULL AND {condition} RETURNING 1),
ranges AS (UPDATE key_range SET {_VOID} WHERE state = 'leased' AND claim_id IS NOT NULL AND {condition} RETURNING 1),
spans AS (UPDATE part_span SET {_VOID} WHERE state = 'leased' AND claim_id IS NOT NULL AND {condition} RETURNING 1),
lists AS (UPDATE record SET {_VOID} WHERE state = 'planned' AND claim_id IS NOT NULL AND {condition} RETURNING 1),
runs AS (UPDATE run SET {_VOID} WHERE claim_id IS NOT NULL AND lease_until > 'epoch' AND {condition} RETURNING 1)
SELECT (SELECT count(*) FROM units) + (SELECT count(*) FROM ranges) + (SELECT count(*) FROM spans)
     + (SELECT count(*) FROM lists) + (SELECT count(*) FROM runs) AS voided"""


VOID_WORKER = _voided("worker = %(worker)s")
VOID_EXPIRED = _voided("task_id = %(task)s AND lease_until <= clock_timestamp()")
FORGET_WORKER = "DELETE FROM worker WHERE name = %(worker)s"

_LIVE = "task_id = %(task)s AND claim_id IS NOT NULL AND lease_until > clock_timestamp()"
LIVE = f"""
SELECT EXISTS (SELECT FROM run WHERE {_LIVE}) OR EXISTS (SELECT FROM record WHERE {_LIVE})
    OR EXISTS (SELECT FROM key_range WHERE {_LIVE} AND state = 'leased')
    OR EXISTS (SELECT FROM part_span WHERE {_LIVE} AND state = 'leased')
    OR EXISTS (SELECT FROM unit WHERE {_LIVE} AND state = 'leased') AS live"""
