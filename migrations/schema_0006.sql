-- When objects of a unit were last asked back from an archive, and under how many claims.
ALTER TABLE unit ADD COLUMN restoring_since timestamptz, ADD COLUMN restoring_asks integer NOT NULL DEFAULT 0;
