-- Registered notification targets, roles and privacy agreements.
SELECT 1;
