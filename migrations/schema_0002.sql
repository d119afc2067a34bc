-- Migration task groups.
SELECT 1;
