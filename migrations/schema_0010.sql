CREATE TABLE part_span (                      -- consecutive parts of one upload that any worker may send; gone when they are recorded
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  task_id bigint NOT NULL, run_no integer NOT NULL, unit_id bigint NOT NULL,
  upload bigint NOT NULL REFERENCES upload ON DELETE CASCADE, first integer NOT NULL, last integer NOT NULL,
  source_key bytea NOT NULL, version text NOT NULL,                 -- what is read; its ETag and size are the upload's
  state text NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'leased')),
  epoch bigint NOT NULL DEFAULT 0, claim_id uuid, worker text, lease_until timestamptz NOT NULL DEFAULT 'epoch',
  not_before timestamptz NOT NULL DEFAULT 'epoch', attempts integer NOT NULL DEFAULT 0,
  UNIQUE (upload, first), CHECK (first <= last),
  FOREIGN KEY (task_id, run_no) REFERENCES run ON DELETE CASCADE) WITH (fillfactor = 70);
CREATE INDEX part_span_of_run ON part_span (task_id, run_no);
