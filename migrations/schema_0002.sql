-- Migration task groups. A group's hidden scanning task lists; what it lists moves to the group's tasks.

CREATE TABLE task_group (
  id uuid PRIMARY KEY, project_id text NOT NULL REFERENCES project, scanner_id bigint NOT NULL UNIQUE,
  task_type text NOT NULL, region text NOT NULL, spec jsonb NOT NULL, bandwidth jsonb NOT NULL DEFAULT '[]',
  status smallint NOT NULL DEFAULT 0 CHECK (status BETWEEN 0 AND 9),
  error_code text, error_message text,        -- shown in status 4 and 5
  task_objects bigint NOT NULL CHECK (task_objects > 0), task_bytes bigint NOT NULL CHECK (task_bytes > 0),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  first_started_at timestamptz, running_since timestamptz, running_ms bigint NOT NULL DEFAULT 0,
  version bigint NOT NULL DEFAULT 0);
CREATE INDEX task_group_by_project ON task_group (project_id, created_at DESC, id DESC);
CREATE INDEX task_group_moving ON task_group (id) WHERE status IN (0, 1, 2, 7, 8, 9);

ALTER TABLE task ADD COLUMN scanner boolean NOT NULL DEFAULT false;   -- lists for its group, and no call shows it
CREATE INDEX task_by_group ON task (group_id, status) WHERE group_id IS NOT NULL;

-- The task that the associated data of the ciphertext names: the group's scanner, whose keys its tasks share.
ALTER TABLE credential ADD COLUMN sealed_for bigint;

-- The run begins with units that the group's scanner has listed; its shares say what they must add up to.
ALTER TABLE run ADD COLUMN handed boolean NOT NULL DEFAULT false;

CREATE TABLE scanned_page (                   -- listed for a group and not yet part of one of its tasks
  task_id bigint NOT NULL, run_no integer NOT NULL, range_id bigint NOT NULL, page_no integer NOT NULL,
  lo bytea NOT NULL, hi bytea, listed bigint NOT NULL, listed_bytes bigint NOT NULL, digest bytea NOT NULL,
  PRIMARY KEY (task_id, run_no, range_id, page_no), FOREIGN KEY (task_id, run_no) REFERENCES run ON DELETE CASCADE);

CREATE TABLE share (                          -- a piece of the key space that a group's task has taken over
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  group_id uuid NOT NULL REFERENCES task_group ON DELETE CASCADE, task_id bigint NOT NULL,
  scanner_run integer NOT NULL, range_id bigint NOT NULL, lo bytea NOT NULL, hi bytea, prefix bytea NOT NULL,
  exact boolean NOT NULL, listed bigint NOT NULL, listed_bytes bigint NOT NULL, digest bytea NOT NULL,
  UNIQUE (task_id, lo));
CREATE INDEX share_of_group ON share (group_id, scanner_run);
