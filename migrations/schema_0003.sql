-- Synchronisation tasks, their events and statistics.

CREATE TABLE sync_task (                      -- a deleted one stays as a name only: its events are answered so
  id uuid PRIMARY KEY, project_id text NOT NULL REFERENCES project,
  spec jsonb NOT NULL,
  status text NOT NULL DEFAULT 'SYNCHRONIZING' CHECK (status IN ('SYNCHRONIZING', 'STOPPED')),
  created_at timestamptz NOT NULL DEFAULT now(), last_started_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz);
CREATE INDEX sync_task_by_project ON sync_task (project_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;

CREATE TABLE sync_credential (                -- sealed as those of tasks are
  sync_id uuid NOT NULL REFERENCES sync_task, side text NOT NULL CHECK (side IN ('source', 'destination')),
  sealed bytea NOT NULL, key_version integer NOT NULL, PRIMARY KEY (sync_id, side));

CREATE TABLE sync_event (                     -- one accepted call; it goes when its keys are in a batch
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sync_id uuid NOT NULL REFERENCES sync_task, accepted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  keys bytea[] NOT NULL, n integer NOT NULL CHECK (n = cardinality(keys)), bytes integer NOT NULL)
  WITH (autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX sync_event_waiting ON sync_event (sync_id, id) INCLUDE (n, bytes, accepted_at);

CREATE TABLE sync_statistic (                 -- five minutes; requests by their arrival, outcomes by their journal
  sync_id uuid NOT NULL REFERENCES sync_task, bucket_ms bigint NOT NULL CHECK (bucket_ms % 300000 = 0),
  request bigint NOT NULL DEFAULT 0, success bigint NOT NULL DEFAULT 0, failure bigint NOT NULL DEFAULT 0,
  skip bigint NOT NULL DEFAULT 0, bytes bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (sync_id, bucket_ms)) WITH (fillfactor = 50);

-- A batch of keys is a task of its own that no task call shows.
ALTER TABLE task ADD COLUMN sync_id uuid REFERENCES sync_task;
CREATE INDEX task_of_sync ON task (sync_id) WHERE sync_id IS NOT NULL;
