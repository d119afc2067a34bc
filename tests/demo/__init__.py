"""`make demo`: real files migrated between two local stores through the HTTP API, then compared."""
