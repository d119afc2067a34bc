"""What may never be seen in any snapshot of the ledger."""

# Counters are what segments and lists hold, and what units and ranges say is done.
DRIFT = """
SELECT c.task_id, c.run_no, c.kind, c.n AS counted, coalesce(j.n, 0) AS journalled
  FROM (SELECT task_id, run_no, kind, n FROM (
          SELECT task_id, run_no, sum(ok)::bigint AS ok, sum(skip)::bigint AS skip, sum(fail)::bigint AS fail
            FROM counter GROUP BY task_id, run_no) s
          CROSS JOIN LATERAL (VALUES ('ok', ok), ('skip', skip), ('fail', fail)) AS v(kind, n)) c
  LEFT JOIN (SELECT task_id, run_no, kind, sum(n)::bigint AS n FROM (
               SELECT task_id, run_no, kind, n FROM segment WHERE record_id IS NULL
               UNION ALL SELECT task_id, run_no, kind, lines FROM record) x GROUP BY task_id, run_no, kind) j
    USING (task_id, run_no, kind)
 WHERE c.n <> coalesce(j.n, 0)
UNION ALL
SELECT c.task_id, c.run_no, 'more than listed', c.done, c.listed
  FROM (SELECT task_id, run_no, sum(ok + skip + fail)::bigint AS done, sum(listed)::bigint AS listed
          FROM counter GROUP BY task_id, run_no) c
 WHERE c.done > c.listed"""

# What a synchronisation task has taken into batches is dealt with or open.
SYNC_DRIFT = """
SELECT s.sync_id::text, s.request, s.done, coalesce(u.open, 0) AS open
  FROM (SELECT sync_id, sum(request)::bigint AS request, sum(success + failure + skip)::bigint AS done
          FROM sync_statistic GROUP BY sync_id) s
  LEFT JOIN (SELECT t.sync_id, sum(u.n - bit_count(u.done))::bigint AS open
               FROM unit u JOIN task t ON t.id = u.task_id WHERE t.sync_id IS NOT NULL GROUP BY t.sync_id) u
    USING (sync_id)
 WHERE s.request <> s.done + coalesce(u.open, 0)"""

# What a group's tasks have taken over is what they count as listed in their first run, as long as that is kept.
GROUP_DRIFT = """
SELECT s.task_id, s.listed AS taken, c.listed
  FROM (SELECT task_id, sum(listed)::bigint AS listed FROM share GROUP BY task_id) s
  JOIN (SELECT task_id, sum(listed)::bigint AS listed FROM counter WHERE run_no = 1 GROUP BY task_id) c
    USING (task_id)
 WHERE s.listed <> c.listed"""
