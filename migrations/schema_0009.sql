-- How often its owner has started the task again: each start may bring other keys, and ends what an earlier one began.
ALTER TABLE task ADD COLUMN starts integer NOT NULL DEFAULT 0;
