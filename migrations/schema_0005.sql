-- Verifications: hidden tasks that compare what both sides hold now, and write nothing but their findings.
ALTER TABLE task ADD COLUMN verifies bigint REFERENCES task ON DELETE CASCADE;
ALTER TABLE task ADD COLUMN reread boolean NOT NULL DEFAULT false;   -- every byte of both sides is read
CREATE INDEX task_by_verified ON task (verifies, id) WHERE verifies IS NOT NULL;
