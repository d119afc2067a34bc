-- What each destination was seen to do: name is endpoint, bucket and account; token makes the probes' keys its own.
CREATE TABLE endpoint (
  name text PRIMARY KEY, token uuid NOT NULL DEFAULT gen_random_uuid(), found jsonb NOT NULL DEFAULT '{}',
  found_at timestamptz NOT NULL DEFAULT 'epoch', parts_found_at timestamptz NOT NULL DEFAULT 'epoch',
  busy_until timestamptz NOT NULL DEFAULT 'epoch');
