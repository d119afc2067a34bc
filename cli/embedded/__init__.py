"""Postgres and Redis from the wheels' binaries, as children of the process that starts them."""
