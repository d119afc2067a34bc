-- How many requests a run may make, NULL: any number.
ALTER TABLE task ADD COLUMN max_requests bigint CHECK (max_requests >= 0);
-- What the worker processes have asked of the stores for a run. A tally is one process's, its rows hold running totals:
-- what is written twice counts once. The run may be gone; what it asked for was paid for.
CREATE TABLE request_count (
  task_id bigint NOT NULL REFERENCES task ON DELETE CASCADE, run_no integer NOT NULL, tally uuid NOT NULL,
  side text NOT NULL CHECK (side IN ('source', 'destination')), operation text NOT NULL,
  requests bigint NOT NULL, sent bigint NOT NULL, received bigint NOT NULL,
  PRIMARY KEY (task_id, run_no, tally, side, operation)) WITH (fillfactor = 50);
