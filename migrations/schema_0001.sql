-- The durable record. Keys are bytea everywhere; a span is a half-open piece of one run's key space.

CREATE TYPE key_span AS RANGE (subtype = bytea, multirange_type_name = key_multispan);

-- Bounds of a span begin with task and run, so one exclusion constraint forbids overlap inside a run.
-- A NULL hi is the end of the run's key space.
CREATE FUNCTION span_of(task bigint, run integer, lo bytea, hi bytea) RETURNS key_span
LANGUAGE sql IMMUTABLE
RETURN key_span(int8send(task) || int4send(run) || lo,
                CASE WHEN hi IS NULL THEN int8send(task) || int4send(run + 1)
                     ELSE int8send(task) || int4send(run) || hi END, '[)');

---------------------------------------------------------------- identity
CREATE TABLE domain (
  id text PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE TABLE project (
  id text PRIMARY KEY, domain_id text NOT NULL REFERENCES domain, name text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(), UNIQUE (domain_id, name));
CREATE TABLE principal (                      -- an IAM user
  id text PRIMARY KEY, domain_id text NOT NULL REFERENCES domain, name text NOT NULL,
  password_hash text NOT NULL, role text NOT NULL CHECK (role IN ('admin', 'operator', 'reader', 'none')),
  enabled boolean NOT NULL DEFAULT true, created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (domain_id, name));
CREATE TABLE access_key (
  access_key text PRIMARY KEY, principal_id text NOT NULL REFERENCES principal ON DELETE CASCADE,
  sealed_secret bytea NOT NULL, key_version integer NOT NULL, sealed_token bytea, expires_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE token (
  sha256 bytea PRIMARY KEY, principal_id text NOT NULL REFERENCES principal ON DELETE CASCADE,
  project_id text REFERENCES project, issued_at timestamptz NOT NULL, expires_at timestamptz NOT NULL,
  revoked_at timestamptz);

---------------------------------------------------------------- tasks
CREATE TABLE task (
  id bigint PRIMARY KEY, project_id text NOT NULL REFERENCES project, group_id uuid,
  name text NOT NULL, description text NOT NULL DEFAULT '', task_type text NOT NULL, region text NOT NULL,
  spec jsonb NOT NULL, bandwidth jsonb NOT NULL DEFAULT '[]', priority smallint NOT NULL DEFAULT 1,  -- 0 HIGH 1 MEDIUM 2 LOW
  status smallint NOT NULL DEFAULT 1 CHECK (status BETWEEN 1 AND 7),
  desired text NOT NULL DEFAULT 'run' CHECK (desired IN ('run', 'pause', 'halt')),   -- halt: a fatal error drains it
  fatal_code text, fatal_message text,        -- why it drains
  error_code text, error_message text,        -- shown in status 4
  run_no integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  first_started_at timestamptz, running_since timestamptz, running_ms bigint NOT NULL DEFAULT 0, ended_at timestamptz,
  version bigint NOT NULL DEFAULT 0);
CREATE INDEX task_by_project ON task (project_id, created_at DESC, id DESC);
CREATE INDEX task_open ON task (region, status, priority, queued_at) WHERE status IN (1, 2, 7);

CREATE TABLE credential (                     -- sealed with AES-256-GCM; associated data = table, row, project, key version
  task_id bigint NOT NULL REFERENCES task ON DELETE CASCADE, side text NOT NULL CHECK (side IN ('source', 'destination')),
  sealed bytea NOT NULL, key_version integer NOT NULL, PRIMARY KEY (task_id, side));

CREATE TABLE run (
  task_id bigint NOT NULL REFERENCES task ON DELETE CASCADE, run_no integer NOT NULL,
  failed_only boolean NOT NULL DEFAULT false,
  phase text NOT NULL DEFAULT 'prepare' CHECK (phase IN ('prepare', 'active', 'ended')),
  epoch bigint NOT NULL DEFAULT 0, claim_id uuid, worker text, lease_until timestamptz NOT NULL DEFAULT 'epoch',
  -- figures that earlier runs hand on when only failed objects are done again
  base_listed bigint NOT NULL DEFAULT 0, base_listed_bytes bigint NOT NULL DEFAULT 0,
  base_ok bigint NOT NULL DEFAULT 0, base_ok_bytes bigint NOT NULL DEFAULT 0,
  base_skip bigint NOT NULL DEFAULT 0, base_skip_bytes bigint NOT NULL DEFAULT 0,
  probe jsonb NOT NULL DEFAULT '{}', list_etag text,
  success_record_error text, skip_record_error text, failed_record_error text,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(), ended_at timestamptz,
  PRIMARY KEY (task_id, run_no));

CREATE TABLE scope (                          -- what a run has to cover
  task_id bigint NOT NULL, run_no integer NOT NULL, lo bytea NOT NULL, hi bytea, prefix bytea NOT NULL, exact boolean NOT NULL,
  span key_span GENERATED ALWAYS AS (span_of(task_id, run_no, lo, hi)) STORED,
  PRIMARY KEY (task_id, run_no, lo), FOREIGN KEY (task_id, run_no) REFERENCES run ON DELETE CASCADE,
  EXCLUDE USING gist (span WITH &&));

CREATE TABLE key_range (                      -- the tiles that cover it, each listed on its own
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  task_id bigint NOT NULL, run_no integer NOT NULL, lo bytea NOT NULL, hi bytea, prefix bytea NOT NULL, exact boolean NOT NULL,
  span key_span GENERATED ALWAYS AS (span_of(task_id, run_no, lo, hi)) STORED,
  cursor bytea NOT NULL DEFAULT '', page_no integer NOT NULL DEFAULT 0,
  listed bigint NOT NULL DEFAULT 0, listed_bytes bigint NOT NULL DEFAULT 0,
  digest bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
  state text NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'leased', 'done')),
  epoch bigint NOT NULL DEFAULT 0, claim_id uuid, worker text, lease_until timestamptz NOT NULL DEFAULT 'epoch',
  not_before timestamptz NOT NULL DEFAULT 'epoch', attempts integer NOT NULL DEFAULT 0,
  FOREIGN KEY (task_id, run_no) REFERENCES run ON DELETE CASCADE,
  EXCLUDE USING gist (span WITH &&)) WITH (fillfactor = 70);
CREATE INDEX key_range_of_run ON key_range (task_id, run_no);
CREATE INDEX key_range_open ON key_range (task_id, run_no, lo) WHERE state <> 'done';

CREATE TABLE unit (                           -- up to 1,000 objects, or one large object
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  task_id bigint NOT NULL, run_no integer NOT NULL, range_id bigint NOT NULL DEFAULT 0, page_no integer NOT NULL, chunk_no integer NOT NULL,
  manifest bytea NOT NULL, n integer NOT NULL, bytes bigint NOT NULL, large boolean NOT NULL DEFAULT false,
  done bit varying NOT NULL, seq integer NOT NULL DEFAULT 0,
  state text NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'leased', 'done')),
  epoch bigint NOT NULL DEFAULT 0, claim_id uuid, worker text, lease_until timestamptz NOT NULL DEFAULT 'epoch',
  not_before timestamptz NOT NULL DEFAULT 'epoch', attempts integer NOT NULL DEFAULT 0,
  cur_idx integer, crash_idx integer, crash_n integer NOT NULL DEFAULT 0,
  decided_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (task_id, run_no, range_id, page_no, chunk_no),
  FOREIGN KEY (task_id, run_no) REFERENCES run ON DELETE CASCADE) WITH (fillfactor = 70);
CREATE INDEX unit_open ON unit (task_id, run_no, large, id) WHERE state <> 'done';

CREATE TABLE segment (                        -- journalled outcomes: of a unit (unit_id, seq) or decided while listing (range_id, page_no)
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  task_id bigint NOT NULL, run_no integer NOT NULL, kind text NOT NULL CHECK (kind IN ('ok', 'skip', 'fail')),
  unit_id bigint NOT NULL DEFAULT 0, seq integer NOT NULL DEFAULT 0, range_id bigint NOT NULL DEFAULT 0, page_no integer NOT NULL DEFAULT 0,
  n integer NOT NULL, bytes bigint NOT NULL, digest bytea NOT NULL, payload bytea NOT NULL, record_id bigint,
  UNIQUE (task_id, run_no, unit_id, seq, range_id, page_no, kind),
  FOREIGN KEY (task_id, run_no) REFERENCES run ON DELETE CASCADE);
CREATE INDEX segment_by_kind ON segment (task_id, run_no, kind, id);
CREATE INDEX segment_of_record ON segment (record_id, id) WHERE record_id IS NOT NULL;
ALTER TABLE segment ALTER COLUMN payload SET STORAGE EXTERNAL;   -- compressed by us
ALTER TABLE unit ALTER COLUMN manifest SET STORAGE EXTERNAL;

CREATE TABLE counter (                        -- sixteen shards a run: no hot row
  task_id bigint NOT NULL, run_no integer NOT NULL, shard smallint NOT NULL,
  listed bigint NOT NULL DEFAULT 0, listed_bytes bigint NOT NULL DEFAULT 0,
  ok bigint NOT NULL DEFAULT 0, ok_bytes bigint NOT NULL DEFAULT 0,
  skip bigint NOT NULL DEFAULT 0, skip_bytes bigint NOT NULL DEFAULT 0,
  fail bigint NOT NULL DEFAULT 0, fail_bytes bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (task_id, run_no, shard), FOREIGN KEY (task_id, run_no) REFERENCES run ON DELETE CASCADE) WITH (fillfactor = 50);

CREATE TABLE upload (                         -- every multipart upload that we may have begun; outlives its task as 'leaked'
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  task_id bigint NOT NULL, run_no integer NOT NULL, unit_id bigint NOT NULL, idx integer NOT NULL,
  destination jsonb NOT NULL,                 -- cloud type, region, bucket: where to sweep it
  dst_key bytea NOT NULL, upload_id text, src_etag text NOT NULL, src_size bigint NOT NULL, part_size bigint NOT NULL,
  state text NOT NULL CHECK (state IN ('intent', 'open', 'closed', 'leaked')),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE INDEX upload_open ON upload (task_id) WHERE state IN ('intent', 'open');
CREATE INDEX upload_leaked ON upload (id) WHERE state = 'leaked';
CREATE UNIQUE INDEX upload_one_live ON upload (task_id, run_no, unit_id, idx) WHERE state IN ('intent', 'open');
CREATE TABLE upload_part (
  upload bigint NOT NULL REFERENCES upload ON DELETE CASCADE, number integer NOT NULL,
  etag text NOT NULL, size bigint NOT NULL, md5 bytea NOT NULL, crc64 numeric(20) NOT NULL, PRIMARY KEY (upload, number));

CREATE TABLE record (                         -- the lists under oms/; the name is fixed before the object is written
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  task_id bigint NOT NULL, run_no integer NOT NULL, kind text NOT NULL CHECK (kind IN ('ok', 'skip', 'fail')),
  object_key text NOT NULL, opened_ms bigint NOT NULL, lines bigint NOT NULL, bytes bigint NOT NULL, digest bytea NOT NULL,
  sha256 bytea, state text NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'written', 'failed')), error_code text,
  epoch bigint NOT NULL DEFAULT 0, claim_id uuid, worker text, lease_until timestamptz NOT NULL DEFAULT 'epoch',
  UNIQUE (task_id, object_key), FOREIGN KEY (task_id, run_no) REFERENCES run ON DELETE CASCADE);

---------------------------------------------------------------- around
CREATE TABLE worker (                         -- who is alive: shares of limits and ceilings are divided by this
  name text PRIMARY KEY, started_at timestamptz NOT NULL DEFAULT clock_timestamp(), seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  instance uuid NOT NULL);
CREATE TABLE audit (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(),
  project_id text NOT NULL, actor text NOT NULL, action text NOT NULL, resource text NOT NULL, request_id text NOT NULL,
  source_ip text NOT NULL DEFAULT '', detail jsonb NOT NULL DEFAULT '{}');
CREATE TABLE outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, dedupe_key text NOT NULL UNIQUE, topic text NOT NULL, payload jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(), sent_at timestamptz);
CREATE INDEX outbox_unsent ON outbox (id) WHERE sent_at IS NULL;
CREATE TABLE idempotency (
  project_id text NOT NULL, key text NOT NULL, body_sha256 bytea NOT NULL, status smallint, reply jsonb,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (project_id, key));
CREATE SEQUENCE task_serial AS integer MAXVALUE 999 CYCLE;
