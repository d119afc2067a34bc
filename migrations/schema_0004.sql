-- Registered notification targets, who wants to be told, and what counting quotas needs.
CREATE TABLE topic (                          -- where a topic's messages go: a webhook's address, or mailto:
  urn text PRIMARY KEY, project_id text NOT NULL REFERENCES project, target text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE notification (                   -- what the owner of a task or group asked for, and how the latest telling fared
  kind text NOT NULL CHECK (kind IN ('task', 'group')), owner text NOT NULL, project_id text NOT NULL REFERENCES project,
  config jsonb NOT NULL, event text, result jsonb, PRIMARY KEY (kind, owner));
ALTER TABLE outbox ADD COLUMN attempts integer NOT NULL DEFAULT 0, ADD COLUMN not_before timestamptz NOT NULL DEFAULT 'epoch';
CREATE INDEX audit_by_action ON audit (project_id, action, at);
CREATE INDEX idempotency_by_age ON idempotency (project_id, created_at);
-- Lists and counts of a project's tasks come from this index alone.
CREATE INDEX task_shown ON task (project_id, created_at DESC, id DESC) INCLUDE (status) WHERE NOT scanner AND sync_id IS NULL;
DROP INDEX task_by_project;
