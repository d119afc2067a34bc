-- Synchronisation tasks, their events and statistics.
SELECT 1;
